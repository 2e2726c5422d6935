// The search of an index with an int8 copy, in several blocks, against a float64 scan of everything: order and cosines are the same.
import { describe, expect, test } from 'vitest';
import { normalise } from '../../src/domain/embedding.js';
import { Int8Copy, quantiseProbe } from '../../src/gallery/int8-copy.js';
import { measureLength, RowBlock } from '../../src/gallery/row-block.js';
import { prefersInt8 } from '../../src/gallery/scan-speed.js';
import { VectorIndex, type VectorIndexOptions } from '../../src/gallery/vector-index.js';
import { randomNumbers } from '../store/values.js';
import { randomEmbedding } from './faces.js';

const byRow = (a: number, b: number): number => a - b;
/** Small blocks, and a copy from the first rows on. */
const COPIED: VectorIndexOptions = { blockRows: 500, copyFrom: 1, prefersInt8: () => true };
const FORMS: [string, VectorIndexOptions][] = [
  ['with an int8 copy', COPIED],
  ['without one', { blockRows: 500, copyFrom: 1, prefersInt8: () => false }],
];

type Random = () => number;

function build(vectors: readonly Float32Array[], options: VectorIndexOptions): VectorIndex {
  const index = new VectorIndex(vectors[0]!.length, options);
  for (const vector of vectors) index.append(vector);
  return index;
}

/** The float64 scan: the inner product in four sums side by side, clamped. */
function scanAll(vectors: readonly Float32Array[], probe: Float32Array): { row: number; cosine: number }[] {
  return vectors
    .map((vector, row) => ({ row, cosine: dot(vector, probe) }))
    .sort((a, b) => b.cosine - a.cosine || a.row - b.row);
}

function dot(vector: Float32Array, probe: Float32Array): number {
  const sums = [0, 0, 0, 0];
  const whole = vector.length - (vector.length % 4);
  for (let i = 0; i < whole; i++) sums[i % 4]! += vector[i]! * probe[i]!;
  for (let i = whole; i < vector.length; i++) sums[0]! += vector[i]! * probe[i]!;
  return Math.max(-1, Math.min(1, sums[0]! + sums[1]! + (sums[2]! + sums[3]!)));
}

/** Vectors that are hard for a search in one way or another. */
const GALLERIES: Record<string, (random: Random, count: number) => Float32Array[]> = {
  'random vectors': (random, count) => Array.from({ length: count }, () => randomEmbedding(random)),
  'clusters, such as the faces of few people': (random, count) => {
    const centres = Array.from({ length: 12 }, () => randomEmbedding(random));
    return Array.from({ length: count }, (_, i) => moveBy(centres[i % 12]!, 0.03, random));
  },
  'vectors so near to each other that no bound separates them': (random, count) => {
    const centre = randomEmbedding(random);
    return Array.from({ length: count }, () => moveBy(centre, 1e-4, random));
  },
  'copies of few vectors': (random, count) => {
    const few = Array.from({ length: 5 }, () => randomEmbedding(random));
    return Array.from({ length: count }, (_, i) => few[i % 5]!);
  },
  'rows of zeros among others': (random, count) =>
    Array.from({ length: count }, (_, i) => (i % 3 === 0 ? new Float32Array(128) : randomEmbedding(random))),
  'only rows of zeros': (_, count) => Array.from({ length: count }, () => new Float32Array(128)),
  'rows with a bias, which are longer than 1': (random, count) =>
    Array.from({ length: count }, () => {
      const vector = new Float32Array(144);
      vector.set(randomEmbedding(random));
      for (let i = 128; i < 144; i++) vector[i] = (random() - 0.3) * 0.4;
      return vector;
    }),
  'a value that is far greater than the others, in the last row of the block': (random, count) =>
    Array.from({ length: count }, (_, i) => {
      const vector = randomEmbedding(random);
      if (i % 350 === 349) vector[i % 128] = 3;
      return i % 350 === 349 ? normalise(vector) : vector;
    }),
  'values that lie in the middle between two steps': (random, count) =>
    Array.from({ length: count }, () =>
      normalise(Float32Array.from({ length: 128 }, () => Math.round(random() * 8) + (random() < 0.5 ? 0.5 : -0.5))),
    ),
  'axes and their opposites': (_, count) =>
    Array.from({ length: count }, (_unused, i) => {
      const vector = new Float32Array(128);
      vector[i % 128] = i % 2 === 0 ? 1 : -1;
      return vector;
    }),
};

