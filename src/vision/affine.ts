// Affine transforms of points: turns about a point, mirror images, inverses.
import type { Box, Landmarks, Point } from '../domain/face.js';
import type { AffineMatrix } from './align.js';

export function transformPoint(m: AffineMatrix, { x, y }: Point): Point {
  return { x: m[0] * x + m[1] * y + m[2], y: m[3] * x + m[4] * y + m[5] };
}

export function transformLandmarks(m: AffineMatrix, [a, b, c, d, e]: Landmarks): Landmarks {
  const move = (point: Point): Point => transformPoint(m, point);
  return [move(a), move(b), move(c), move(d), move(e)];
}

/** Returns the axis-parallel box around a transformed box. */
export function transformBox(m: AffineMatrix, { x0, y0, x1, y1 }: Box): Box {
  const corners = [
    { x: x0, y: y0 },
    { x: x1, y: y0 },
    { x: x0, y: y1 },
    { x: x1, y: y1 },
  ].map((corner) => transformPoint(m, corner));
  const xs = corners.map(({ x }) => x);
  const ys = corners.map(({ y }) => y);
  return { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) };
}

/** Returns the inverse transform. @throws RangeError where the transform has none */
export function invertAffine(m: AffineMatrix): AffineMatrix {
  const determinant = m[0] * m[4] - m[1] * m[3];
  if (!(Math.abs(determinant) > 1e-12)) throw new RangeError('the transform has no inverse');
  const a = m[4] / determinant;
  const b = -m[1] / determinant;
  const c = -m[3] / determinant;
  const d = m[0] / determinant;
  return [a, b, -(a * m[2] + b * m[5]), c, d, -(c * m[2] + d * m[5])];
}

/** Turns clockwise by `degrees` about `centre`, scales by `scale`, and moves `centre` to `to`. */
export function turnAbout(centre: Point, degrees: number, scale: number, to: Point): AffineMatrix {
  const radians = (degrees / 180) * Math.PI;
  const cosine = Math.cos(radians) * scale;
  const sine = Math.sin(radians) * scale;
  return [
    cosine,
    -sine,
    to.x - cosine * centre.x + sine * centre.y,
    sine,
    cosine,
    to.y - sine * centre.x - cosine * centre.y,
  ];
}

/** Adds a mirror image about the vertical axis of the output. @param widthPx width of the output */
export function mirrorOutput(m: AffineMatrix, widthPx: number): AffineMatrix {
  return [-m[0], -m[1], widthPx - 1 - m[2], m[3], m[4], m[5]];
}

/** Exchanges left and right, for landmarks of a mirrored picture. */
export function swapSides([leftEye, rightEye, nose, leftLip, rightLip]: Landmarks): Landmarks {
  return [rightEye, leftEye, nose, rightLip, leftLip];
}
