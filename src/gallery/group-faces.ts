// The faces of one group in memory: embeddings in the vector index, everything else in columns beside it, row by row.
import type { EmbeddedFace } from '../domain/embedding.js';
import { BIAS_LENGTH, joinBias, joinNegatedBias, splitBias } from '../domain/bias.js';
import { compareTemplates, roundSimilarity } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import { ConditionColumn } from './condition-column.js';
import { EnrolmentColumn } from './enrolment-facts.js';
import type { EnrolledFace, FaceFilter, FaceMatch, PersonMatch, SearchOptions } from './gallery.types.js';
import { growTo } from './growable.js';
import { listPersonIds, PersonTally } from './person-listing.js';
import type { PersonPage, PersonPageRequest, PersonSummary } from './person.types.js';
import { searchTemplates, type SearchedFaces } from './person-search.js';
import { Persons } from './persons.js';
import { searchBySimilarity } from './similarity-search.js';
import { VectorIndex } from './vector-index.js';

/** Numbers of one row in `#numbers`: x0, y0, x1, y1, detectionScore. */
const NUMBERS_PER_ROW = 5;

export interface FacesSearch extends SearchOptions {
  /** Id of a face that is left out of the matches. */
  except?: string;
}

export class GroupFaces {
  readonly #expected: number;
  /** Created with the first face, whose embedding determines the dimensions. */
  #index: VectorIndex | undefined;
  /** Rows by faceId. */
  readonly #rows = new Map<string, number>();
  readonly #faceIds: string[] = [];
  readonly #imageIds: string[] = [];
  readonly #externalImageIds: (string | undefined)[] = [];
  readonly #conditions: ConditionColumn;
  readonly #enrolments: EnrolmentColumn;
  #numbers: Float64Array;
  #sequences: Float64Array;
  /** Made by the first search for people. */
  #persons: Persons | undefined;
  #revision = 0;

  /** @param expected number of faces for which memory is reserved */
  constructor(expected = 0) {
    this.#expected = expected;
    this.#conditions = new ConditionColumn(expected);
    this.#enrolments = new EnrolmentColumn(expected);
    this.#numbers = new Float64Array(expected * NUMBERS_PER_ROW);
    this.#sequences = new Float64Array(expected);
  }

  get size(): number {
    return this.#faceIds.length;
  }

  /** Rises with every change of a face. */
  get revision(): number {
    return this.#revision;
  }

  /** Dimensions of the embeddings; undefined before the first face is added. */
  get dimensions(): number | undefined {
    return this.#index && this.#index.dimensions - BIAS_LENGTH;
  }

