// Histogram, percentiles and thresholds of many similarities, against distributions that are known; and the seeded numbers of samples.
import { describe, expect, it } from 'vitest';
import { createSampler } from '../../src/domain/random.js';
import { SIMILARITY_BINS, SimilarityTally } from '../../src/domain/similarity-tally.js';

describe('SimilarityTally', () => {
  it('counts an even distribution in even bins, with the percentiles at their places', () => {
    const tally = new SimilarityTally([25, 99.99]);
    for (let i = 0; i < 10_000; i++) tally.add(i / 100 + 0.005);
    expect(tally.count).toBe(10_000);
    expect(tally.bins()).toEqual(Array.from({ length: SIMILARITY_BINS }, () => 100));
    const found = tally.percentiles();
    expect(found).toEqual({ p1: 0.99, p5: 4.99, p25: 24.99, p50: 49.99, p75: 74.99, p95: 94.99, p99: 98.99 });
    expect(tally.reached).toEqual([7_500, 1]);
  });

  it('puts 0 into the first bin and 100 into the last, and compares thresholds without rounding', () => {
    const tally = new SimilarityTally([90.0001, 90, 0, 100]);
    for (const similarity of [0, 90, 90.0001, 100]) tally.add(similarity);
    const bins = tally.bins();
    expect([bins[0], bins[90], bins[99]]).toEqual([1, 2, 1]);
    expect(bins.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(tally.reached).toEqual([2, 3, 4, 1]);
  });

  it('has no percentiles without a value, and the value itself with one', () => {
    const tally = new SimilarityTally();
    expect(tally.percentiles()).toBeUndefined();
    tally.add(42.42);
    expect(tally.percentiles()).toMatchObject({ p1: 42.42, p50: 42.42, p99: 42.42 });
  });
});

describe('the numbers of a sample', () => {
  it('are the same for the same seed, others for another one, and evenly spread', () => {
    const take = (seed: number, count: number): number[] => {
      const random = createSampler(seed);
      return Array.from({ length: count }, () => random());
    };
    expect(take(7, 10)).toEqual(take(7, 10));
    expect(take(7, 10)).not.toEqual(take(8, 10));
    const many = take(1, 100_000);
    expect(many.every((value) => value >= 0 && value < 1)).toBe(true);
    const tenths = Array.from({ length: 10 }, (_, i) => many.filter((value) => Math.floor(value * 10) === i).length);
    // Five standard deviations of 10,000 are 474.
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(474);
  });
});
