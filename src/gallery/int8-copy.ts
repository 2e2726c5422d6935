// An int8 copy of rows of float32, and how far an inner product of the copies may be from the true one.
import { growTo } from './growable.js';

/** Greatest value of the copy: -127..127 is symmetric, -128 is not used. */
const LEVELS = 127;
/** Room for greater values of later rows: without it, many of the first rows would make the copy anew. */
const HEADROOM = 1.05;
/** Above this many dimensions, an inner product of two copies may not fit into the 24 bits of a float32: 127 x 127 x 1040 < 2^24. */
export const MAX_INT8_DIMENSIONS = 1040;

/**
 * The int8 copy of a row x is q(x) = round(x / step), with one step for all rows, so that the order of the integers is that of the
 * products. A probe p has a step of its own.
 *
 * Proof of the bound. Write x = step q(x) + r(x), and p = s q(p) + r(p), where r is what the rounding left. Then
 *
 *     p.x = step s q(p).q(x)  +  s q(p).r(x)  +  r(p).x
 *
 * and by Cauchy and Schwarz the last two terms are at most |s q(p)| |r(x)| + |r(p)| |x|. Nothing is assumed about the vectors: a value
 * that was clipped, a row that is not of length 1, or a probe of another kind only makes r longer, and |r(x)| is kept for each row.
 *
 * usearch's int8 kernels sum the products in int32 without saturation, and return 1 - sum in float32. All of these numbers are integers
 * below 2^24 in magnitude (see MAX_INT8_DIMENSIONS), so that none of them is rounded (usearch 2.25.3, numkong/include/numkong/dot).
 */
export class Int8Copy {
  readonly #dimensions: number;
  readonly #most: number;
  #values: Int8Array;
  /** |r(x)| of each row, rounded up. */
  #residuals: Float32Array;
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
    this.#residuals = new Float32Array(0);
    this.#copyAll(rows, count);
  }

  /** The copies, row by row, from the start of their buffer. */
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

  /** Returns |r(x)| of a row. */
  residual(row: number): number {
    return this.#residuals[row]!;
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
    this.#residuals = growTo(this.#residuals, reserved, this.#most);
  }

  #copy(row: number, rows: Float32Array): void {
    const dimensions = this.#dimensions;
    const at = row * dimensions;
    this.#residuals[row] = quantise(rows, at, dimensions, this.#step, this.#values);
    this.#maxResidual = Math.max(this.#maxResidual, this.#residuals[row]);
  }
}

/** A probe as the scan of a copy needs it. */
export interface Int8Probe {
  values: Int8Array;
  /** The number that a value of 1 stands for: s. */
  step: number;
  /** |s q(p)| */
  length: number;
  /** |r(p)| */
  residual: number;
}

export function quantiseProbe(probe: Float32Array): Int8Probe {
  const step = findGreatest(probe, 0, probe.length) / LEVELS;
  const values = new Int8Array(probe.length);
  const residual = quantise(probe, 0, probe.length, step, values);
  let sum = 0;
  for (const value of values) sum += value * value;
  return { values, step, length: step * Math.sqrt(sum) * ROUND_UP, residual };
}

/** Covers the rounding of the sums, in float64, and of the residuals, to float32. */
const ROUND_UP = 1 + 2 ** -22;

/** Writes the copy of a vector at the same place. @returns |r|, rounded up */
function quantise(from: Float32Array, at: number, length: number, step: number, to: Int8Array): number {
  // The step is 0 where all values are.
  const perStep = step > 0 ? 1 / step : 0;
  let sum = 0;
  for (let i = at; i < at + length; i++) {
    const value = from[i]!;
    const level = Math.max(-LEVELS, Math.min(LEVELS, Math.round(value * perStep)));
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
