// Alignment: the least-squares similarity transform that lays a face's five landmarks onto the embedder's template.
import type { Landmarks, Point } from '../domain/face.js';

/** An affine transform of points: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5]. */
export type AffineMatrix = readonly [number, number, number, number, number, number];

/**
 * Fits the rotation, uniform scale and translation that bring the points `from` nearest to the points `to` in the least-squares sense.
 * In the plane the solution has a closed form: with both sets centred, a = sum(p . q) / sum(|p|^2), b = sum(p x q) / sum(|p|^2).
 * @param to as many points as `from`, in the same order
 * @throws RangeError when all points of `from` coincide
 */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): AffineMatrix {
  const centreFrom = findCentre(from);
  const centreTo = findCentre(to);
  let dot = 0;
  let cross = 0;
  let norm = 0;
  from.forEach((p, i) => {
    const q = to[i];
    if (!q) throw new RangeError(`${from.length} points cannot be aligned with ${to.length}`);
    const px = p.x - centreFrom.x;
    const py = p.y - centreFrom.y;
    const qx = q.x - centreTo.x;
    const qy = q.y - centreTo.y;
    dot += px * qx + py * qy;
    cross += px * qy - py * qx;
    norm += px * px + py * py;
  });
  if (!(norm > 1e-6)) throw new RangeError('landmarks that coincide cannot be aligned');
  const a = dot / norm;
  const b = cross / norm;
  return [
    a,
    -b,
    centreTo.x - a * centreFrom.x + b * centreFrom.y,
    b,
    a,
    centreTo.y - b * centreFrom.x - a * centreFrom.y,
  ];
}

/**
 * Computes the transform from the picture to the aligned crop.
 * @param landmarks in pixels of the picture
 * @param template where the landmarks belong in the crop: [x, y] in pixels
 * @throws RangeError when all landmarks coincide
 */
export function alignToTemplate(landmarks: Landmarks, template: readonly (readonly [number, number])[]): AffineMatrix {
  return fitSimilarity(
    landmarks,
    template.map(([x, y]) => ({ x, y })),
  );
}

function findCentre(points: readonly Point[]): Point {
  let x = 0;
  let y = 0;
  for (const point of points) {
    x += point.x;
    y += point.y;
  }
  return { x: x / points.length, y: y / points.length };
}