function moveBy(centre: Float32Array, distance: number, random: Random): Float32Array {
  return normalise(centre.map((value) => value + (random() - 0.5) * distance));
}

describe.each(FORMS)('an index %s finds what a float64 scan finds', (_, options) => {
  test.each(Object.keys(GALLERIES))('among %s', (name) => {
    const random = randomNumbers(name.length);
    const vectors = GALLERIES[name]!(random, 1_200);
    const { length } = vectors[0]!;
    const index = build(vectors, options);
    const axis = new Float32Array(length);
    axis[3] = 1;
    const probes = [randomEmbedding(random, length), vectors[7]!, axis, new Float32Array(length)];
    for (const probe of probes) {
      const expected = scanAll(vectors, probe);
      for (const limit of [1, 10, 400, 2_000]) {
        const minCosines = [-1, -Infinity, expected[30]!.cosine, expected[400]!.cosine, 0.9999];
        for (const minCosine of minCosines) {
          const hits = index.search(probe, { limit, minCosine, compareTies: byRow });
          const wanted = expected.filter(({ cosine }) => cosine >= minCosine).slice(0, limit);
          expect(hits.rows).toEqual(wanted.map(({ row }) => row));
          // The hits have the very cosines of the scan. Of many that usearch has found, some keep its own, which differ in the eighth digit.
          const tolerance = index.hasCopies || limit < 256 ? 0 : 3e-7;
          hits.cosines.forEach((cosine, i) => {
            expect(Math.abs(cosine - wanted[i]!.cosine)).toBeLessThanOrEqual(tolerance);
          });
        }
        const except = expected[2]!.row;
        const hits = index.search(probe, { limit, minCosine: -1, except, compareTies: byRow });
        expect(hits.rows).toEqual(expected.flatMap(({ row }) => (row === except ? [] : [row])).slice(0, limit));
      }
    }
  });

  test('equal cosines come in the order that is asked for, across blocks', () => {
    const random = randomNumbers(4);
    const same = randomEmbedding(random);
    const vectors = Array.from({ length: 1_800 }, (_unused, i) => (i % 2 === 0 ? same : randomEmbedding(random)));
    const compareTies = (a: number, b: number): number => b - a;
    const { rows } = build(vectors, options).search(same, { limit: 5, minCosine: -1, compareTies });
    expect(rows).toEqual([1_798, 1_796, 1_794, 1_792, 1_790]);
  });

  test('whatever is added, moved and removed', () => {
    const random = randomNumbers(5);
    const index = new VectorIndex(64, { ...options, blockRows: 90 });
    const model: Float32Array[] = [];
    for (let step = 0; step < 1_500; step++) {
      if (model.length > 0 && random() < (step < 1_000 ? 0.35 : 0.6)) {
        const row = Math.floor(random() * model.length);
        index.remove(row);
        const last = model.pop()!;
        if (row < model.length) model[row] = last;
      } else {
        const vector = randomEmbedding(random, 64);
        if (random() < 0.02) vector[0]! += 2;
        expect(index.append(vector)).toBe(model.length);
        model.push(vector);
      }
      if (step % 25 !== 0 || model.length === 0) continue;
      const probe = randomEmbedding(random, 64);
      const limit = 1 + Math.floor(random() * 400);
      const { rows } = index.search(probe, { limit, minCosine: -1, compareTies: byRow });
      expect(rows).toEqual(
        scanAll(model, probe)
          .slice(0, limit)
          .map(({ row }) => row),
      );
    }
    while (index.size > 0) index.remove(0);
    expect(index.search(randomEmbedding(random, 64), { limit: 3, minCosine: -1, compareTies: byRow }).rows).toEqual([]);
    expect(index.append(model[0]!)).toBe(0);
  });
});

