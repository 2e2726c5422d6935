// What comparisons mean: which faces may match, and how a safety factor moves the points.
import { describe, expect, it } from 'vitest';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';

const points = [
  { cosine: 0.33, similarity: 70, far: 1e-3 },
  { cosine: 0.4, similarity: 80, far: 1e-4 },
  { cosine: 0.46, similarity: 90, far: 1e-5 },
];

describe('SimilarityScales', () => {
  const scales = new SimilarityScales({ points, bounds: { bare: 0.6, masked: 0.4 } });

  it.each([
    [0.95, false, true],
    [0.6, false, true],
    [0.59, false, false],
    [0.59, true, true],
    [0.39, true, false],
    [Number.NaN, false, false],
    [Number.NaN, true, false],
  ])('with a recognisability of %f, masked %s: may match %s', (recognisability, masked, expected) => {
    expect(scales.isRecognisable({ recognisability, masked })).toBe(expected);
  });

  it('lets a face without a known condition match', () => {
    expect(scales.isRecognisable(undefined)).toBe(true);
  });

  it('lets every face match where the embedder has no bounds', () => {
    expect(new SimilarityScales({ points }).isRecognisable({ recognisability: 0, masked: true })).toBe(true);
  });

  it('keeps the measured points without a safety factor', () => {
    for (const { cosine, similarity } of points) expect(scales.scale.fromCosine(cosine)).toBeCloseTo(similarity, 9);
  });

  it('moves each point to the cosine with a rate that is lower by the safety factor', () => {
    const { scale, falseAccepts } = new SimilarityScales({ points, groupFactor: 10 });
    expect(scale.toCosine(70)).toBeCloseTo(0.4, 9);
    expect(scale.toCosine(80)).toBeCloseTo(0.46, 9);
    // Beyond the last point the curve goes on as it fell between the last two.
    expect(scale.toCosine(90)).toBeCloseTo(0.52, 9);
    expect(falseAccepts.farAt(0.52)).toBeCloseTo(1e-5, 12);
  });
});
