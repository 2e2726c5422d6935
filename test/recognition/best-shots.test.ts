// The choice of shots: which of a track are embedded, and when.
import { describe, expect, test } from 'vitest';
import type { Face } from '../../src/domain/face.js';
import { BestShots } from '../../src/recognition/best-shots.js';
import { createShot, type Shot } from '../../src/recognition/shot.js';

function shot(quality: number, capturedAtMs = 0): Shot {
  return { capturedAtMs, bbox: { x0: 0, y0: 0, x1: 1, y1: 1 }, quality, crop: new Uint8Array(1) };
}

describe('the shots to embed', () => {
  // Frames 100 ms apart; a quality for each, `-` for a frame without a fit face; expected is what each frame embeds.
  test.each([
    { name: 'isDecisionNear: each good one at once', isDecisionNear: true, frames: '.7 .7 .8', taken: '.7 .7 .8' },
    {
      name: 'isDecisionNear: not one much worse than the best',
      isDecisionNear: true,
      frames: '.9 .5 .8',
      taken: '.9 - .8',
    },
    {
      name: 'isDecisionNear: the best of the worse ones when nothing better came',
      isDecisionNear: true,
      frames: '.9 .5 .6 .4',
      taken: '.9 - - .6',
    },
    { name: 'patient: a better one at once', isDecisionNear: false, frames: '.6 .7 .7 .8', taken: '.6 .7 - .8' },
    { name: 'patient: else the best of 250 ms', isDecisionNear: false, frames: '.9 .5 .6 .4 .5', taken: '.9 - - .6 -' },
    {
      name: 'one that waits is taken in a frame without a fit face',
      isDecisionNear: true,
      frames: '.9 .6 - - -',
      taken: '.9 - - .6 -',
    },
    { name: 'nothing without a fit face', isDecisionNear: true, frames: '- - - -', taken: '- - - -' },
    {
      name: 'no more than the limit',
      isDecisionNear: true,
      frames: '.9 .9 .9 .9 .9 .9 .9',
      taken: '.9 .9 .9 .9 .9 - -',
    },
  ])('$name', ({ isDecisionNear, frames, taken }) => {
    const shots = new BestShots(5);
    const words = frames.split(' ').map((word, index) => {
      const found = shots.take(word === '-' ? undefined : shot(Number(word)), index * 100, isDecisionNear);
      return found ? String(found.quality).replace('0.', '.') : '-';
    });
    expect(words.join(' ')).toBe(taken);
  });

  test('a shot that is given back does not count and is tried again, unless a better one came', () => {
    const shots = new BestShots(1);
    const first = shot(0.7);
    expect(shots.take(first, 0, true)).toBe(first);
    shots.giveBack(first);
    expect(shots.take(shot(0.6), 100, true)).toBe(first);
    shots.giveBack(first);
    const better = shot(0.8);
    expect(shots.take(better, 200, true)).toBe(better);
    shots.giveBack(undefined);
    expect(shots.take(undefined, 600, true)).toBeUndefined();
    expect(shots.take(first, 700, true)).toBe(first);
    expect(shots.take(shot(1), 800, true)).toBeUndefined();
  });
});

test('a track that may cost more takes more, one at a time', () => {
  const shots = new BestShots(1);
  const next = (n: number) => shots.take(shot(0.8, n * 100), n * 100, true);
  expect([next(0), next(1)].map(Boolean)).toEqual([true, false]);
  shots.extend(1);
  expect([next(2), next(3)].map(Boolean)).toEqual([true, false]);
});

test('a shot that was embedded for another track counts, and one that waits can be forgotten', () => {
  const shots = new BestShots(2);
  shots.count(shot(0.9), 0);
  expect(shots.take(shot(0.6), 100, true)).toBeUndefined();
  shots.forgetWaiting();
  expect(shots.take(undefined, 400, true)).toBeUndefined();
  expect(shots.take(shot(0.6), 500, true)).toBeDefined();
  expect(shots.take(shot(0.9), 900, true)).toBeUndefined();
});

test('a shot that waited for a second gives way to a worse one that is new', () => {
  const shots = new BestShots(5);
  const old = shot(0.9, 0);
  shots.take(old, 0, true);
  shots.giveBack(old);
  expect(shots.take(shot(0.6, 999), 999, true)).toBe(old);
  shots.giveBack(old);
  const fresh = shot(0.6, 1_000);
  expect(shots.take(fresh, 1_000, true)).toBe(fresh);
});

describe('a face is fit for recognition', () => {
  const frame = { widthPx: 640, heightPx: 480, capturedAtMs: 7 };
  const crop = new Uint8Array(3);
  const quality = { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1, overall: 0.8 };
  const fit: Face = {
    boxPx: { x0: 160, y0: 120, x1: 320, y1: 240 },
    landmarksPx: [0, 1, 2, 3, 4].map((n) => ({ x: n, y: n })) as unknown as Face['landmarksPx'],
    detectionScore: 0.9,
    pose: { yaw: 0, pitch: 0, roll: 80 },
    quality,
    masked: true,
    crop,
  };

  test('and its shot has the box in fractions, with what else an event tells', () => {
    const bbox = { x0: 0.25, y0: 0.25, x1: 0.5, y1: 0.5 };
    expect(createShot(fit, frame)).toEqual({ capturedAtMs: 7, bbox, quality: 0.8, masked: true, crop });
    const beyond = { ...fit, boxPx: { x0: -5, y0: 120, x1: 650, y1: 500 } };
    expect(createShot(beyond, frame)?.bbox).toEqual({ x0: 0, y0: 0.25, x1: 1, y1: 1 });
  });

  test('with its liveness score, where it has one; where it needs one it waits for it', () => {
    expect(createShot({ ...fit, livenessScore: -1.5 }, frame, true)?.livenessScore).toBe(-1.5);
    expect(createShot(fit, frame, true)).toBeUndefined();
    expect(createShot(fit, frame)).not.toHaveProperty('livenessScore');
  });

  test.each<{ name: string; face?: Partial<Face>; without?: 'crop' | 'quality'; isFit: boolean }>([
    { name: '60 px', face: { boxPx: { x0: 0, y0: 0, x1: 60, y1: 60 } }, isFit: true },
    { name: 'less than 60 px', face: { boxPx: { x0: 0, y0: 0, x1: 59, y1: 90 } }, isFit: false },
    { name: 'turned by 45 degrees in both ways', face: { pose: { yaw: -45, pitch: 45, roll: 0 } }, isFit: true },
    { name: 'turned far more', face: { pose: { yaw: -70, pitch: 0, roll: 0 } }, isFit: false },
    { name: 'tilted far more', face: { pose: { yaw: 0, pitch: 70, roll: 0 } }, isFit: false },
    { name: 'of the least quality', face: { quality: { ...quality, overall: 0.4 } }, isFit: true },
    { name: 'of too little quality', face: { quality: { ...quality, overall: 0.39 } }, isFit: false },
    { name: 'of a quality that is no number', face: { quality: { ...quality, overall: NaN } }, isFit: false },
    { name: 'without a crop', without: 'crop', isFit: false },
    { name: 'without a quality', without: 'quality', isFit: false },
  ])('$name: $isFit', ({ face, without, isFit }) => {
    const shown = { ...fit, ...face };
    if (without) delete shown[without];
    expect(createShot(shown, frame) !== undefined).toBe(isFit);
  });
});
