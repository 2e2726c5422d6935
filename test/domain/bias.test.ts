// The bias of a face: joined to its embedding, and subtracted from cosines.
import { describe, expect, it } from 'vitest';
import { BIAS_LENGTH, correctedCosine, joinBias, joinNegatedBias, splitBias } from '../../src/domain/bias.js';

const embedding = Float32Array.of(0.6, 0.8);
const makeBias = (value: number): Float32Array => new Float32Array(BIAS_LENGTH).fill(value, 0, 1);
const makeFace = (value: number) => ({
  embedding,
  condition: { recognisability: 1, masked: false, bias: makeBias(value) },
});

describe('a bias', () => {
  it('is what two faces have in common by their conditions, and is subtracted from their cosine', () => {
    const other = { ...makeFace(0.4), embedding: Float32Array.of(0.8, 0.6) };
    expect(correctedCosine(makeFace(0.5), other)).toBeCloseTo(0.96 - 0.2, 6);
    expect(correctedCosine(makeFace(0.5), { embedding: other.embedding })).toBeCloseTo(0.96, 6);
  });

  it('does not count between two pictures that are the same', () => {
    expect(correctedCosine(makeFace(0.5), makeFace(0.4))).toBeCloseTo(1, 6);
  });

  it('stands behind the embedding in a row, and negated in a probe', () => {
    const row = joinBias(makeFace(0.5));
    const probe = joinNegatedBias(makeFace(0.5));
    expect(row).toHaveLength(2 + BIAS_LENGTH);
    expect([row[2], probe[2]]).toEqual([0.5, -0.5]);
    expect(splitBias(row)).toEqual({ embedding, bias: makeBias(0.5) });
  });

  it('of another length, and embeddings of different dimensions, are TypeErrors', () => {
    const wrong = { embedding, condition: { recognisability: 1, masked: false, bias: new Float32Array(3) } };
    expect(() => joinBias(wrong)).toThrow(TypeError);
    expect(() => correctedCosine({ embedding }, { embedding: new Float32Array(3) })).toThrow(TypeError);
  });
});
