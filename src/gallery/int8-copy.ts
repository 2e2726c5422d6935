// An int8 copy of rows of float32, and how far an inner product of the copies may be from the true one.
import { growTo } from './growable.js';

/** Greatest value of the copy: -127..127 is symmetric, -128 is not used. */
const LEVELS = 127;
/** Room for greater values of later rows: without it, many of the first rows would make the copy anew. */
const HEADROOM = 1.05;
/**
 * The int8 copy of a row x is q(x) = round(x / step), with one step for all rows. That of a probe p is of 16 bits, and has a step of its own.
 *
 * Proof of the bound. Write x = step q(x) + r(x), and p = s q(p) + r(p), where r is what the rounding left. Then
 *
 *     p.x = step s q(p).q(x)  +  s q(p).r(x)  +  r(p).x
 *
 * and by Cauchy and Schwarz the last two terms are at most |s q(p)| |r(x)| + |r(p)| |x|. Nothing is assumed about the vectors: a value
 * that was clipped, a row that is not of length 1, or a probe of another kind only makes r longer, and the greatest |r(x)| is kept.
 *
 * The products of the copies are whole numbers, and their sum fits into 32 bits (see quantiseProbe), so that none of them is rounded.
 */
export class Int8Copy {
  readonly #dimensions: number;
  readonly #most: number;
  #values: Int8Array;
  #step = 0;
  #maxResidual = 0;

  /**
   * Copies rows.
   * @param rows row by row; only the first `count` rows are copied
   * @param most rows that the copy will ever have
   */
  constructor(dimensions: number, rows: Float32Array, count: number, most: number) {
    this.#dimensions = dimensions;
    this.#most = most;
    this.#values = new Int8Array(0);
    this.#copyAll(rows, count);
  }

  /** The copies, row by row. */
  get values(): Int8Array {
    return this.#values;
  }

  /** The number that a copied value of 1 stands for. */
  get step(): number {
    return this.#step;
  }

  /** Greatest |r(x)| of all rows. */
  get maxResidual(): number {
    return this.#maxResidual;
  }

  /** Copies one row that was added or changed. @param count number of rows, this one included */
  update(row: number, rows: Float32Array, count: number): void {
    if (findGreatest(rows, row * this.#dimensions, (row + 1) * this.#dimensions) > this.#step * LEVELS) {
      this.#copyAll(rows, count);
      return;
    }
    this.#reserve(rows, count);
    this.#copy(row, rows);
  }

  #copyAll(rows: Float32Array, count: number): void {
    this.#reserve(rows, count);
    this.#step = (findGreatest(rows, 0, count * this.#dimensions) * HEADROOM) / LEVELS;
    this.#maxResidual = 0;
    for (let row = 0; row < count; row++) this.#copy(row, rows);
  }

  #reserve(rows: Float32Array, count: number): void {
    // Grows together with the rows.
    const reserved = Math.max(count, Math.min(this.#most, rows.length / this.#dimensions));
    this.#values = growTo(this.#values, reserved * this.#dimensions, this.#most * this.#dimensions);
  }

  #copy(row: number, rows: Float32Array): void {
    const dimensions = this.#dimensions;
    const at = row * dimensions;
    const residual = quantise(rows, { at, length: dimensions, step: this.#step, levels: LEVELS }, this.#values);
    this.#maxResidual = Math.max(this.#maxResidual, residual);
  }
}

/** A probe as it is multiplied with the copies. */
export interface CopiedProbe {
  values: Int16Array;
  /** The number that a value of 1 stands for: s. */
  step: number;
  /** |s q(p)| */
  length: number;
  /** |r(p)| */
  residual: number;
}

/** Greatest value of a probe. */
const PROBE_LEVELS = 32_767;
/** Greatest sum of the magnitudes of a probe's values: 128 times that is a sum of products that still fits into 32 bits. */
const MOST_IN_ALL = Math.floor((2 ** 31 - 1) / 128);

/** Copies a probe with 16 bits, with a step at which no sum of products with a row of int8 leaves 32 bits. */
export function quantiseProbe(probe: Float32Array): CopiedProbe {
  const { length: dimensions } = probe;
  let total = 0;
  for (const value of probe) total += Math.abs(value);
  // Rounding adds at most 1/2 to each value.
  const step = Math.max(findGreatest(probe, 0, dimensions) / PROBE_LEVELS, total / (MOST_IN_ALL - dimensions));
  const values = new Int16Array(dimensions);
  const residual = quantise(probe, { at: 0, length: dimensions, step, levels: PROBE_LEVELS }, values);
  let sum = 0;
  for (const value of values) sum += value * value;
  return { values, step, length: step * Math.sqrt(sum) * ROUND_UP, residual };
}

/** Covers the rounding of the sums in float64. */
const ROUND_UP = 1 + 2 ** -22;

interface Quantisation {
  /** Place of the vector in both arrays. */
  at: number;
  length: number;
  step: number;
  /** Greatest value of the copy. */
  levels: number;
}

/** Writes the copy of a vector at the same place. @returns |r|, rounded up */
function quantise(from: Float32Array, { at, length, step, levels }: Quantisation, to: Int8Array | Int16Array): number {
  // The step is 0 where all values are.
  const perStep = step > 0 ? 1 / step : 0;
  let sum = 0;
  for (let i = at; i < at + length; i++) {
    const value = from[i]!;
    const level = Math.max(-levels, Math.min(levels, Math.round(value * perStep)));
    to[i] = level;
    const rest = value - level * step;
    sum += rest * rest;
  }
  return Math.sqrt(sum) * ROUND_UP;
}

/** Returns the greatest magnitude of the values in a range. */
function findGreatest(values: Float32Array, from: number, to: number): number {
  let greatest = 0;
  for (let i = from; i < to; i++) {
    const value = Math.abs(values[i]!);
    if (value > greatest) greatest = value;
  }
  return greatest;
}
