// The conditions of the rows of an index, and which of the rows may match under the scales in force.
import type { FaceCondition } from '../domain/condition.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { growTo } from './growable.js';

/** The rows that may match. */
export interface RecognisableRows {
  /** 1 for a recognisable row; may be longer than the number of rows. */
  flags: Uint8Array;
  /** Number of recognisable rows. */
  count: number;
}

interface RowsInForce extends RecognisableRows {
  scales: SimilarityScales;
}

/** Rows are numbered as in VectorIndex: a removal moves the last row into the gap. */
export class ConditionColumn {
  /** NaN: the condition is not known. */
  #recognisabilities: Float64Array;
  /** 1: masked. */
  #masked: Uint8Array;
  #size = 0;
  /** Rows under the scales of the last search. Those of a group do not change while the service runs. */
  #recognisable: RowsInForce | undefined;

  /** @param rows number of rows for which memory is reserved */
  constructor(rows = 0) {
    this.#recognisabilities = new Float64Array(rows);
    this.#masked = new Uint8Array(rows);
  }

  append(condition: FaceCondition | undefined): void {
    const row = this.#size++;
    this.#recognisabilities = growTo(this.#recognisabilities, this.#size);
    this.#masked = growTo(this.#masked, this.#size);
    this.#recognisabilities[row] = condition?.recognisability ?? Number.NaN;
    this.#masked[row] = condition?.masked === true ? 1 : 0;
    if (!this.#recognisable) return;
    this.#recognisable.flags = growTo(this.#recognisable.flags, this.#size);
    this.#setFlag(this.#recognisable, row);
  }

  remove(row: number): void {
    const last = --this.#size;
    if (this.#recognisable) {
      const { flags } = this.#recognisable;
      this.#recognisable.count -= flags[row]!;
      flags[row] = flags[last]!;
    }
    this.#recognisabilities[row] = this.#recognisabilities[last]!;
    this.#masked[row] = this.#masked[last]!;
  }

  /** Returns the condition of a row, without its bias; undefined where it is not known. */
  at(row: number): FaceCondition | undefined {
    const recognisability = this.#recognisabilities[row]!;
    return Number.isNaN(recognisability) ? undefined : { recognisability, masked: this.#masked[row] === 1 };
  }

  isMasked(row: number): boolean {
    return this.#masked[row] === 1;
  }

  /** Returns the rows that may match. They are valid until the next change of a row. */
  findRecognisable(scales: SimilarityScales): RecognisableRows {
    if (this.#recognisable?.scales === scales) return this.#recognisable;
    const rows: RowsInForce = { scales, flags: new Uint8Array(this.#recognisabilities.length), count: 0 };
    for (let row = 0; row < this.#size; row++) this.#setFlag(rows, row);
    this.#recognisable = rows;
    return rows;
  }

  #setFlag(rows: RowsInForce, row: number): void {
    const flag = Number(rows.scales.isRecognisable(this.at(row)));
    rows.flags[row] = flag;
    rows.count += flag;
  }
}