  /**
   * Adds a face.
   * @param sequence rises with every enrolment into the group
   * @param embedding is copied
   */
  add(face: EnrolledFace, sequence: number, embedding: Float32Array): void {
    if (this.#rows.has(face.faceId)) throw new TypeError('the group has this face already');
    this.#index ??= new VectorIndex(embedding.length + BIAS_LENGTH, { rows: this.#expected });
    const row = this.#index.append(joinBias({ embedding, ...(face.condition && { condition: face.condition }) }));
    this.#numbers = growTo(this.#numbers, (row + 1) * NUMBERS_PER_ROW);
    this.#sequences = growTo(this.#sequences, row + 1);
    const { x0, y0, x1, y1 } = face.bbox;
    this.#numbers.set([x0, y0, x1, y1, face.detectionScore], row * NUMBERS_PER_ROW);
    this.#sequences[row] = sequence;
    this.#conditions.append(face.condition);
    this.#enrolments.append(face);
    this.#faceIds.push(face.faceId);
    // Faces of one picture lie side by side: they share one string.
    const previous = this.#imageIds.at(-1);
    this.#imageIds.push(previous === face.imageId ? previous : face.imageId);
    this.#externalImageIds.push(face.externalImageId);
    this.#rows.set(face.faceId, row);
    this.#persons?.add(row);
    this.#revision++;
  }

  /** Removes a face. @returns false if there is no such face */
  remove(faceId: string): boolean {
    const row = this.#rows.get(faceId);
    return this.#remove(faceId, row === undefined ? undefined : this.#externalImageIds[row]);
  }

  /** @param person externalImageId of the face; undefined where the people do not know the face any more */
  #remove(faceId: string, person: string | undefined): boolean {
    const row = this.#rows.get(faceId);
    if (row === undefined || !this.#index) return false;
    const last = this.size - 1;
    this.#index.remove(row);
    this.#conditions.remove(row);
    this.#enrolments.remove(row);
    this.#numbers.copyWithin(row * NUMBERS_PER_ROW, last * NUMBERS_PER_ROW, (last + 1) * NUMBERS_PER_ROW);
    this.#sequences[row] = this.#sequences[last]!;
    this.#rows.set(this.#faceIds[last]!, row);
    moveLast(this.#faceIds, row);
    moveLast(this.#imageIds, row);
    moveLast(this.#externalImageIds, row);
    this.#rows.delete(faceId);
    this.#persons?.remove(row, person);
    this.#revision++;
    return true;
  }

  /** Removes faces of one person; the templates of the people are made once. */
  removePersonFaces(externalImageId: string, faceIds: readonly string[]): void {
    const persons = this.#persons;
    const rows = new Set(faceIds.flatMap((faceId) => this.#rows.get(faceId) ?? []));
    const ordered = [...rows].sort((a, b) => b - a).map((row) => this.#faceIds[row]!);
    const removeAll = (): void => {
      persons?.leave(externalImageId, rows);
      // From the last row on: the row that moves into the gap is never one that is to be removed.
      for (const faceId of ordered) this.#remove(faceId, undefined);
    };
    if (persons) persons.changeMany(removeAll);
    else removeAll();
  }

  /** Gives faces of one person another externalImageId. */
  rename(faceIds: ReadonlySet<string>, from: string, to: string): void {
    const rows = new Set<number>();
    for (const faceId of faceIds) {
      const row = this.#rows.get(faceId);
      if (row === undefined || this.#externalImageIds[row] !== from) continue;
      this.#externalImageIds[row] = to;
      rows.add(row);
    }
    this.#persons?.rename(from, to, rows, (a, b) => this.#sequences[a]! - this.#sequences[b]!);
    this.#revision++;
  }

  /** Returns the ids of all faces, in no particular order. */
  faceIds(): readonly string[] {
    return this.#faceIds;
  }

  face(faceId: string): EnrolledFace | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.#faceAt(row);
  }

  findSequence(faceId: string): number | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.#sequences[row];
  }

  /** Returns the key of the person of a face; undefined for an unknown face. Faces with one key are one person. */
  findPersonKey(faceId: string): string | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.#makePersonKey(row);
  }

  /** Returns the externalImageId of the face in a row, 0 to size - 1; a removal moves the last row into the gap. */
  externalImageId(row: number): string | undefined {
    return this.#externalImageIds[row];
  }

  /** Tells whether the face in a row may match. */
  isRecognisable(row: number, scales: SimilarityScales): boolean {
    return this.#conditions.findRecognisable(scales).flags[row] === 1;
  }

  /** Returns a face as a probe, with a copy of its embedding. */
  template(faceId: string): Template | undefined {
    const row = this.#rows.get(faceId);
    return row === undefined ? undefined : this.read(row);
  }

  /** Returns the reported similarity of a face and a probe, 0..100, as a search does. */
  compare(faceId: string, probe: Template, scales: SimilarityScales): number | undefined {
    const row = this.#rows.get(faceId);
    if (row === undefined || !this.#index) return undefined;
    return compareTemplates(this.read(row), probe, scales);
  }

  /**
   * Returns the faces of the filter with the greatest sequence numbers below `before`, greatest first.
   * @returns `next`, if there are more: the `before` of the next page
   */
  newestBefore(before: number, limit: number, filter: FaceFilter = {}): { faces: EnrolledFace[]; next?: number } {
    const rows = this.#newestRows(before, limit + 1, filter);
    const faces = rows.slice(0, limit).map((row) => this.#faceAt(row));
    const lastRow = rows[limit - 1];
    return rows.length > limit && lastRow !== undefined ? { faces, next: this.#sequences[lastRow]! } : { faces };
  }

  /** Returns the number of people, without the faces that have no externalImageId. */
  countPersons(): number {
    return this.#persons?.count ?? new Set(this.#externalImageIds.filter((id) => id !== undefined)).size;
  }

  countFaces(externalImageId: string): number {
    return this.#externalImageIds.reduce((count, id) => count + Number(id === externalImageId), 0);
  }

  /** Lists the ids of the first faces of a person, in the order of their enrolment. */
  listFaceIds(externalImageId: string, limit: number): string[] {
    const rows: number[] = [];
    for (let row = 0; row < this.size; row++) if (this.#externalImageIds[row] === externalImageId) rows.push(row);
    rows.sort((a, b) => this.#sequences[a]! - this.#sequences[b]!);
    return rows.slice(0, limit).map((row) => this.#faceIds[row]!);
  }

  /** @param scales undefined where the models of the group are not installed */
  listPersons({ limit, ...filter }: PersonPageRequest, scales: SimilarityScales | undefined): PersonPage {
    const ids = listPersonIds(this.#externalImageIds, { limit: limit + 1, ...filter });
    const persons = this.summarisePersons(ids.slice(0, limit), scales);
    const last = persons.at(-1);
    return ids.length > limit && last ? { persons, next: last.externalImageId } : { persons };
  }

  /**
   * Returns what is known of these people, in this order, in one pass over all faces; people without a face are left out.
   * @param scales undefined where the models of the group are not installed
   */
  summarisePersons(externalImageIds: readonly string[], scales: SimilarityScales | undefined): PersonSummary[] {
    const tallies = new Map(externalImageIds.map((id) => [id, new PersonTally(id)]));
    const flags = scales && this.#conditions.findRecognisable(scales).flags;
    for (let row = 0; row < this.size; row++) {
      const id = this.#externalImageIds[row];
      const tally = id === undefined ? undefined : tallies.get(id);
      tally?.add(this.#faceAt(row), flags && flags[row] === 1);
    }
    return [...tallies.values()].flatMap((tally) => tally.summary() ?? []);
  }

  /** Returns the matches, most similar first; of equally similar faces the one that was enrolled first. */
  search(probe: Template, { except, ...options }: FacesSearch): FaceMatch[] {
    if (!this.#index) return [];
    const { rows, similarities } = searchBySimilarity(this.#index, this.#conditions.findRecognisable(options.scales), {
      ...options,
      probe,
      except: except === undefined ? undefined : this.#rows.get(except),
      compareTies: (a, b) => this.#sequences[a]! - this.#sequences[b]!,
    });
    return rows.map((row, i) => ({ face: this.#faceAt(row), similarity: roundSimilarity(similarities[i]!) }));
  }

  /** Returns the people, most similar first, one match for each; of equally similar ones the one that was enrolled first. */
  searchPersons(probe: Template, options: SearchOptions): PersonMatch[] {
    const index = this.#index;
    if (!index) return [];
    const query = joinNegatedBias(probe);
    const faces: SearchedFaces = {
      index,
      recognisable: this.#conditions.findRecognisable(options.scales),
      persons: this.#findPersons(options.scales),
      sequence: (row) => this.#sequences[row]!,
      person: (row) => this.#makePersonKey(row),
    };
    return searchTemplates(faces, probe, options).map(({ rows, similarity }) => {
      const cosines = rows.map((row) => index.cosine(row, query));
      const nearest = rows[cosines.indexOf(Math.max(...cosines))]!;
      return { face: this.#faceAt(nearest), faces: rows.length, similarity: roundSimilarity(similarity) };
    });
  }

  /** Returns the reported similarity of a probe and the person of a face, 0..100: that of the most similar template. */
  comparePerson(faceId: string, probe: Template, scales: SimilarityScales): number | undefined {
    const row = this.#rows.get(faceId);
    if (row === undefined || !this.#index) return undefined;
    const externalImageId = this.#externalImageIds[row];
    if (externalImageId === undefined) return this.compare(faceId, probe, scales);
    const similarities = this.#findPersons(scales)
      .templates(externalImageId)
      .map((template) => compareTemplates(template, probe, scales));
    return Math.max(0, ...similarities);
  }

  /** Returns the mean of all enrolled faces of a person that count, and the id of the newest of them; undefined where there are none. */
  averagePerson(externalImageId: string, scales: SimilarityScales): { template: Template; faceId: string } | undefined {
    if (!this.#index) return undefined;
    const average = this.#findPersons(scales).average(externalImageId);
    return average && { template: average.template, faceId: this.#faceIds[average.newest]! };
  }

  /** Makes the means of all people now, so that the first search for people does not wait for them. */
  preparePersons(scales: SimilarityScales): void {
    if (this.#index) this.#findPersons(scales);
  }

  #findPersons(scales: SimilarityScales): Persons {
    if (this.#persons?.scales !== scales) {
      this.#persons = new Persons(
        {
          size: () => this.size,
          isMasked: (row) => this.#conditions.isMasked(row),
          findRecognisable: () => this.#conditions.findRecognisable(scales),
          externalImageId: (row) => this.#externalImageIds[row],
          sequence: (row) => this.#sequences[row]!,
          detectionScore: (row) => this.#numbers[row * NUMBERS_PER_ROW + 4]!,
          read: (row) => this.read(row),
        },
        scales,
      );
    }
    return this.#persons;
  }

  #makePersonKey(row: number): string {
    return derivePersonKey(this.#externalImageIds[row], this.#faceIds[row]!);
  }

  /** Returns the reported similarity of the faces in two rows, 0..100, as `compare` does. */
  compareRows(one: number, other: number, scales: SimilarityScales): number {
    const index = this.#index!;
    return compareTemplates(this.#join(index.view(one), one), this.#join(index.view(other), other), scales);
  }

  /** Returns a copy of the face in a row. */
  read(row: number): EmbeddedFace {
    return this.#join(this.#index!.vector(row), row);
  }

  #join(vector: Float32Array, row: number): EmbeddedFace {
    const { embedding, bias } = splitBias(vector);
    const condition = this.#conditions.at(row);
    return { embedding, ...(condition && { condition: { ...condition, bias } }) };
  }

  #newestRows(before: number, count: number, { faceId, imageId, externalImageId }: FaceFilter): number[] {
    const sequences = this.#sequences;
    const newestFirst = (a: number, b: number): number => sequences[b]! - sequences[a]!;
    const rows: number[] = [];
    let floor = -Infinity;
    // Removals change the order of rows, but most of the newest are still at the end: few others pass the floor.
    for (let row = this.size - 1; row >= 0; row--) {
      if (sequences[row]! >= before || sequences[row]! <= floor) continue;
      if (faceId !== undefined && this.#faceIds[row] !== faceId) continue;
      if (imageId !== undefined && this.#imageIds[row] !== imageId) continue;
      if (externalImageId !== undefined && this.#externalImageIds[row] !== externalImageId) continue;
      rows.push(row);
      if (rows.length >= 2 * count) {
        rows.sort(newestFirst).length = count;
        floor = sequences[rows[count - 1]!]!;
      }
    }
    return rows.sort(newestFirst).slice(0, count);
  }

  #faceAt(row: number): EnrolledFace {
    const at = row * NUMBERS_PER_ROW;
    const numbers = this.#numbers;
    const faceId = this.#faceIds[row]!;
    const imageId = this.#imageIds[row]!;
    const externalImageId = this.#externalImageIds[row];
    const bbox = { x0: numbers[at]!, y0: numbers[at + 1]!, x1: numbers[at + 2]!, y1: numbers[at + 3]! };
    const detectionScore = numbers[at + 4]!;
    const condition = this.#conditions.at(row);
    const enrolledAtMs = this.#enrolments.time(row);
    const quality = this.#enrolments.quality(row);
    const origin = this.#enrolments.origin(row);
    // Complete literals: adding a property afterwards would cost an extra block of memory for each of 4096 matches.
    return externalImageId === undefined
      ? { faceId, imageId, bbox, detectionScore, condition, enrolledAtMs, quality, origin }
      : { faceId, imageId, externalImageId, bbox, detectionScore, condition, enrolledAtMs, quality, origin };
  }
}

/** Returns the key of a person of one group: a face without an externalImageId is a person of its own. */
export function derivePersonKey(externalImageId: string | undefined, faceId: string): string {
  return externalImageId === undefined ? `face ${faceId}` : `person ${externalImageId}`;
}

/** Moves the last element of a column to a row. */
function moveLast<T>(column: T[], row: number): void {
  column[row] = column[column.length - 1]!;
  column.pop();
}
