// From a tolerated rate of false accepts to a threshold.
import { describe, expect, it } from 'vitest';
import {
  acceptsPerAttempt,
  FalseAcceptCurve,
  farPerComparison,
  HIGHEST_THRESHOLD_COSINE,
} from '../../src/domain/false-accept.js';
import { SimilarityScale } from '../../src/domain/similarity.js';

const points = [
  { cosine: 0.333, similarity: 70, far: 1e-3 },
  { cosine: 0.403, similarity: 80, far: 1e-4 },
  { cosine: 0.464, similarity: 90, far: 1e-5 },
];
const curve = new FalseAcceptCurve(points);
const scale = new SimilarityScale(points);

describe('FalseAcceptCurve', () => {
  it.each(points)('goes through the measured point $cosine, which the scale calls $similarity', (point) => {
    expect(curve.farAt(point.cosine)).toBeCloseTo(point.far, 12);
    expect(curve.cosineAt(point.far)).toBeCloseTo(point.cosine, 9);
    expect(scale.fromCosine(curve.cosineAt(point.far))).toBeCloseTo(point.similarity, 6);
    expect(point.far).toBeCloseTo(10 ** (4 - point.similarity / 10), 12);
  });

  it('is linear in log(FAR) between two points', () => {
    expect(Math.log10(curve.farAt((0.333 + 0.403) / 2))).toBeCloseTo(-3.5, 9);
    expect(curve.cosineAt(10 ** -4.5)).toBeCloseTo((0.403 + 0.464) / 2, 9);
  });

  it('goes on as the last two points beyond them, up to a bound below cosine 1', () => {
    expect(curve.cosineAt(1e-6)).toBeCloseTo(0.464 + (0.464 - 0.403), 9);
    expect(Math.log10(curve.farAt(0.525))).toBeCloseTo(-6, 9);
    expect(curve.cosineAt(1e-300)).toBe(HIGHEST_THRESHOLD_COSINE);
    expect(HIGHEST_THRESHOLD_COSINE).toBeLessThan(1);
  });

  it('gives no threshold below the first measured point', () => {
    for (const far of [1e-3, 0.01, 0.1, 1]) expect(curve.cosineAt(far)).toBeCloseTo(0.333, 9);
    expect(curve.farAt(-1)).toBe(1);
  });

  it('falls with the cosine, and rises with what is tolerated, strictly within the bounds', () => {
    for (let cosine = 0.2; cosine < 0.9; cosine += 0.01) {
      expect(curve.farAt(cosine + 0.01)).toBeLessThan(curve.farAt(cosine));
    }
    for (let exponent = -3; exponent > -11; exponent -= 0.25) {
      const cosine = curve.cosineAt(10 ** exponent);
      expect(curve.cosineAt(10 ** (exponent - 0.25))).toBeGreaterThan(cosine);
      expect(curve.farAt(cosine) / 10 ** exponent).toBeCloseTo(1, 9);
    }
  });

  it.each([
    ['one point', [{ cosine: 0.3, far: 1e-3 }]],
    ['a FAR that does not fall', [{ cosine: 0.3, far: 1e-3 }, { cosine: 0.4, far: 1e-3 }]],
    ['a cosine that does not rise', [{ cosine: 0.3, far: 1e-3 }, { cosine: 0.3, far: 1e-4 }]],
    ['a FAR of 0', [{ cosine: 0.3, far: 1e-3 }, { cosine: 0.4, far: 0 }]],
    ['a cosine of 1', [{ cosine: 0.3, far: 1e-3 }, { cosine: 1, far: 1e-4 }]],
    ['no number', [{ cosine: 0.3, far: NaN }, { cosine: 0.4, far: 1e-4 }]],
  ])('refuses %s', (_, wrong) => {
    expect(() => new FalseAcceptCurve(wrong)).toThrow(TypeError);
  }); // prettier-ignore
});

describe('the FAR of one comparison', () => {
  const one = { enrolledFaces: 1, agree: 1, outOf: 1 };

  it('is the target where one frame is compared with one face, or with none', () => {
    expect(farPerComparison(1e-3, one)).toBeCloseTo(1e-3, 15);
    expect(farPerComparison(1e-3, { ...one, enrolledFaces: 0 })).toBeCloseTo(1e-3, 15);
  });

  it.each([10, 1_000, 100_000])('keeps the target over %d independent comparisons', (enrolledFaces) => {
    const far = farPerComparison(1e-4, { ...one, enrolledFaces });
    expect((1 - (1 - far) ** enrolledFaces) / 1e-4).toBeCloseTo(1, 3);
  });

  it('falls as the group grows, and with the target', () => {
    const fars = [1, 10, 100, 1_000].map((enrolledFaces) => farPerComparison(1e-4, { ...one, enrolledFaces }));
    expect(fars).toEqual(fars.toSorted((a, b) => b - a));
    expect(farPerComparison(1e-5, one)).toBeLessThan(farPerComparison(1e-4, one));
  });

  it('credits no agreement: k of n frames count as n / k comparisons, and n of n as one', () => {
    expect(farPerComparison(1e-3, { ...one, agree: 3, outOf: 3 })).toBeCloseTo(1e-3, 12);
    expect(farPerComparison(1e-3, { ...one, agree: 3, outOf: 5 })).toBeCloseTo(6e-4, 6);
    expect(farPerComparison(1e-3, { ...one, agree: 1, outOf: 5 })).toBeCloseTo(2e-4, 6);
  });
});

describe('the false accepts per attempt', () => {
  it.each([
    [1e-4, 200, 3, 5],
    [1e-6, 100_000, 1, 1],
    [1e-2, 1, 5, 5],
  ])('are the target %d again at the FAR that it demands, with %d faces', (target, enrolledFaces, agree, outOf) => {
    const attempt = { enrolledFaces, agree, outOf };
    expect(acceptsPerAttempt(farPerComparison(target, attempt), attempt) / target).toBeCloseTo(1, 9);
  });

  it('are none in an empty group, and all where every comparison accepts', () => {
    expect(acceptsPerAttempt(0.1, { enrolledFaces: 0, agree: 1, outOf: 1 })).toBe(0);
    expect(acceptsPerAttempt(1, { enrolledFaces: 2, agree: 1, outOf: 1 })).toBe(1);
  });
});
