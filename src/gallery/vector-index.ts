// The only access to usearch: the vectors of one group in one block of memory, searched exactly.
import { exactSearch, MetricKind } from 'usearch';
import { growTo } from './growable.js';

/**
 * Upper bound of usearch's error. usearch sums in float64 and returns float32; its worst error over 100,000 x 128 was 4.5e-8 (2026-09,
 * x64). Scores that differ by less than twice the bound may be in the wrong order, so they are computed again. Computing all of them again
 * would be too slow: 4096 rows that are not in the cache take 3 ms.
 */
const SCORE_ERROR = 2.5e-7;
/** One thread took 1.9 ms, two took 2.6 ms (2026-09, x64, 100,000 x 128, k = 10): usearch starts its threads for each call. */
const THREADS = 1;

/** Hits, most similar first. They are two plain arrays: 4096 objects would take as long as the search of a small group. */
export interface Hits {
  rows: number[];
  /** -1..1 */
  cosines: number[];
}

export interface IndexSearch {
  limit: number;
  minCosine: number;
  /** Row that is left out of the hits. */
  except?: number;
  /** Orders rows of equal cosine; negative: a comes first. */
  compareTies: (a: number, b: number) => number;
}

/**
 * Vectors in rows that are numbered from 0 without gaps: embeddings with their bias (see domain/bias.ts). A removal moves the last row into
 * the gap. "Cosine" means the inner product here.
 */
export class VectorIndex {
  readonly dimensions: number;
  /** The array begins at the start of its buffer: usearch ignores byteOffset. */
  #matrix: Float32Array;
  #size = 0;

  /** @param rows number of rows for which memory is reserved */
  constructor(dimensions: number, rows = 0) {
    this.dimensions = dimensions;
    this.#matrix = new Float32Array(dimensions * rows);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a vector. @returns its row */
  append(vector: Float32Array): number {
    this.#mustFit(vector);
    this.#matrix = growTo(this.#matrix, (this.#size + 1) * this.dimensions);
    this.#matrix.set(vector, this.#size * this.dimensions);
    return this.#size++;
  }

  /** Removes a row. The last row gets its number. */
  remove(row: number): void {
    const { dimensions } = this;
    const lastAt = (this.#size - 1) * dimensions;
    this.#matrix.copyWithin(row * dimensions, lastAt, lastAt + dimensions);
    this.#matrix.fill(0, lastAt, lastAt + dimensions);
    this.#size--;
  }

  /** Returns a copy of a row. */
  vector(row: number): Float32Array {
    return this.#matrix.slice(row * this.dimensions, (row + 1) * this.dimensions);
  }

  /** Returns the inner product of a row and a probe, clamped to -1..1. A search gives the same to within 2.5e-7. */
  cosine(row: number, probe: Float32Array): number {
    this.#mustFit(probe);
    return clampedDot(this.#matrix, row * this.dimensions, probe);
  }

  /** Finds the nearest rows, and orders them as a float64 scan of all rows would. */
  search(probe: Float32Array, { limit, minCosine, except, compareTies }: IndexSearch): Hits {
    this.#mustFit(probe);
    const wanted = limit + (except === undefined ? 0 : 1);
    if (this.#size === 0 || limit < 1) return { rows: [], cosines: [] };
    const query = Float32Array.from(probe);
    const dataset = this.#matrix.subarray(0, this.#size * this.dimensions);
    // A few more than wanted, so that the order at the end of the list is usually certain at the first attempt.
    let asked = wanted + 8;
    for (;;) {
      asked = Math.min(asked, this.#size);
      const { keys, distances } = exactSearch(dataset, query, this.dimensions, asked, MetricKind.IP, THREADS);
      const last = 1 - distances[asked - 1]!;
      const certain =
        asked === this.#size || last < minCosine - SCORE_ERROR || last < 1 - distances[wanted - 1]! - 2 * SCORE_ERROR;
      if (!certain) {
        asked *= 2;
        continue;
      }
      const hits = this.#collectHits(keys, distances, query, minCosine, except);
      return orderHits(hits, limit, compareTies);
    }
  }

  #collectHits(
    keys: BigUint64Array,
    distances: Float32Array,
    query: Float32Array,
    minCosine: number,
    except: number | undefined,
  ): Hits {
    // Row numbers are below 2^32: reading their low halves needs no BigInt for each.
    const rows = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
    const hits: Hits = { rows: [], cosines: [] };
    for (let i = 0; i < keys.length; i++) {
      const score = 1 - distances[i]!;
      if (score < minCosine - SCORE_ERROR) break;
      const row = rows[2 * i]!;
      if (row === except) continue;
      const certain =
        (i === 0 || distances[i]! - distances[i - 1]! > 2 * SCORE_ERROR) &&
        (i + 1 === keys.length || distances[i + 1]! - distances[i]! > 2 * SCORE_ERROR) &&
        score > minCosine + SCORE_ERROR;
      const cosine = certain ? clamp(score) : clampedDot(this.#matrix, row * this.dimensions, query);
      if (cosine < minCosine) continue;
      hits.rows.push(row);
      hits.cosines.push(cosine);
    }
    return hits;
  }

  #mustFit(vector: Float32Array): void {
    if (vector.length !== this.dimensions) {
      throw new TypeError(`the vector has ${vector.length} dimensions, and ${this.dimensions} are expected`);
    }
  }
}

/**
 * Orders the hits in place. usearch returns them sorted except for neighbours, so insertion sort needs few moves; sorting 4096 with a
 * comparator took a tenth of the time of the search. Many equal cosines (a face enrolled again and again) need too many moves: then the
 * hits are sorted.
 */
function orderHits(hits: Hits, limit: number, compareTies: (a: number, b: number) => number): Hits {
  const { rows, cosines } = hits;
  let moves = 8 * rows.length;
  for (let i = 1; i < rows.length; i++) {
    const row = rows[i]!;
    const cosine = cosines[i]!;
    let at = i;
    while (
      at > 0 &&
      (cosines[at - 1]! < cosine || (cosines[at - 1] === cosine && compareTies(rows[at - 1]!, row) > 0))
    ) {
      rows[at] = rows[at - 1]!;
      cosines[at] = cosines[at - 1]!;
      at--;
    }
    rows[at] = row;
    cosines[at] = cosine;
    moves -= i - at;
    if (moves < 0) return sortHits(hits, limit, compareTies);
  }
  rows.length = cosines.length = Math.min(rows.length, limit);
  return hits;
}

function sortHits({ rows, cosines }: Hits, limit: number, compareTies: (a: number, b: number) => number): Hits {
  const places = rows.map((_, place) => place);
  places.sort((a, b) => cosines[b]! - cosines[a]! || compareTies(rows[a]!, rows[b]!));
  places.length = Math.min(places.length, limit);
  return { rows: places.map((place) => rows[place]!), cosines: places.map((place) => cosines[place]!) };
}

/** Adds four sums side by side, in a third of the time of one sum, whose additions wait for each other. */
function clampedDot(matrix: Float32Array, at: number, probe: Float32Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const length = probe.length;
  const whole = length - (length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += matrix[at + i]! * probe[i]!;
    b += matrix[at + i + 1]! * probe[i + 1]!;
    c += matrix[at + i + 2]! * probe[i + 2]!;
    d += matrix[at + i + 3]! * probe[i + 3]!;
  }
  for (let i = whole; i < length; i++) a += matrix[at + i]! * probe[i]!;
  return clamp(a + b + (c + d));
}

function clamp(cosine: number): number {
  return Math.max(-1, Math.min(1, cosine));
}
