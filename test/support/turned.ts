// Pictures that are turned in their plane, and the angles between what was found in them and what is in them.
import type { Picture } from '../../tools/rendered-people/head.js';
import type { Landmarks, Point } from '../../src/domain/face.js';
import type { Addon } from '../../src/native/addon.js';
import { turnAbout } from '../../src/vision/affine.js';
import type { AffineMatrix } from '../../src/vision/align.js';

export interface TurnedPicture extends Picture {
  /** Transform from the picture as it was to the turned one. */
  matrix: AffineMatrix;
}

/**
 * Turns a picture clockwise about a point, which becomes the middle of the turned picture. What lies outside the picture is black.
 * @param sidePx width and height of the turned picture
 */
export function turnPicture(
  addon: Addon,
  { rgb, widthPx, heightPx }: Picture,
  { centre, degrees, scale, sidePx }: { centre: Point; degrees: number; scale: number; sidePx: number },
): TurnedPicture {
  const matrix = turnAbout(centre, degrees, scale, { x: sidePx / 2, y: sidePx / 2 });
  const turned = new Uint8Array(sidePx * sidePx * 3);
  const image = addon.wrapRgb(rgb, widthPx, heightPx);
  try {
    addon.warp(image, turned, { widthPx: sidePx, heightPx: sidePx, matrix, border: 'constant' });
  } finally {
    image.release();
  }
  return { widthPx: sidePx, heightPx: sidePx, rgb: turned, matrix };
}

/** Returns the mean distance of the landmarks from the true ones, in % of the true eye distance. */
export function landmarkError(truth: Landmarks, landmarks: Landmarks): number {
  const [left, right] = truth;
  const distances = truth.map(({ x, y }, i) => Math.hypot(x - landmarks[i]!.x, y - landmarks[i]!.y));
  const mean = distances.reduce((sum, value) => sum + value, 0) / distances.length;
  return (100 * mean) / Math.hypot(left.x - right.x, left.y - right.y);
}

/** Brings an angle into -180..180. */
export function wrapDegrees(degrees: number): number {
  return degrees - 360 * Math.round(degrees / 360);
}
