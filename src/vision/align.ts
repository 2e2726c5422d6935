// The least-squares similarity transform that lays five landmarks onto the embedder's template.
import type { Landmarks, Point } from '../domain/face.js';

/** x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5] */
export type AffineMatrix = readonly [number, number, number, number, number, number];

/**
 * The rotation, uniform scale and translation that bring `from` nearest to `to` in the least-squares sense. In the plane it has a
 * closed form: with both sets centred, a = sum(p . q) / sum(|p|^2), b = sum(p x q) / sum(|p|^2).
 * @throws RangeError when all points of `from` coincide
 */
export function similarityTransform(from: readonly Point[], to: readonly Point[]): AffineMatrix {
  const centreFrom = centre(from);
  const centreTo = centre(to);
  let dot = 0;
  let cross = 0;
  let norm = 0;
  for (let i = 0; i < from.length; i++) {
    const px = from[i].x - centreFrom.x;
    const py = from[i].y - centreFrom.y;
    const qx = to[i].x - centreTo.x;
    const qy = to[i].y - centreTo.y;
    dot += px * qx + py * qy;
    cross += px * qy - py * qx;
    norm += px * px + py * py;
  }
  if (!(norm > 1e-6)) throw new RangeError('landmarks that coincide have no alignment');
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

/** The matrix that lays a face onto the template, [x, y] in pixels of the crop. */
export function alignment(landmarks: Landmarks, template: readonly (readonly [number, number])[]): AffineMatrix {
  return similarityTransform(
    landmarks,
    template.map(([x, y]) => ({ x, y })),
  );
}

function centre(points: readonly Point[]): Point {
  let x = 0;
  let y = 0;
  for (const point of points) {
    x += point.x;
    y += point.y;
  }
  return { x: x / points.length, y: y / points.length };
}
