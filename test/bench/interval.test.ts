// Intervals: of a mean, against the table of Student's t; of a median, against the binomial distribution.
import { describe, expect, it } from 'vitest';
import { meanInterval, medianInterval } from '../../bench/support/interval.js';
import { seededRandom } from '../../tools/rendered-people/random.js';

it('of a mean is that of Student', () => {
  // Mean 3, standard deviation 1.5811, t 2.776 for 4 degrees of freedom.
  const { mean, low, high } = meanInterval([1, 2, 3, 4, 5]);
  expect(mean).toBe(3);
  expect([low, high]).toEqual([expect.closeTo(1.037, 3), expect.closeTo(4.963, 3)]);
});

it('of a mean takes the wider interval between two rows of the table, and is a point for equal values', () => {
  const values = Array.from({ length: 13 }, (_, i) => i);
  const { mean, high } = meanInterval(values);
  // 12 degrees of freedom have 2.179; the row of 10 has 2.228.
  expect((high - mean) / (Math.sqrt(182 / 12) / Math.sqrt(13))).toBeCloseTo(2.228, 6);
  expect(meanInterval([2, 2, 2])).toEqual({ mean: 2, low: 2, high: 2 });
});

it('of a mean needs two values', () => {
  expect(() => meanInterval([1])).toThrow(TypeError);
});

describe('medianInterval', () => {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

  // Ranks from tables of the sign test: the largest rank r with P(X < r) <= 2.5 %, X binomial with 1/2.
  it.each([
    { count: 1, low: 1, high: 1 },
    { count: 5, low: 1, high: 5 },
    { count: 6, low: 1, high: 6 },
    { count: 8, low: 1, high: 8 },
    { count: 9, low: 2, high: 8 },
    { count: 12, low: 3, high: 10 },
    { count: 20, low: 6, high: 15 },
    { count: 100, low: 40, high: 61 },
    { count: 2_000, low: 956, high: 1_045 },
  ])('takes the values $low and $high of $count', ({ count, low, high }) => {
    expect(medianInterval(upTo(count).toReversed())).toEqual({ value: (count + 1) / 2, low, high, pairs: count });
  });

  it('holds the true median in 95 of 100 samples of a skewed distribution', () => {
    const random = seededRandom(7);
    const trials = 2_000;
    let held = 0;
    for (let trial = 0; trial < trials; trial++) {
      const { low, high } = medianInterval(upTo(15).map(() => -Math.log(1 - random())));
      if (low <= Math.LN2 && Math.LN2 <= high) held++;
    }
    // 15 values give 96.5 %.
    expect(held / trials).toBeGreaterThan(0.95);
    expect(held / trials).toBeLessThan(0.98);
  });

  it('is no number where a value is none, and needs a value', () => {
    expect(medianInterval([1, NaN, 2])).toEqual({ value: NaN, low: NaN, high: NaN, pairs: 3 });
    expect(() => medianInterval([])).toThrow(TypeError);
  });
});
