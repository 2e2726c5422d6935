// Confidence bounds of rates, against values that are known in another way.
import { describe, expect, it } from 'vitest';
import { bootstrapBound, lowerBound, upperBound } from '../../bench/support/rates.js';
import { incompleteBeta } from '../../src/domain/binomial.js';

describe('upperBound and lowerBound', () => {
  it('bounds no hits by the rule of three', () => {
    // (1 - p)^n = 0.05
    expect(upperBound(0, 1000)).toBeCloseTo(1 - 0.05 ** (1 / 1000), 8);
    expect(upperBound(0, 1_000_000) * 1e6).toBeCloseTo(2.9957, 3);
    expect(lowerBound(0, 1000)).toBe(0);
  });

  it.each([
    // Sums of the binomial distribution: P(X <= 4 | n = 312, p = upper) = P(X >= 4 | p = lower) = 0.05.
    [4, 312],
    [1, 20],
    [15, 40],
  ])('leaves 5 %% on each side of %i of %i', (hits, trials) => {
    const probability = (rate: number, from: number, to: number): number => {
      let sum = 0;
      let term = (1 - rate) ** trials;
      for (let k = 0; k <= trials; k++) {
        if (k >= from && k <= to) sum += term;
        term *= ((trials - k) / (k + 1)) * (rate / (1 - rate));
      }
      return sum;
    };
    expect(probability(upperBound(hits, trials), 0, hits)).toBeCloseTo(0.05, 6);
    expect(probability(lowerBound(hits, trials), hits, trials)).toBeCloseTo(0.05, 6);
  });

  it('serves many hits of many trials', () => {
    expect(upperBound(400_000, 700_000)).toBeGreaterThan(4 / 7);
    expect(upperBound(400_000, 700_000)).toBeLessThan(4 / 7 + 0.002);
    expect(upperBound(5, 5)).toBe(1);
  });
});

describe('incompleteBeta', () => {
  it.each([
    [0.3, 1, 1, 0.3],
    [0.3, 2, 1, 0.09],
    [0.3, 1, 3, 1 - 0.7 ** 3],
    [0.5, 7, 7, 0.5],
  ])('I_%f(%f, %f) is %f', (x, a, b, share) => {
    expect(incompleteBeta(x, a, b)).toBeCloseTo(share, 9);
  });
});

describe('bootstrapBound', () => {
  const faces = new Uint32Array(100).fill(2);
  const pairs = (200 * 200 - 100 * 4) / 2;

  it('is the exact bound where there are no hits', () => {
    expect(bootstrapBound({ hits: [], probes: faces, gallery: faces, among: true })).toBeCloseTo(
      upperBound(0, pairs),
      9,
    );
  });

  it('is wider where all hits are of one pair of people', () => {
    const few = Array.from({ length: 12 }, () => [3, 4] as const);
    const many = Array.from({ length: 12 }, (_, i) => [2 * i, 2 * i + 1] as const);
    const bound = (hits: readonly (readonly [number, number])[]): number =>
      bootstrapBound({ hits, probes: faces, gallery: faces, among: true });
    expect(bound(few)).toBeGreaterThan(1.5 * bound(many));
    expect(bound(many)).toBeGreaterThanOrEqual(upperBound(12, pairs));
  });
});
