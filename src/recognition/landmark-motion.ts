// How five landmarks move: as a head in space does, whose nose moves against the eyes and the mouth, or as a flat picture does.
import type { Landmarks } from '../domain/face.js';

/** Place of the nose among the eyes and the corners of the mouth, and the proportions of these four. */
export interface FaceShape {
  /**
   * Place of the nose, in half widths (mean of eyes and mouth) to the right of the picture's axis of the face, and in heights (eyes to
   * mouth) below the eyes. A flat picture keeps both, however it is turned: they are affine invariants. A head that turns by an angle
   * changes `across` by about the angle's tangent.
   */
  across: number;
  down: number;
  /** Natural logarithm of width over height. A flat picture or a head that turns aside by an angle lowers it by -ln(cos). */
  proportion: number;
}

/** Describes the landmarks of one frame. @returns undefined where they span no area */
export function describeShape([leftEye, rightEye, nose, leftLip, rightLip]: Landmarks): FaceShape | undefined {
  const ux = (rightEye.x - leftEye.x + rightLip.x - leftLip.x) / 4;
  const uy = (rightEye.y - leftEye.y + rightLip.y - leftLip.y) / 4;
  const eyesX = (leftEye.x + rightEye.x) / 2;
  const eyesY = (leftEye.y + rightEye.y) / 2;
  const vx = (leftLip.x + rightLip.x) / 2 - eyesX;
  const vy = (leftLip.y + rightLip.y) / 2 - eyesY;
  const area = ux * vy - uy * vx;
  if (!(Math.abs(area) > 1)) return undefined;
  const dx = nose.x - eyesX;
  const dy = nose.y - eyesY;
  return {
    across: (dx * vy - dy * vx) / area,
    down: (ux * dy - uy * dx) / area,
    proportion: Math.log(Math.hypot(ux, uy) / Math.hypot(vx, vy)),
  };
}

/** Returns the spread of values without the outermost twentieth at each end; 0 for fewer than two. */
export function measureSpread(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const cut = Math.floor(sorted.length / 20);
  return sorted.length < 2 ? 0 : sorted[sorted.length - 1 - cut]! - sorted[cut]!;
}
