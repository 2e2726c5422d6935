// The photos of ../shared/london, with the five landmarks that people set by hand.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Picture } from '../../tools/rendered-people/head.js';
import type { Landmarks, Point } from '../../src/domain/face.js';

export interface LondonPhoto {
  id: string;
  /** Path of the neutral picture. */
  path: string;
  landmarksPx: Landmarks;
}

/** Lists the neutral photos with their landmarks. */
export function listLondonPhotos(folder: string): LondonPhoto[] {
  const points = JSON.parse(readFileSync(join(folder, 'points.json'), 'utf8')) as Record<string, [number, number][]>;
  return Object.keys(points)
    .sort()
    .map((id) => ({ id, path: join(folder, `${id}.jpg`), landmarksPx: pickLandmarks(points[id]!) }));
}

export async function readPicture(path: string): Promise<Picture> {
  const { data, info } = await sharp(path)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { widthPx: info.width, heightPx: info.height, rgb: new Uint8Array(data) };
}

/**
 * Picks the five landmarks: the pupils are points 0 and 1, the corners of the mouth 87 and 93. No point is the tip of the nose: points 54 and
 * 60 lie on its two sides, 55 at its base, and the tip of the detectors lies half-way between them.
 */
function pickLandmarks(points: readonly [number, number][]): Landmarks {
  const at = (i: number): Point => ({ x: points[i]![0], y: points[i]![1] });
  const [side, other, base] = [at(54), at(60), at(55)];
  const nose = { x: (side.x + other.x + 2 * base.x) / 4, y: (side.y + other.y + 2 * base.y) / 4 };
  return [at(0), at(1), nose, at(87), at(93)];
}
