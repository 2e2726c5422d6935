// The vectors of one group in blocks of memory, searched exactly.
import type { Hits } from './candidate-list.js';
import { searchBlocks, type IndexSearch } from './exact-search.js';
import { clampedDot } from './inner-product.js';
import { quantiseProbe } from './int8-copy.js';
import { measureLength, RowBlock } from './row-block.js';
import { prefersInt8, type PrefersInt8 } from './scan-speed.js';

/**
 * Rows of a block. A larger group has several: they are never copied to grow, and one row with great values widens the bound of its own
 * block alone. Scans of 100,000 x 144 in blocks of 65,536 took as long as in one, in blocks of 4,096 a tenth longer (2026-11, x64).
 */
const BLOCK_ROWS = 65_536;
/** An index of fewer rows has no int8 copy: a scan of its float32 rows takes 0.1 ms (4,096 x 144, 2026-11, x64). */
const COPY_FROM = 4_096;

export interface VectorIndexOptions {
  /** Number of rows for which memory is reserved; default: none. */
  rows?: number;
  /** Decides once, when the index becomes large, whether it has an int8 copy; default: a measurement. */
  prefersInt8?: PrefersInt8;
  /** Default: 65,536. */
  blockRows?: number;
  /** Number of rows from which an int8 copy may be made; default: 4,096. */
  copyFrom?: number;
}

/**
 * Vectors in rows that are numbered from 0 without gaps: embeddings with their bias (see domain/bias.ts). A removal moves the last row into
 * the gap. "Cosine" means the inner product here, clamped to -1..1. Vectors are finite.
 */
export class VectorIndex {
  readonly dimensions: number;
  readonly #blockRows: number;
  readonly #copyFrom: number;
  readonly #prefersInt8: PrefersInt8;
  readonly #blocks: RowBlock[] = [];
  #reserved: number;
  /** Undefined: the index has not been large yet. */
  #hasCopies: boolean | undefined;

  constructor(dimensions: number, options: VectorIndexOptions = {}) {
    this.dimensions = dimensions;
    this.#blockRows = options.blockRows ?? BLOCK_ROWS;
    this.#copyFrom = options.copyFrom ?? COPY_FROM;
    this.#prefersInt8 = options.prefersInt8 ?? prefersInt8;
    this.#reserved = options.rows ?? 0;
  }

  get size(): number {
    const last = this.#blocks.at(-1);
    return last ? (this.#blocks.length - 1) * this.#blockRows + last.size : 0;
  }

  /** Whether searches use an int8 copy. */
  get hasCopies(): boolean {
    return this.#hasCopies === true;
  }

  /** Adds a vector. @returns its row */
  append(vector: Float32Array): number {
    this.#mustFit(vector);
    const row = this.size;
    let block = this.#blocks.at(-1);
    if (!block || block.isFull) {
      block = new RowBlock(this.dimensions, this.#blockRows, Math.max(0, this.#reserved - row));
      if (this.#hasCopies) block.makeCopy();
      this.#blocks.push(block);
    }
    block.append(vector);
    if (row + 1 === this.#copyFrom) this.#decideCopies();
    return row;
  }

  /** Removes a row. The last row gets its number. */
  remove(row: number): void {
    const last = this.size - 1;
    if (row !== last) this.#block(row).write(row % this.#blockRows, this.view(last));
    const lastBlock = this.#blocks.at(-1)!;
    lastBlock.removeLast();
    if (lastBlock.size === 0) this.#blocks.pop();
  }

  /** Returns a copy of a row. */
  vector(row: number): Float32Array {
    return this.view(row).slice();
  }

  /** Returns a row in the memory of the index; it is valid until the next change. */
  view(row: number): Float32Array {
    return this.#block(row).view(row % this.#blockRows);
  }

  /** Returns the inner product of a row and a probe, clamped to -1..1: exactly that of a search. */
  cosine(row: number, probe: Float32Array): number {
    this.#mustFit(probe);
    return clampedDot(this.#block(row).rows, (row % this.#blockRows) * this.dimensions, probe);
  }

  /** Finds the nearest rows, and orders them as a float64 scan of all rows would, bit for bit. */
  search(probe: Float32Array, search: IndexSearch): Hits {
    this.#mustFit(probe);
    if (this.size === 0 || search.limit < 1) return { rows: [], cosines: [] };
    // A copy begins at the start of its buffer, as usearch needs it.
    const vector = Float32Array.from(probe);
    const length = measureLength(vector);
    const parts = { vector, length, ...(this.#hasCopies && { copy: quantiseProbe(vector) }) };
    return searchBlocks(this.#blocks, this.#blockRows, parts, search);
  }

  #block(row: number): RowBlock {
    return this.#blocks[Math.floor(row / this.#blockRows)]!;
  }

  #decideCopies(): void {
    if (this.#hasCopies !== undefined) return;
    this.#hasCopies = this.#prefersInt8(this.#blocks[0]!.rows, this.dimensions);
    if (this.#hasCopies) for (const block of this.#blocks) block.makeCopy();
  }

  #mustFit(vector: Float32Array): void {
    if (vector.length !== this.dimensions) {
      throw new TypeError(`the vector has ${vector.length} dimensions, and ${this.dimensions} are expected`);
    }
  }
}
