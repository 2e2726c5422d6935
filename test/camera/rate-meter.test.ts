// The rate of recent occurrences.
import { expect, test } from 'vitest';
import { RateMeter } from '../../src/camera/rate-meter.js';

test.each([
  { name: 'nothing yet', times: [], nowMs: 0, rate: 0 },
  { name: 'one alone', times: [0], nowMs: 10, rate: 0 },
  { name: 'ten per second', times: [0, 100, 200, 300], nowMs: 350, rate: 10 },
  { name: 'long ago', times: [0, 100, 200], nowMs: 20_000, rate: 0 },
  { name: 'several at one moment', times: [5, 5, 5], nowMs: 5, rate: 0 },
  { name: 'after the clock was set back', times: [5_000, 5_100, 0, 200], nowMs: 200, rate: 5 },
  { name: 'a long run', times: Array.from({ length: 1_000 }, (_, i) => i * 20), nowMs: 20_000, rate: 50 },
])('$name', ({ times, nowMs, rate }) => {
  const meter = new RateMeter();
  times.forEach((time) => meter.add(time));
  expect(meter.perSecond(nowMs, 10_000)).toBeCloseTo(rate, 9);
});
