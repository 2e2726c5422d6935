// The token bucket: bursts, the rate after them, and a count that is refused as a whole.
import { expect, it } from 'vitest';
import { TokenBucket } from '../../src/platform/token-bucket.js';

it('gives its burst at once, and then its rate', () => {
  let nowMs = 0;
  const bucket = new TokenBucket({ perSecond: 2, burst: 3, monotonic: () => nowMs });
  expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([true, true, true, false]);
  nowMs = 499;
  expect(bucket.take()).toBe(false);
  nowMs = 500;
  expect([bucket.take(), bucket.take()]).toEqual([true, false]);
});

it('saves no more than its burst, and takes nothing when there is too little', () => {
  let nowMs = 0;
  const bucket = new TokenBucket({ perSecond: 10, burst: 5, monotonic: () => nowMs });
  nowMs = 60_000;
  expect(bucket.take(6)).toBe(false);
  expect(bucket.take(5)).toBe(true);
  expect(bucket.take()).toBe(false);
});

it('lends tokens, and says how long it takes until they have come back', () => {
  let nowMs = 0;
  const bucket = new TokenBucket({ perSecond: 10, burst: 5, monotonic: () => nowMs });
  expect([bucket.spend(5), bucket.spend(), bucket.spend(2)]).toEqual([0, 100, 300]);
  nowMs = 300;
  expect([bucket.take(), bucket.spend()]).toEqual([false, 100]);
});
