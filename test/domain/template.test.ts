// Means of faces: their direction, their length, their condition.
import { describe, expect, test } from 'vitest';
import { cosine } from '../../src/domain/embedding.js';
import { averageFaces, weighFace } from '../../src/domain/template.js';

const length = (vector: Float32Array): number => Math.hypot(...vector);
const bare = (recognisability: number) => ({ recognisability, masked: false });

describe('the mean of faces', () => {
  test('of one face is the face itself', () => {
    const embedding = Float32Array.of(0.6, 0.8);
    const condition = bare(0.7);
    expect(averageFaces([{ embedding, condition, weight: 0.2 }])).toEqual({ embedding, condition });
    expect(averageFaces([{ embedding, weight: 0.2 }])).toEqual({ embedding });
  });

  test('of equal faces is as long as one of them', () => {
    const embedding = Float32Array.of(0.6, 0.8);
    const mean = averageFaces([0.1, 0.5, 0.9].map((weight) => ({ embedding, weight })));
    expect(mean.faces).toBe(3);
    expect(length(mean.embedding)).toBeCloseTo(1, 6);
    expect(cosine(mean.embedding, embedding)).toBeCloseTo(1, 6);
  });

  test('lies between different faces, nearer to the heavier one, and is shorter the less they are alike', () => {
    const face = (degrees: number, weight: number) => ({
      embedding: Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)),
      weight,
    });
    const even = averageFaces([face(0, 1), face(60, 1)]);
    expect(Math.atan2(even.embedding[1]!, even.embedding[0]!)).toBeCloseTo(Math.PI / 6, 6);
    // The arithmetic mean of the two has the length cos(30°).
    expect(length(even.embedding)).toBeCloseTo(Math.cos(Math.PI / 6) ** (1 / 3), 6);
    expect(length(averageFaces([face(0, 1), face(90, 1)]).embedding)).toBeLessThan(length(even.embedding));
    const uneven = averageFaces([face(0, 3), face(60, 1)]);
    expect(Math.atan2(uneven.embedding[1]!, uneven.embedding[0]!)).toBeCloseTo(
      Math.atan2(Math.sin(Math.PI / 3), 3.5),
      6,
    );
  });

  test('of faces that cancel each other out is like nobody', () => {
    const { embedding } = averageFaces([1, -1].map((x) => ({ embedding: Float32Array.of(x, 0), weight: 1 })));
    expect(embedding).toEqual(Float32Array.of(0, 0));
  });

  test('has the weighted mean of the conditions that are known', () => {
    const embedding = Float32Array.of(1, 0);
    const faces = [
      { embedding, condition: bare(0.9), weight: 3 },
      { embedding, condition: bare(0.5), weight: 1 },
      { embedding, weight: 5 },
    ];
    expect(averageFaces(faces).condition?.recognisability).toBeCloseTo(0.8, 9);
    expect(averageFaces(faces).condition?.masked).toBe(false);
  });

  test('needs a face, and faces of one length', () => {
    expect(() => averageFaces([])).toThrow(TypeError);
    const faces = [Float32Array.of(1), Float32Array.of(1, 0)].map((embedding) => ({ embedding, weight: 1 }));
    expect(() => averageFaces(faces)).toThrow(TypeError);
  });
});

test('a face weighs more the more recognisable and the better seen it is, and never nothing', () => {
  expect(weighFace(bare(0.5), 0.8)).toBeCloseTo(0.4, 9);
  expect(weighFace(undefined, 0.8)).toBeCloseTo(0.8, 9);
  expect(weighFace(bare(0), 0.8)).toBeGreaterThan(0);
});
