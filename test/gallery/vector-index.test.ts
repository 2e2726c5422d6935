// The vector index against a float64 scan of everything.
import { describe, expect, test } from 'vitest';
import type { IndexSearch } from '../../src/gallery/exact-search.js';
import { VectorIndex } from '../../src/gallery/vector-index.js';
import { randomNumbers } from '../store/values.js';
import { randomEmbedding, scan } from './faces.js';

const byRow = (a: number, b: number): number => a - b;
const all: IndexSearch = { limit: 1_000, minCosine: -1, compareTies: byRow };

function indexOf(vectors: readonly Float32Array[], rows = 0): VectorIndex {
  const index = new VectorIndex(vectors[0]!.length, { rows });
  for (const vector of vectors) index.append(vector);
  return index;
}

describe('recall is 1, in the order of a float64 scan', () => {
  test.each([
    [1, 128],
    [7, 128],
    [500, 128],
    [5_000, 128],
    [300, 3],
    [300, 511],
  ])('%i vectors of %i dimensions', (count, dimensions) => {
    const random = randomNumbers(count + dimensions);
    const vectors = Array.from({ length: count }, () => randomEmbedding(random, dimensions));
    const index = indexOf(vectors);
    for (const limit of [1, 10, 100, 4_096]) {
      const probe = randomEmbedding(random, dimensions);
      const expected = scan(vectors, probe).slice(0, limit);
      const { rows, cosines } = index.search(probe, { ...all, limit });
      expect(rows).toEqual(expected.map((hit) => hit.index));
      cosines.forEach((cosine, i) => expect(Math.abs(cosine - expected[i]!.cosine)).toBeLessThan(2.5e-7));
    }
  });

  test('also where many vectors differ by less than a float32 can tell', () => {
    const random = randomNumbers(5);
    const base = randomEmbedding(random);
    const vectors = Array.from({ length: 400 }, (_, i) => {
      const near = base.slice();
      // One step of the last bit of one element, and now and then the very same vector.
      if (i % 3 > 0) near[i % near.length]! *= 1 + 2 ** -23 * (i % 5);
      return near;
    });
    const index = indexOf(vectors);
    const probe = randomEmbedding(random);
    for (const limit of [1, 5, 50, 399]) {
      const expected = scan(vectors, probe).slice(0, limit);
      expect(index.search(probe, { ...all, limit }).rows).toEqual(expected.map((hit) => hit.index));
    }
  });
});

test('equal vectors come in the order that is asked for, also at the end of the list', () => {
  const same = randomEmbedding(randomNumbers(1));
  const index = indexOf(Array.from({ length: 300 }, () => same));
  expect(index.search(same, { ...all, limit: 3 }).rows).toEqual([0, 1, 2]);
  expect(index.search(same, { ...all, limit: 3, compareTies: (a, b) => b - a }).rows).toEqual([299, 298, 297]);
});

test('an empty index, and a limit below 1, find nothing', () => {
  const probe = randomEmbedding(randomNumbers(1));
  expect(new VectorIndex(128).search(probe, all)).toEqual({ rows: [], cosines: [] });
  expect(indexOf([probe]).search(probe, { ...all, limit: 0 })).toEqual({ rows: [], cosines: [] });
});

test('cosines stay within -1 and 1', () => {
  const random = randomNumbers(2);
  const probes = Array.from({ length: 50 }, () => randomEmbedding(random));
  for (const probe of probes) {
    const index = indexOf([probe, probe.map((value) => -value)]);
    const { rows, cosines } = index.search(probe, all);
    expect(rows).toEqual([0, 1]);
    expect(cosines[0]).toBeLessThanOrEqual(1);
    expect(cosines[0]).toBeCloseTo(1, 6);
    expect(cosines[1]).toBeGreaterThanOrEqual(-1);
    expect(cosines[1]).toBeCloseTo(-1, 6);
  }
});

test('minCosine is where the hits end', () => {
  const random = randomNumbers(3);
  const vectors = Array.from({ length: 1_000 }, () => randomEmbedding(random));
  const index = indexOf(vectors);
  const probe = randomEmbedding(random);
  const expected = scan(vectors, probe);
  for (const minCosine of [expected[20]!.cosine, 0.1, 0, 0.99]) {
    const { rows, cosines } = index.search(probe, { ...all, minCosine });
    expect(rows).toEqual(expected.filter((hit) => hit.cosine >= minCosine).map((hit) => hit.index));
    expect(cosines.every((cosine) => cosine >= minCosine)).toBe(true);
  }
});

test('a row can be left out without costing a place', () => {
  const random = randomNumbers(4);
  const vectors = Array.from({ length: 30 }, () => randomEmbedding(random));
  const expected = scan(vectors, vectors[12]!).filter((hit) => hit.index !== 12);
  const { rows } = indexOf(vectors).search(vectors[12]!, { ...all, limit: 10, except: 12 });
  expect(rows).toEqual(expected.slice(0, 10).map((hit) => hit.index));
  expect(indexOf(vectors.slice(12, 13)).search(vectors[12]!, { ...all, except: 0 }).rows).toEqual([]);
});

test('a removal moves the last row into the gap; any order of changes keeps the search exact', () => {
  const random = randomNumbers(6);
  const index = new VectorIndex(16);
  const model: Float32Array[] = [];
  for (let step = 0; step < 600; step++) {
    if (model.length > 0 && random() < 0.45) {
      const row = Math.floor(random() * model.length);
      index.remove(row);
      const last = model.pop() as Float32Array;
      if (row < model.length) model[row] = last;
    } else {
      const vector = randomEmbedding(random, 16);
      expect(index.append(vector)).toBe(model.length);
      model.push(vector);
    }
    expect(index.size).toBe(model.length);
  }
  const probe = randomEmbedding(random, 16);
  expect(index.search(probe, all).rows).toEqual(scan(model, probe).map((hit) => hit.index));
  model.forEach((vector, row) => expect(index.vector(row)).toEqual(vector));
});

test('what is handed in may lie anywhere in its buffer, and is copied', () => {
  const random = randomNumbers(7);
  const vectors = [randomEmbedding(random), randomEmbedding(random)];
  const offset = new Float32Array(128 * 3);
  const index = new VectorIndex(128, { rows: 1 });
  for (const vector of vectors) {
    offset.set(vector, 128);
    index.append(offset.subarray(128, 256));
  }
  offset.fill(0);
  offset.set(vectors[1]!, 256);
  expect(index.search(offset.subarray(256), { ...all, limit: 1 }).rows).toEqual([1]);
  expect(index.cosine(0, offset.subarray(256))).toBeCloseTo(scan(vectors, vectors[1]!)[1]!.cosine, 6);
  index.vector(0).fill(0);
  expect(index.vector(0)).toEqual(vectors[0]);
});

test('a vector of other dimensions is a TypeError', () => {
  const index = indexOf([randomEmbedding(randomNumbers(8))]);
  const short = new Float32Array(64);
  expect(() => index.append(short)).toThrow(TypeError);
  expect(() => index.search(short, all)).toThrow(TypeError);
  expect(() => index.cosine(0, short)).toThrow(TypeError);
});
