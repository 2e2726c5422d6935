// The turns of a camera's frames: whoever enters beside people who stand there is found within a third of a second, whatever happens.
import { describe, expect, test } from 'vitest';
import { FramePace } from '../../src/camera/frame-pace.js';
import { SearchTurns } from '../../src/camera/search-turns.js';
import type { Box } from '../../src/domain/face.js';
import { seededRandom } from '../../tools/rendered-people/random.js';
import { cameraConfig } from './test-camera.js';

const box = { x0: 100, y0: 100, x1: 200, y1: 230 };
const stream = { widthPx: 640, heightPx: 480, streamChanges: 0 };

/** Counts frames as a camera does: `take` asks what the next frame is limited to, and notes that frame. */
function setUp(keys: object = {}) {
  const pace = new FramePace(cameraConfig(keys));
  const turns = new SearchTurns({ pace });
  let lastMs: number | undefined;
  const take = (atMs: number, frame: { known?: Box[] | undefined; isMissed?: boolean; change?: object } = {}) => {
    const { known, isMissed = false, change = {} } = { known: [box], ...frame };
    const search = turns.next(known, atMs);
    const searched = search && (isMissed ? 'again' : 'around');
    const analysed = { frameNumber: 1, capturedAtMs: atMs, faces: [], ...stream, ...change };
    turns.note({ ...analysed, ...(searched && { searched }) });
    if (lastMs !== undefined) pace.observe(atMs - lastMs);
    lastMs = atMs;
    return search;
  };
  return { turns, take };
}

/** Describes frames: W was searched as a whole, a around the faces in sight. */
function play(fps: number, frames: number, keys: object = {}): string {
  const { take } = setUp({ maxFps: Math.max(1, fps), ...keys });
  return Array.from({ length: frames }, (_, n) => (take((n * 1_000) / fps) ? 'a' : 'W')).join('');
}

test.each([
  { fps: 1, turns: 1, pattern: 'WWWWWW' },
  { fps: 3, turns: 1, pattern: 'WWWWWW' },
  { fps: 5, turns: 1, pattern: 'WWWWWW' },
  { fps: 6, turns: 2, pattern: 'WaWaWa' },
  { fps: 8, turns: 2, pattern: 'WaWaWa' },
  { fps: 10, turns: 3, pattern: 'WaaWaaWaa' },
  { fps: 15, turns: 5, pattern: 'WaaaaWaaaaW' },
  { fps: 25, turns: 8, pattern: 'WaaaaaaaWaaaaaaaW' },
  { fps: 30, turns: 8, pattern: 'WaaaaaaaWaaaaaaaW' },
])('at $fps frames per second each $turns. frame is searched as a whole', ({ fps, pattern }) => {
  // The first frames show the pace.
  expect(play(fps, 24 + pattern.length).slice(-pattern.length - 24)).toContain(pattern);
});

test('the search is limited to the known faces of the same stream', () => {
  const { take } = setUp({ maxFps: 10 });
  expect(take(0)).toBeUndefined();
  expect(take(100)).toEqual({ around: [box], ...stream });
});

test.each([
  { name: 'a face is not settled', known: undefined },
  { name: 'nobody is in sight', known: [] },
])('the whole picture is searched while $name', ({ known }) => {
  const { take } = setUp({ maxFps: 10 });
  take(0);
  expect(take(100, { known })).toBeUndefined();
  expect(take(200)).toBeDefined();
});

test.each([
  { name: 'nobody is in sight', fps: 10, known: [], mayGlance: true },
  { name: 'somebody is in sight', fps: 10, known: [box], mayGlance: false },
  { name: 'a face is not settled', fps: 10, known: undefined, mayGlance: false },
  { name: 'the next frame is far', fps: 4, known: [], mayGlance: false },
])('a glance is $mayGlance where $name', ({ fps, known, mayGlance }) => {
  const { turns } = setUp({ maxFps: fps });
  expect(turns.mayGlance(known)).toBe(mayGlance);
});

test('after a miss the next eight frames are searched as a whole', () => {
  const { take } = setUp({ maxFps: 10 });
  take(0);
  expect(take(100, { isMissed: true })).toBeDefined();
  const after = Array.from({ length: 12 }, (_, n) => (take(200 + n * 100) ? 'a' : 'W')).join('');
  expect(after).toBe('WWWWWWWWaaWa');
});

test.each([
  { name: 'is late', atMs: 600 },
  { name: 'comes after the clock was set back', atMs: -3_600_000 },
  { name: 'comes after the clock was set forward', atMs: 3_600_000 },
])('a frame that $name is searched as a whole', ({ atMs }) => {
  const { take } = setUp({ maxFps: 10 });
  take(0);
  expect(take(100)).toBeDefined();
  expect(take(atMs)).toBeUndefined();
});

test('the first frame of another capture is searched as a whole', () => {
  const { turns, take } = setUp({ maxFps: 10 });
  take(0);
  turns.reset();
  expect(take(100)).toBeUndefined();
  expect(take(200)).toBeDefined();
});

test('the limits name the size and the changes of the newest frame', () => {
  const { take } = setUp({ maxFps: 10 });
  const change = { widthPx: 1280, heightPx: 720, streamChanges: 2 };
  take(0, { change });
  expect(take(100)).toEqual({ around: [box], ...change });
});

describe('whoever enters at any moment', () => {
  test.each([5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 60, 120, 240])(
    'is found within maxFps / 3 frames at maxFps %d, with frames that are late, lost, missed or in doubt',
    (maxFps) => {
      const random = seededRandom(maxFps);
      const { take } = setUp({ maxFps });
      const bound = Math.max(1, Math.floor(maxFps / 3));
      let unseen = 0;
      let around = 0;
      let wholeAtMs = 0;
      let atMs = 0;
      for (let n = 0; n < 3_000; n++) {
        // Frames never come faster than maxFps; some are late, a few very late.
        const late = random() < 0.1 ? 3 * random() : random() < 0.01 ? 40 * random() : 0.2 * random();
        atMs += (1_000 / maxFps) * (1 + late);
        const known = random() < 0.02 ? undefined : [box];
        const isMissed = random() < 0.01;
        const search = take(atMs, { known, isMissed });
        const isWhole = !search || isMissed;
        unseen = isWhole ? 0 : unseen + 1;
        if (!isWhole) around++;
        // Somebody who has come in since the last whole search is in at most `unseen` frames, and the next one must find them in time.
        expect(unseen).toBeLessThan(bound);
        if (isWhole) wholeAtMs = atMs;
        expect(atMs - wholeAtMs).toBeLessThan(1_000 / 3);
      }
      if (bound === 1) expect(around).toBe(0);
      if (maxFps >= 15) expect(around).toBeGreaterThan(500);
    },
  );
});