test.each([1, 3, 63, 64, 65, 128, 144, 528, 4_096])(
  'in %i dimensions, no inner product is further from its estimate than the bound',
  (dimensions) => {
    const random = randomNumbers(dimensions);
    for (const reach of [1, 1e-3]) {
      const block = new RowBlock(dimensions, 100, 0);
      block.makeCopy();
      const vectors = Array.from({ length: 100 }, () =>
        Float32Array.from({ length: dimensions }, () => (random() - 0.5) * reach * (random() < 0.05 ? 8 : 1)),
      );
      for (const vector of vectors) block.append(vector);
      for (let round = 0; round < 3; round++) {
        const vector = Float32Array.from({ length: dimensions }, () => random() - 0.5);
        const probe = { vector, length: measureLength(vector) };
        const copy = quantiseProbe(vector);
        const exact = vectors.map((row) => row.reduce((sum, value, j) => sum + value * vector[j]!, 0));
        const { rows, distances, scale, error } = block.scanFloats(probe, 100);
        rows.forEach((row, i) => {
          expect(Math.abs(exact[row]! - scale * (1 - distances[i]!))).toBeLessThanOrEqual(error);
        });
        const copied = block.describeCopy(copy);
        for (let row = 0; row < 100; row++) {
          let sum = 0;
          for (let i = 0; i < dimensions; i++) sum += copied.copies[row * dimensions + i]! * copy.values[i]!;
          expect(Math.abs(exact[row]! - copied.scale * sum)).toBeLessThanOrEqual(copied.error);
        }
      }
    }
  },
);

test.each([1, 8, 144, 528, 4_096, 65_536])(
  'the copy of a probe of %i equal values is as fine as sums of 32 bits allow',
  (dimensions) => {
    for (const value of [1, -1e-20, 1e20]) {
      const { values, step } = quantiseProbe(new Float32Array(dimensions).fill(value));
      const sum = values.reduce((all, level) => all + Math.abs(level), 0);
      expect(sum * 128).toBeLessThan(2 ** 31);
      expect(Math.abs(values[0]!)).toBeGreaterThan(Math.min(32_767, 2 ** 24 / dimensions) * 0.95);
      expect((values[0]! * step) / value).toBeCloseTo(1, 3);
    }
  },
);

test('a copy made at once equals a copy made row by row', () => {
  const random = randomNumbers(8);
  const rows = Float32Array.from({ length: 50 * 16 }, () => random() - 0.5);
  const whole = new Int8Copy(16, rows, 50, 50);
  const grown = new Int8Copy(16, rows, 0, 50);
  for (let row = 0; row < 50; row++) grown.update(row, rows, row + 1);
  expect(grown.step).toBeGreaterThanOrEqual(whole.step / 1.05);
  expect(grown.step).toBeLessThanOrEqual(whole.step * 1.2);
  // A row is at most half a step away in each dimension.
  expect(whole.maxResidual).toBeLessThanOrEqual(whole.step * 2 * 1.001);
  expect(whole.maxResidual).toBeGreaterThan(whole.step);
});

describe('whether an index has a copy is decided once, when it becomes large', () => {
  test.each([true, false])('as the measurement says: %s', (isFaster) => {
    const random = randomNumbers(9);
    const asked: number[] = [];
    const decide = (rows: Float32Array, dimensions: number): boolean => {
      asked.push(rows.length / dimensions);
      return isFaster;
    };
    const index = new VectorIndex(8, { copyFrom: 100, blockRows: 256, prefersInt8: decide });
    for (let i = 0; i < 99; i++) index.append(randomEmbedding(random, 8));
    expect(asked).toEqual([]);
    expect(index.hasCopies).toBe(false);
    for (let i = 0; i < 400; i++) index.append(randomEmbedding(random, 8));
    for (let i = 0; i < 450; i++) index.remove(0);
    for (let i = 0; i < 450; i++) index.append(randomEmbedding(random, 8));
    expect(asked).toHaveLength(1);
    expect(asked[0]).toBeGreaterThanOrEqual(100);
    expect(index.hasCopies).toBe(isFaster);
  });

  test('a measurement needs rows', () => {
    expect(prefersInt8(new Float32Array(100 * 8), 8)).toBe(false);
    const random = randomNumbers(10);
    expect(typeof prefersInt8(Float32Array.from({ length: 2_048 * 128 }, random), 128)).toBe('boolean');
  });
});
