// The uncertainty of a counted share, against exact values and by simulation.
import { describe, expect, it } from 'vitest';
import { countShare } from '../../src/domain/binomial.js';
import { createSampler } from '../../src/domain/random.js';

describe('the interval of a counted share', () => {
  // Quantiles of the beta distribution, computed with scipy 1 (beta.ppf).
  it.each([
    [0, 100, 0, 0.03621669264517641],
    [5, 100, 0.016431879182052155, 0.11283491110546275],
    [10, 10, 0.6915028921812392, 1],
    [3, 200_000, 3.093371296905321e-6, 4.383573331190015e-5],
    [100_000, 200_000, 0.4978062069460849, 0.5021937930539151],
    [1, 10_000_000, 2.5317807952240303e-9, 5.571642116990813e-7],
  ])('of %d in %d is that of Clopper and Pearson', (count, trials, low, high) => {
    const share = countShare(count, trials);
    expect([share.count, share.trials]).toEqual([count, trials]);
    expect(share.low).toSatisfy((value: number) => Math.abs(value - low) <= 1e-6 * low);
    expect(share.high).toSatisfy((value: number) => Math.abs(value - high) <= 1e-6 * high);
  });

  it('says nothing without a trial', () => {
    expect(countShare(0, 0)).toEqual({ count: 0, trials: 0, low: 0, high: 1 });
  });

  it('holds the true share in at least 95 of 100 cases', () => {
    const random = createSampler(1);
    const cases = 2_000;
    const held = Array.from({ length: cases }, () => {
      let count = 0;
      for (let i = 0; i < 200; i++) if (random() < 0.03) count++;
      const { low, high } = countShare(count, 200);
      return low <= 0.03 && 0.03 <= high;
    }).filter(Boolean).length;
    // The interval holds it in 97 % of the cases here: four standard deviations below that are 95.4 %.
    expect(held / cases).toBeGreaterThan(0.95);
    expect(held / cases).toBeLessThan(1);
  });

  it.each([
    [-1, 10],
    [11, 10],
    [0.5, 10],
    [NaN, 10],
    [0, Infinity],
  ])('refuses %d of %d', (count, trials) => {
    expect(() => countShare(count, trials)).toThrow(TypeError);
  });
});
