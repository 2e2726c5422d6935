// The flaw of a crop that explains why its face cannot be recognised.
import { describe, expect, test } from 'vitest';
import type { Face } from '../../src/domain/face.js';
import { findFlaw, measureQuality } from '../../src/vision/quality.js';

const SIDE_PX = 112;

/** Draws a crop of grey squares. @param grey of a pixel by its place */
function draw(grey: (x: number, y: number) => number): Uint8Array {
  const crop = new Uint8Array(SIDE_PX * SIDE_PX * 3);
  for (let i = 0; i < SIDE_PX * SIDE_PX; i++) crop.fill(grey(i % SIDE_PX, Math.floor(i / SIDE_PX)), 3 * i, 3 * i + 3);
  return crop;
}

/** Squares of 4 px: contrasts of `amount` grey levels around a mean. */
const squares = (mean: number, amount: number) =>
  draw((x, y) => mean + (((x >> 2) + (y >> 2)) % 2 === 0 ? amount : -amount));
const sharp = squares(120, 60);
/** A slope without any edge. */
const blurred = draw((x, y) => 60 + (x + y) / 2);
const glare = draw((x, y) => (y < 30 ? 255 : 120 + (((x >> 2) + (y >> 2)) % 2 === 0 ? 60 : -60)));

const straight: Pick<Face, 'pose' | 'boxPx' | 'detectionScore'> = {
  pose: { yaw: 0, pitch: 0, roll: 170 },
  boxPx: { x0: 0, y0: 0, x1: 120, y1: 120 },
  detectionScore: 0.9,
};
const maskedByEmbedding = { condition: { recognisability: 0, masked: true } };

describe('the flaw', () => {
  test.each<[string, Uint8Array, Partial<Face>, string | undefined]>([
    ['a clear crop, however the head is tilted', sharp, {}, undefined],
    ['a crop with little light', squares(14, 8), {}, 'dark'],
    ['a crop with little light and a mask', squares(14, 8), { masked: true }, 'dark'],
    ['a washed-out crop', squares(246, 6), {}, 'bright'],
    ['a crop with a spot of glare', glare, {}, 'bright'],
    ['a blurred crop', blurred, {}, 'blurred'],
    ['a blurred crop that looks masked', blurred, { masked: true }, 'blurred'],
    ['a mask that the model sees', sharp, { masked: true }, 'covered'],
    ['a mask that only the embedding shows', sharp, { masked: false, ...maskedByEmbedding }, 'covered'],
    ['a turned head', sharp, { pose: { yaw: 25, pitch: 20, roll: 0 } }, 'turned'],
    ['a head that is turned a little', sharp, { pose: { yaw: 20, pitch: 20, roll: 0 } }, undefined],
  ])('of %s', (_, crop, change, expected) => {
    const face = { ...straight, ...change };
    expect(findFlaw(face, measureQuality(face, crop, SIDE_PX), crop)).toBe(expected);
  });
});
