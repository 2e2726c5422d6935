// The delays between attempts.
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/platform/backoff.js';

describe('the back-off', () => {
  const delays = (random: () => number, count: number): number[] => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1_000, random });
    return Array.from({ length: count }, () => backoff.next());
  };

  it('doubles up to its bound', () => {
    expect(delays(() => 0, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('is shortened at random by up to a half', () => {
    expect(delays(() => 0.5, 2)).toEqual([75, 150]);
    expect(delays(() => 0.999_999, 6)).toEqual([50, 100, 200, 400, 500, 500]);
  });

  it('stays at its bound however often it is asked', () => {
    expect(delays(() => 0, 2_000).at(-1)).toBe(1_000);
  });

  it('starts at the first delay again after a reset', () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1_000, random: () => 0 });
    backoff.next();
    backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });
});
