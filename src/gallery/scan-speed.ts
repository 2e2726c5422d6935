// How fast the two scans are on this device: a processor without instructions for products of int8 may be slower with them.
import { Int8Copy, MAX_INT8_DIMENSIONS, quantiseProbe } from './int8-copy.js';
import { scanRows } from './usearch-scans.js';

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
  if (dimensions > MAX_INT8_DIMENSIONS || rows.length < ROWS * dimensions) return false;
  const floats = rows.slice(0, ROWS * dimensions);
  const { values } = new Int8Copy(dimensions, floats, ROWS, ROWS);
  const probe = floats.slice(0, dimensions);
  const int8Probe = quantiseProbe(probe).values;
  const fastest = { floats: Infinity, int8: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    fastest.floats = Math.min(
      fastest.floats,
      measure(() => scanRows(floats, probe, dimensions, 10)),
    );
    fastest.int8 = Math.min(
      fastest.int8,
      measure(() => scanRows(values, int8Probe, dimensions, 10)),
    );
  }
  return fastest.int8 <= fastest.floats * MOST_OF_FLOATS;
}

function measure(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
