// The conditions of the rows of an index, and the classes of all rows under the scales in force.
import { CONDITION_CLASSES, type FaceCondition } from '../domain/condition.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { growTo } from './growable.js';

/** Code of a row that is not recognisable. The other codes are positions in CONDITION_CLASSES. */
export const UNRECOGNISABLE = CONDITION_CLASSES.length;

/** Classes of all rows. */
export interface RowClasses {
  /** Code of the class by row; may be longer than the number of rows. */
  codes: Uint8Array;
  /** Number of rows by code. */
  counts: number[];
}

interface ClassesInForce extends RowClasses {
  scales: SimilarityScales;
}

/** Rows are numbered as in VectorIndex: a removal moves the last row into the gap. */
export class ConditionColumn {
  /** NaN: the condition is not known. */
  #recognisabilities: Float64Array;
  /** 1: masked. */
  #masked: Uint8Array;
  #size = 0;
  /** Classes under the scales of the last search. Those of a group do not change while the service runs. */
  #classes: ClassesInForce | undefined;

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
    if (!this.#classes) return;
    this.#classes.codes = growTo(this.#classes.codes, this.#size);
    this.#setCode(this.#classes, row);
  }

  remove(row: number): void {
    const last = --this.#size;
    if (this.#classes) {
      const { codes, counts } = this.#classes;
      counts[codes[row]!]!--;
      codes[row] = codes[last]!;
    }
    this.#recognisabilities[row] = this.#recognisabilities[last]!;
    this.#masked[row] = this.#masked[last]!;
  }

  /** Returns the condition of a row; undefined where it is not known. */
  at(row: number): FaceCondition | undefined {
    const recognisability = this.#recognisabilities[row]!;
    return Number.isNaN(recognisability) ? undefined : { recognisability, masked: this.#masked[row] === 1 };
  }

  /** Returns the classes of all rows. They are valid until the next change of a row. */
  classify(scales: SimilarityScales): RowClasses {
    if (this.#classes?.scales === scales) return this.#classes;
    const counts = Array.from({ length: UNRECOGNISABLE + 1 }, () => 0);
    const classes: ClassesInForce = { scales, codes: new Uint8Array(this.#recognisabilities.length), counts };
    for (let row = 0; row < this.#size; row++) this.#setCode(classes, row);
    this.#classes = classes;
    return classes;
  }

  #setCode({ scales, codes, counts }: ClassesInForce, row: number): void {
    const found = scales.classify(this.at(row));
    const code = found === undefined ? UNRECOGNISABLE : CONDITION_CLASSES.indexOf(found);
    codes[row] = code;
    counts[code]!++;
  }
}
