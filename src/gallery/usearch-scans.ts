// The only access to usearch: scans of all rows of an array.
import { exactSearch, MetricKind } from 'usearch';

/** One thread took 1.9 ms, two took 2.6 ms (2026-09, x64, 100,000 x 128, k = 10): usearch starts its threads for each call. */
const THREADS = 1;

/** Rows found by a scan, the greatest inner product first. */
export interface ScannedRows {
  rows: Uint32Array;
  /** 1 minus the inner product, each step rounded to float32. */
  distances: Float32Array;
}

/**
 * Finds the rows with the greatest inner products by a scan of all rows.
 * @param matrix row by row; it begins at the start of its buffer, because usearch ignores byteOffset
 * @param probe also at the start of its buffer
 * @param count number of rows to find, at most all
 */
export function scanRows(matrix: Float32Array, probe: Float32Array, dimensions: number, count: number): ScannedRows {
  const { keys, distances } = exactSearch(matrix, probe, dimensions, count, MetricKind.IP, THREADS);
  // Row numbers are below 2^32: reading their low halves needs no BigInt for each.
  const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  const rows = new Uint32Array(keys.length);
  for (let i = 0; i < rows.length; i++) rows[i] = halves[2 * i]!;
  return { rows, distances };
}
