// The pace of a camera: what the configuration allows, and what its frames show.
import { describe, expect, test } from 'vitest';
import { FramePace } from '../../src/camera/frame-pace.js';
import { cameraConfig } from './test-camera.js';

const file = { type: 'file', path: 'a.mp4', realTime: false };

/** @param intervalsMs times between the frames, the oldest first */
function createPace(keys: object, intervalsMs: readonly number[]): FramePace {
  const pace = new FramePace(cameraConfig(keys));
  intervalsMs.forEach((one) => pace.observe(one));
  return pace;
}

const repeat = (count: number, ms: number): number[] => new Array<number>(count).fill(ms);

describe('the next frame is expected', () => {
  test.each([
    { name: 'at maxFps before there was any', keys: { maxFps: 0.5 }, intervalsMs: [], expected: 2_000 },
    { name: 'at any time in a file that is not played', keys: { source: file }, intervalsMs: [], expected: 0 },
    { name: 'never sooner than maxFps allows', keys: { maxFps: 10 }, intervalsMs: repeat(8, 60), expected: 100 },
    { name: 'after the only interval', keys: {}, intervalsMs: [1_000], expected: 1_000 },
    { name: 'after the longest interval but one', keys: {}, intervalsMs: [120, 90, 110, 140, 130], expected: 130 },
    { name: 'as before after an interruption', keys: {}, intervalsMs: [...repeat(7, 100), 9_000], expected: 100 },
    { name: 'later after two slow frames', keys: {}, intervalsMs: [...repeat(20, 100), 900, 1_000], expected: 900 },
    { name: 'sooner after seven fast ones', keys: {}, intervalsMs: [1_000, 1_000, ...repeat(7, 100)], expected: 100 },
    { name: 'not for ever after a pause', keys: {}, intervalsMs: [3_600_000], expected: 20_000 },
    { name: 'as late as a source may be', keys: { readTimeoutMs: 90_000 }, intervalsMs: [80_000], expected: 80_000 },
    { name: 'as before when the clock was set back', keys: {}, intervalsMs: [...repeat(5, 100), 0, -5], expected: 100 },
  ])('$name', ({ keys, intervalsMs, expected }) => {
    expect(createPace(keys, intervalsMs).intervalMs).toBe(expected);
  });
});

test('a number of frames takes its time, and at least the time that is asked for', () => {
  const pace = createPace({}, repeat(8, 400));
  expect([pace.spanMs(3, 1_000), pace.spanMs(2, 1_000)]).toEqual([1_200, 1_000]);
});

test('the rate is that of the last frames, and an interruption does not count', () => {
  expect(createPace({}, repeat(7, 250)).perSecond).toBeUndefined();
  expect(createPace({}, [...repeat(7, 250), 5_000]).perSecond).toBeCloseTo(4, 9);
});
