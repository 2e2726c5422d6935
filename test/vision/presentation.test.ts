// The measurements of a presentation attack in one frame, on composed sheets and screens and on rendered people.
import { describe, expect, it } from 'vitest';
import { composeAttack, type Attack } from '../../tools/rendered-people/attack-picture.js';
import { renderFrames } from '../../tools/rendered-people/clip.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { renderFace } from '../../tools/rendered-people/render-face.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import type { Box, PresentationTraces } from '../../src/domain/face.js';
import { loadAddon } from '../../src/native/addon.js';
import { PresentationMeter } from '../../src/vision/presentation.js';

const addon = loadAddon();
const meter = new PresentationMeter(addon);
const portrait = renderPortrait(7);

function measure({ rgb, widthPx, heightPx }: Picture, boxPx: Box, roll = 0): PresentationTraces {
  const image = addon.wrapRgb(rgb, widthPx, heightPx);
  try {
    return meter.measure(image, { boxPx, pose: { yaw: 0, pitch: 0, roll } });
  } finally {
    image.release();
  }
}

/** Shows the portrait, 240 px wide, as an attack in the middle of a room. @returns the frame and the box of the face in it */
async function show(attack: Attack, pose = {}, sheetOf: Picture = portrait): Promise<{ frame: Picture; boxPx: Box }> {
  const { picture, widthPerPortrait, edge } = await composeAttack(sheetOf, attack);
  const place = { x: 0.5, y: 0.5, sizePx: 240 * widthPerPortrait, pose };
  const keyframes = [
    { ...place, atMs: 0 },
    { ...place, atMs: 1_000 },
  ];
  const script = { widthPx: 640, heightPx: 480, fps: 10, durationMs: 100, background: 3 };
  const [first] = renderFrames({ ...script, actors: [{ who: { sheet: picture, edge }, keyframes }] });
  const scale = 240 / portrait.widthPx;
  const x = (px: number): number => 320 + (px - portrait.widthPx / 2) * scale;
  const y = (px: number): number => 240 + (px - portrait.heightPx / 2) * scale;
  const { x0, y0, x1, y1 } = portrait.boxPx;
  return { frame: first!.picture, boxPx: { x0: x(x0), y0: y(y0), x1: x(x1), y1: y(y1) } };
}

describe('the border around a face', () => {
  it.each([
    { attack: 'bare', pose: {} },
    { attack: 'phone', pose: {} },
    { attack: 'phone', pose: { yaw: 20, pitch: 8, roll: 5 } },
    { attack: 'paper', pose: { roll: -8 } },
  ] as const)('is found on a sheet: $attack, turned by $pose', async ({ attack, pose }) => {
    const { frame, boxPx } = await show(attack, pose);
    const { border } = measure(frame, boxPx, 'roll' in pose ? pose.roll : 0);
    expect(Math.min(...border!.coverage)).toBeGreaterThan(0.7);
    const [upperLeft, upperRight, lowerLeft, lowerRight] = border!.cornersPx;
    // Each corner lies well outside the face, in its quarter of the frame.
    expect(upperLeft.x).toBeLessThan(boxPx.x0);
    expect(upperLeft.y).toBeLessThan(boxPx.y0);
    expect(upperRight.x).toBeGreaterThan(boxPx.x1);
    expect(lowerLeft.y).toBeGreaterThan(boxPx.y1);
    expect(lowerRight.x - lowerLeft.x).toBeCloseTo(upperRight.x - upperLeft.x, -2);
  });

  it('is where the sheet ends, to a fortieth of its width', async () => {
    const { frame, boxPx } = await show('bare');
    const [upperLeft, , , lowerRight] = measure(frame, boxPx).border!.cornersPx;
    expect(Math.abs(upperLeft.x - 200)).toBeLessThan(6);
    expect(Math.abs(upperLeft.y - 90)).toBeLessThan(6);
    expect(Math.abs(lowerRight.x - 440)).toBeLessThan(6);
    expect(Math.abs(lowerRight.y - 390)).toBeLessThan(6);
  });

  it.each([1, 2, 3, 4, 5, 6])('is not found around person %i before a plain room', (seed) => {
    const face = renderFace(seed, { widthPx: 640, heightPx: 480, facePx: 90, background: 1, camera: { noise: 2 } });
    const { border } = measure(face, face.boxPx);
    expect(border ? Math.min(...border.coverage) : 0).toBeLessThan(0.7);
  });

  it('is never the edge of the picture itself', () => {
    const face = renderFace(2, { widthPx: 200, heightPx: 240, facePx: 90, background: 1 });
    const { border } = measure(face, face.boxPx);
    expect(border ? Math.min(...border.coverage) : 0).toBeLessThan(0.7);
  });
});

describe('the pattern on a face', () => {
  it.each(['moire', 'halftone', 'phone-moire'] as const)('is strong with %s', async (attack) => {
    const { frame, boxPx } = await show(attack);
    expect(measure(frame, boxPx).periodicity).toBeGreaterThan(27);
  });

  it.each(['bare', 'jpeg', 'gamma'] as const)('is weak with %s', async (attack) => {
    const { frame, boxPx } = await show(attack);
    expect(measure(frame, boxPx).periodicity).toBeLessThan(20);
  });

  it('is weak on a large face, which is measured in several windows, and finite on a plain one', () => {
    const face = renderFace(3, { widthPx: 480, heightPx: 480, facePx: 220, camera: { noise: 2 } });
    expect(measure(face, face.boxPx).periodicity).toBeLessThan(20);
    const flat = { widthPx: 320, heightPx: 320, rgb: new Uint8Array(320 * 320 * 3).fill(90) };
    expect(measure(flat, { x0: 100, y0: 100, x1: 200, y1: 200 })).toEqual({
      periodicity: 0,
      chroma: 0,
      surroundingChroma: 0,
    });
  });
});

describe('the colour of a face', () => {
  it('is missing from a grey print in a coloured room, and present on a person', async () => {
    const grey = await show('grey');
    const { chroma, surroundingChroma } = measure(grey.frame, grey.boxPx);
    expect(chroma).toBeLessThan(3);
    expect(surroundingChroma).toBeGreaterThan(5);
    const person = renderFace(4, { widthPx: 640, heightPx: 480 });
    expect(measure(person, person.boxPx).chroma).toBeGreaterThan(15);
  });
});
