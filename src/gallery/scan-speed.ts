// How fast the two scans are on this device: a processor without instructions for products of int8 may be slower with them.
import { searchBlocks } from './exact-search.js';
import { quantiseProbe } from './int8-copy.js';
import { measureLength, RowBlock } from './row-block.js';

/** Rows of a measured scan: some 20 to 60 microseconds, so that few scans are interrupted. */
const ROWS = 2_048;
const ROUNDS = 9;
/** The copy is made where its scan takes at most this part of the time: it costs memory, and its candidates have to be ranked. */
const MOST_OF_FLOATS = 0.7;

/** Tells whether an int8 copy of rows is worth its memory. */
export type PrefersInt8 = (rows: Float32Array, dimensions: number) => boolean;

/**
 * Measures both scans in turns, and compares the fastest of each: a scan that was not interrupted took the time of the processor alone.
 * It takes about 2 ms on x64, once for each index that becomes large.
 * @param rows at least 2,048 rows of the index
 */
export function prefersInt8(rows: Float32Array, dimensions: number): boolean {
  if (rows.length < ROWS * dimensions) return false;
  const block = new RowBlock(dimensions, ROWS, ROWS);
  for (let row = 0; row < ROWS; row++) block.append(rows.subarray(row * dimensions, (row + 1) * dimensions));
  block.makeCopy();
  const vector = rows.slice(0, dimensions);
  const floats = { vector, length: measureLength(vector) };
  const copied = { ...floats, copy: quantiseProbe(vector) };
  const search = { limit: 10, minCosine: -1, compareTies: (a: number, b: number) => a - b };
  const fastest = { floats: Infinity, int8: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [form, probe] of [
      ['floats', floats],
      ['int8', copied],
    ] as const) {
      fastest[form] = Math.min(
        fastest[form],
        measure(() => searchBlocks([block], ROWS, probe, search)),
      );
    }
  }
  return fastest.int8 <= fastest.floats * MOST_OF_FLOATS;
}

function measure(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
