// The scan of int8 copies: it finds every row that its bound does not exclude, and reads nothing beyond the arrays.
import { describe, expect, it } from 'vitest';
import { loadAddon, type CopiedRows } from '../../src/native/addon.js';
import { randomNumbers } from '../store/values.js';

const addon = loadAddon();

/** Copies of whole numbers, with vectors that equal them: the estimate of each product is exact. */
function describeRows(values: number[][], reach = 1): CopiedRows {
  const copies = Int8Array.from(values.flat());
  return { copies, vectors: Float32Array.from(copies, (v) => v * reach), count: values.length, scale: reach, error: 0 };
}

function find(blocks: CopiedRows[], probe: number[], wanted: number, minCosine: number): [number, number][] {
  const vector = Float32Array.from(probe);
  const { rows, cosines } = addon.findNearestRows(blocks, Int16Array.from(probe), vector, wanted, minCosine);
  return Array.from(rows, (row, i) => [row, cosines[i]!]);
}

describe('the scan of int8 copies', () => {
  it('numbers the rows through all blocks, in ascending order', () => {
    const blocks = [describeRows([[1], [5], [3]], 0.1), describeRows([[4], [2]], 0.1), describeRows([[5]], 0.1)];
    expect(find(blocks, [1], 2, -1).map(([row]) => row)).toEqual([1, 5]);
    expect(find(blocks, [1], 3, -1).map(([row]) => row)).toEqual([1, 3, 5]);
    expect(find(blocks, [1], 6, 0.35).map(([row]) => row)).toEqual([1, 3, 5]);
    expect(find(blocks, [1], 100, -Infinity)).toHaveLength(6);
    expect(find([], [1], 1, -1)).toEqual([]);
  });

  it('returns all rows that share the last place, and clamps to -1..1', () => {
    const blocks = [describeRows([[2], [3], [1], [3], [-7]])];
    expect(find(blocks, [1], 1, -1)).toEqual([0, 1, 2, 3].map((row) => [row, 1]));
    expect(find(blocks, [1], 5, -1)).toContainEqual([4, -1]);
  });

  it.each([3, 16, 31, 144])('finds what a scan in float64 finds, in %i dimensions', (dimensions) => {
    const random = randomNumbers(dimensions);
    const level = (most: number): number => Math.round((random() * 2 - 1) * most);
    const rows = Array.from({ length: 9_000 }, () => Array.from({ length: dimensions }, () => level(127)));
    const probe = Array.from({ length: dimensions }, () => level(900));
    // Small enough that nothing is clamped, and a power of two, so that the vectors are exact.
    const reach = 2 ** -25;
    const blocks = [describeRows(rows.slice(0, 5_000), reach), describeRows(rows.slice(5_000), reach)];
    const products = rows.map((row) => row.reduce((sum, value, i) => sum + value * probe[i]!, 0));
    for (const wanted of [1, 10, 700, 5_000]) {
      const last = products.toSorted((a, b) => b - a)[wanted - 1]!;
      const expected = products.flatMap((product, row) => (product >= last ? [row] : []));
      expect(find(blocks, probe, wanted, -1).map(([row]) => row)).toEqual(expected);
    }
  });

  it('excludes nothing where the bound is too wide, or no number', () => {
    const rows = describeRows(
      Array.from({ length: 3_000 }, (_, i) => [i % 100]),
      1e-3,
    );
    for (const [scale, error] of [
      [1e-3, 1e9],
      [0, 0],
      [1e300, 1e303],
      [1e-300, 1],
      [1e308, 1e308],
    ] as const) {
      const found = find([{ ...rows, scale, error }], [1], 2_000, -1);
      expect(found.length).toBeGreaterThanOrEqual(2_000);
    }
  });

  it('refuses what it cannot read', () => {
    const block = describeRows([
      [1, 2],
      [3, 4],
    ]);
    const refused: [CopiedRows[], number[], number, number][] = [
      [[{ ...block, count: 3 }], [1, 1], 1, -1],
      [[{ ...block, copies: new Int8Array(3) }], [1, 1], 1, -1],
      [[{ ...block, vectors: new Float32Array(3) }], [1, 1], 1, -1],
      [[{ ...block, count: -1 }], [1, 1], 1, -1],
      [[{ ...block, count: 0.5 }], [1, 1], 1, -1],
      [[{ ...block, scale: Number.NaN }], [1, 1], 1, -1],
      [[{ ...block, error: -1 }], [1, 1], 1, -1],
      [[block], [], 1, -1],
      [[block], [1, 1], 0, -1],
      [[block], [1, 1], 1, Number.NaN],
      [[{ ...block, copies: new Uint8Array(4) as unknown as Int8Array }], [1, 1], 1, -1],
      [[null as unknown as CopiedRows], [1, 1], 1, -1],
    ];
    for (const [blocks, probe, wanted, minCosine] of refused) {
      expect(() => find(blocks, probe, wanted, minCosine)).toThrow(/^[a-zA-Z ]+ (must|has) /);
    }
    const probe = new Float32Array(600).fill(1);
    const wide = { copies: new Int8Array(600), vectors: probe, count: 1, scale: 1, error: 0 };
    expect(() => addon.findNearestRows([wide], new Int16Array(600).fill(32_767), probe, 1, -1)).toThrow(/too great/);
    expect(() => addon.findNearestRows([wide], new Int16Array(599), probe, 1, -1)).toThrow(RangeError);
  });
});
