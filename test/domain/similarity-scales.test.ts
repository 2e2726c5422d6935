// The scales by condition: which pairs match at all, and what similarity their cosine stands for.
import { describe, expect, it } from 'vitest';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';

const clear = [
  { cosine: 0.33, similarity: 70, far: 1e-3 },
  { cosine: 0.4, similarity: 80, far: 1e-4 },
  { cosine: 0.46, similarity: 90, far: 1e-5 },
];
const masked = [
  { cosine: 0.5, similarity: 70, far: 1e-3 },
  { cosine: 0.6, similarity: 80, far: 1e-4 },
  { cosine: 0.68, similarity: 90, far: 1e-5 },
];
const scales = new SimilarityScales({
  points: clear,
  byCondition: {
    bounds: { least: 0.3, clear: 0.9, masked: 0.2 },
    pairs: [{ classes: ['masked', 'clear'], points: masked }],
  },
});

describe('SimilarityScales', () => {
  it.each([
    [0.95, false, 'clear'],
    [0.9, false, 'clear'],
    [0.5, false, 'weak'],
    [0.29, false, undefined],
    [0.2, true, 'masked'],
    [0.19, true, undefined],
    [Number.NaN, false, undefined],
    [Number.NaN, true, undefined],
  ])('puts the recognisability %f, masked %s, into the class %s', (recognisability, isMasked, expected) => {
    expect(scales.classify({ recognisability, masked: isMasked })).toBe(expected);
  });

  it('counts a face without a known condition as clear', () => {
    expect(scales.classify(undefined)).toBe('clear');
  });

  it('has one scale for a pair in both orders', () => {
    expect(scales.between('masked', 'clear')?.fromCosine(0.68)).toBeCloseTo(90, 9);
    expect(scales.between('clear', 'masked')).toBe(scales.between('masked', 'clear'));
    expect(scales.between('clear', 'clear')?.fromCosine(0.46)).toBeCloseTo(90, 9);
  });

  it('has no scale for a pair that was not measured, or whose face is not recognisable', () => {
    expect(scales.between('masked', 'masked')).toBeUndefined();
    expect(scales.between(undefined, 'clear')).toBeUndefined();
  });

  it('means the same false accept rate by a similarity above 90 in every condition', () => {
    const cosine = scales.between('masked', 'clear')?.toCosine(93) ?? 0;
    // Per tenfold, the masked curve needs 0.08 and the clear one 0.06.
    const beyond = scales.clear.toCosine(93) - 0.46;
    expect(cosine).toBeCloseTo(0.68 + (beyond * 0.08) / 0.06, 6);
  });

  it('has one scale for all pairs where the embedder has no measure of recognisability', () => {
    const plain = new SimilarityScales({ points: clear });
    expect(plain.classify({ recognisability: 0, masked: true })).toBe('clear');
    expect(plain.between('masked', 'masked')).toBe(plain.clear);
  });
});
