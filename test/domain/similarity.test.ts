import { describe, expect, it } from 'vitest';
import { cosine, normalise } from '../../src/domain/embedding.js';
import { SimilarityScale } from '../../src/domain/similarity.js';

const scale = new SimilarityScale([
  { cosine: 0.333, similarity: 70 },
  { cosine: 0.403, similarity: 80 },
  { cosine: 0.464, similarity: 90 },
]);

describe('SimilarityScale', () => {
  it.each([
    [-1, 0],
    [0, 0],
    [0.333, 70],
    [0.403, 80],
    [0.464, 90],
    [1, 100],
    [0.368, 75],
  ])('maps cosine %d to similarity %d', (value, similarity) => {
    expect(scale.fromCosine(value)).toBeCloseTo(similarity, 9);
  });

  it('goes back the way it came', () => {
    for (let similarity = 1; similarity <= 100; similarity++) {
      expect(scale.fromCosine(scale.toCosine(similarity))).toBeCloseTo(similarity, 9);
    }
  });

  it('never falls', () => {
    let last = -1;
    for (let value = -1; value <= 1; value += 0.001) {
      const similarity = scale.fromCosine(value);
      expect(similarity).toBeGreaterThanOrEqual(last);
      last = similarity;
    }
  });

  it.each([
    [
      'equal cosines',
      [
        { cosine: 0.3, similarity: 70 },
        { cosine: 0.3, similarity: 80 },
      ],
    ],
    [
      'falling similarities',
      [
        { cosine: 0.3, similarity: 80 },
        { cosine: 0.4, similarity: 70 },
      ],
    ],
    ['a point at 0', [{ cosine: 0, similarity: 10 }]],
    ['a point at 1', [{ cosine: 1, similarity: 100 }]],
    ['not a number', [{ cosine: Number.NaN, similarity: 70 }]],
  ])('refuses %s', (_name, points) => {
    expect(() => new SimilarityScale(points)).toThrow(TypeError);
  });
});

describe('embeddings', () => {
  it('are scaled to length 1', () => {
    expect([...normalise(Float32Array.of(3, 4))]).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.8, 6)]);
  });

  it.each([
    ['zero', Float32Array.of(0, 0)],
    ['not finite', Float32Array.of(Number.NaN, 1)],
    ['infinite', Float32Array.of(Infinity, 1)],
  ])('of length %s are refused', (_name, vector) => {
    expect(() => normalise(vector)).toThrow(TypeError);
  });

  it('of different lengths are not compared', () => {
    expect(() => cosine(Float32Array.of(1), Float32Array.of(1, 0))).toThrow(TypeError);
  });
});
