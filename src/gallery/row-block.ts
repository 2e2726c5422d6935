// A block of rows: float32 vectors, an int8 copy where scans of it are faster, and the bounds of both scans.
import type { CopiedRows } from '../native/addon.js';
import { growTo } from './growable.js';
import { Int8Copy, type CopiedProbe } from './int8-copy.js';
import { scanRows, type ScannedRows } from './usearch-scans.js';

/** A probe in both forms. */
export interface Probe {
  vector: Float32Array;
  /** Length of the vector. */
  length: number;
  /** Absent where no block has an int8 copy. */
  copy?: CopiedProbe;
}

/** The rows with the greatest estimates: no row that is missing has a greater estimate than the last one here. */
export interface BlockScan extends ScannedRows {
  /** The estimate of an inner product is `scale * (1 - distance)`. */
  scale: number;
  /** The true inner product of a row is at most this much more, or less, than the estimate. */
  error: number;
}

/** The float32 next to 1 is 1 + 2 ULP. */
const ULP = 2 ** -24;

export class RowBlock {
  readonly #dimensions: number;
  readonly #most: number;
  #rows: Float32Array;
  #size = 0;
  #copy: Int8Copy | undefined;
  /** Greatest length of a row that the block has ever had. */
  #maxLength = 0;

  /**
   * @param most rows of a full block
   * @param reserved rows for which memory is reserved
   */
  constructor(dimensions: number, most: number, reserved: number) {
    this.#dimensions = dimensions;
    this.#most = most;
    this.#rows = new Float32Array(Math.min(most, reserved) * dimensions);
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.#most;
  }

  /** The float32 rows; the rest after `size` rows has no meaning. Valid until the next change. */
  get rows(): Float32Array {
    return this.#rows;
  }

  get hasCopy(): boolean {
    return this.#copy !== undefined;
  }

  append(vector: Float32Array): void {
    this.#rows = growTo(this.#rows, (this.#size + 1) * this.#dimensions, this.#most * this.#dimensions);
    this.#size++;
    this.write(this.#size - 1, vector);
  }

  write(row: number, vector: Float32Array): void {
    this.#rows.set(vector, row * this.#dimensions);
    this.#maxLength = Math.max(this.#maxLength, measureLength(vector));
    this.#copy?.update(row, this.#rows, this.#size);
  }

  /** Removes the last row, and clears its memory. */
  removeLast(): void {
    this.#size--;
    this.#rows.fill(0, this.#size * this.#dimensions, (this.#size + 1) * this.#dimensions);
    this.#copy?.values.fill(0, this.#size * this.#dimensions, (this.#size + 1) * this.#dimensions);
  }

  /** Returns a row in the memory of the block; it is valid until the next change. */
  view(row: number): Float32Array {
    return this.#rows.subarray(row * this.#dimensions, (row + 1) * this.#dimensions);
  }

  /** Makes the int8 copy. It costs a byte per value. */
  makeCopy(): void {
    this.#copy ??= new Int8Copy(this.#dimensions, this.#rows, this.#size, this.#most);
  }

  /**
   * Scans the float32 rows. usearch sums exact products in float64, on every kind of processor; the sum and then 1 - sum are rounded to
   * float32. Its worst error over 100,000 x 128 was 4.5e-8 (2026-09, x64).
   */
  scanFloats({ vector, length }: Probe, count: number): BlockScan {
    const rows = this.#rows.subarray(0, this.#size * this.#dimensions);
    const most = length * this.#maxLength;
    const error = ULP * (1 + 2 * most) * 1.001 + most * SUM_ERROR;
    return { ...scanRows(rows, vector, this.#dimensions, count), scale: 1, error };
  }

  /** Returns the vectors with their int8 copy, and the bound of a scan of it (see Int8Copy). */
  describeCopy({ length, residual, step }: CopiedProbe): CopiedRows {
    const copy = this.#copy!;
    const error = length * copy.maxResidual + residual * this.#maxLength;
    return {
      copies: copy.values,
      vectors: this.#rows,
      count: this.#size,
      scale: copy.step * step,
      error: error + (length + residual) * this.#maxLength * SUM_ERROR,
    };
  }
}

/** Relative error of a sum of at most 4096 products in float64, and of the few operations after it. */
const SUM_ERROR = 2 ** -40;

export function measureLength(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! * vector[i]!;
  return Math.sqrt(sum) * (1 + SUM_ERROR);
}
