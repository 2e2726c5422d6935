// The faces of one group in memory: embeddings in the vector index, everything else in columns beside it, row by row.
import type { EnrolledFace, FaceFilter, FaceMatch } from './gallery.types.js';
import { grown } from './growable.js';
import { VectorIndex } from './vector-index.js';

/** Of one row in `#numbers`: x0, y0, x1, y1, detectionScore. */
const NUMBERS = 5;

export interface FacesSearch {
  limit: number;
  minCosine: number;
  /** The id of a face that is no match. */
  except?: string;
}

export class GroupFaces {
  readonly #expected: number;
  /** Made with the first face, which tells the dimensions. */
  #index: VectorIndex | undefined;
  readonly #rows = new Map<string, number>();
  readonly #faceIds: string[] = [];
  readonly #imageIds: string[] = [];
  readonly #externalImageIds: (string | undefined)[] = [];
  #numbers: Float64Array;
  #sequences: Float64Array;

  /** @param expected memory for so many faces is taken at once */
  constructor(expected = 0) {
    this.#expected = expected;
    this.#numbers = new Float64Array(expected * NUMBERS);
    this.#sequences = new Float64Array(expected);
  }

  get size(): number {
    return this.#faceIds.length;
  }

  /** Of the embeddings; undefined until there was a face. */
  get dimensions(): number | undefined {
    return this.#index?.dimensions;
  }

  /**
   * @param sequence rises with every enrolment into the group
   * @param embedding is copied
   */
  add(face: EnrolledFace, sequence: number, embedding: Float32Array): void {
    if (this.#rows.has(face.faceId)) throw new TypeError('a face that is there already');
    this.#index ??= new VectorIndex(embedding.length, this.#expected);
    const row = this.#index.append(embedding);
    this.#numbers = grown(this.#numbers, (row + 1) * NUMBERS);
    this.#sequences = grown(this.#sequences, row + 1);
    const { x0, y0, x1, y1 } = face.bbox;
    this.#numbers.set([x0, y0, x1, y1, face.detectionScore], row * NUMBERS);
    this.#sequences[row] = sequence;
    this.#faceIds.push(face.faceId);
    // Faces of one picture lie side by side: one string for them all.
    this.#imageIds.push(this.#imageIds.at(-1) === face.imageId ? this.#imageIds[row - 1] : face.imageId);
    this.#externalImageIds.push(face.externalImageId);
    this.#rows.set(face.faceId, row);
  }

  /** @returns false where there is no such face */
  remove(faceId: string): boolean {
    const row = this.#rows.get(faceId);
    if (row === undefined || !this.#index) return false;
    const last = this.size - 1;
    this.#index.remove(row);
    this.#numbers.copyWithin(row * NUMBERS, last * NUMBERS, (last + 1) * NUMBERS);
    this.#sequences[row] = this.#sequences[last];
    this.#rows.set(this.#faceIds[last], row);
    for (const column of [this.#faceIds, this.#imageIds, this.#externalImageIds]) {
      column[row] = column[last];
      column.pop();
    }
    this.#rows.delete(faceId);
    return true;
  }

  face(faceId: string): EnrolledFace | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.#faceAt(row);
  }

  sequenceOf(faceId: string): number | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.#sequences[row];
  }

  /** A copy. */
  embeddingOf(faceId: string): Float32Array | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.#index?.embedding(row);
  }

  /** Cosine of a face and a probe, as a search gives it. */
  cosine(faceId: string, probe: Float32Array): number | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.#index?.cosine(row, probe);
  }

  /**
   * The faces of the filter with the greatest sequence numbers below `before`, greatest first.
   * @returns `next` where there are more: the `before` of the next page
   */
  newestBefore(before: number, limit: number, filter: FaceFilter = {}): { faces: EnrolledFace[]; next?: number } {
    const rows = this.#newestRows(before, limit + 1, filter);
    const faces = rows.slice(0, limit).map((row) => this.#faceAt(row));
    return rows.length > limit ? { faces, next: this.#sequences[rows[limit - 1]] } : { faces };
  }

  /** Most similar first; of equally similar ones the one enrolled first. */
  search(probe: Float32Array, { limit, minCosine, except }: FacesSearch): FaceMatch[] {
    if (!this.#index) return [];
    const exceptRow = except === undefined ? undefined : this.#rows.get(except);
    const { rows, cosines } = this.#index.search(probe, {
      limit,
      minCosine,
      ...(exceptRow === undefined ? {} : { except: exceptRow }),
      compareTies: (a, b) => this.#sequences[a] - this.#sequences[b],
    });
    return rows.map((row, i) => ({ face: this.#faceAt(row), cosine: cosines[i] }));
  }

  #newestRows(before: number, count: number, { faceId, imageId, externalImageId }: FaceFilter): number[] {
    const sequences = this.#sequences;
    const newestFirst = (a: number, b: number): number => sequences[b] - sequences[a];
    const rows: number[] = [];
    let floor = -Infinity;
    // Removals shuffle the rows, but most of the newest are still at the end: few others get past the floor.
    for (let row = this.size - 1; row >= 0; row--) {
      if (sequences[row] >= before || sequences[row] <= floor) continue;
      if (faceId !== undefined && this.#faceIds[row] !== faceId) continue;
      if (imageId !== undefined && this.#imageIds[row] !== imageId) continue;
      if (externalImageId !== undefined && this.#externalImageIds[row] !== externalImageId) continue;
      rows.push(row);
      if (rows.length >= 2 * count) {
        rows.sort(newestFirst).length = count;
        floor = sequences[rows[count - 1]];
      }
    }
    return rows.sort(newestFirst).slice(0, count);
  }

  #faceAt(row: number): EnrolledFace {
    const at = row * NUMBERS;
    const numbers = this.#numbers;
    const faceId = this.#faceIds[row];
    const imageId = this.#imageIds[row];
    const externalImageId = this.#externalImageIds[row];
    const bbox = { x0: numbers[at], y0: numbers[at + 1], x1: numbers[at + 2], y1: numbers[at + 3] };
    const detectionScore = numbers[at + 4];
    // Whole literals: a property added afterwards costs every one of 4096 matches a block of memory of its own.
    return externalImageId === undefined
      ? { faceId, imageId, bbox, detectionScore }
      : { faceId, imageId, externalImageId, bbox, detectionScore };
  }
}
