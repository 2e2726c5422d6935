// The people of one group in memory: a mean of the alike faces of each person, beside the faces that stand alone.
import { joinBias, splitBias } from '../domain/bias.js';
import type { EmbeddedFace } from '../domain/embedding.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { averageFaces, weighFace, type Template, type WeightedFace } from '../domain/template.js';
import { groupAlikeFaces, type PersonTemplate } from './alike-faces.js';
import { ConditionColumn, type RecognisableRows } from './condition-column.js';
import { growTo } from './growable.js';
import { VectorIndex } from './vector-index.js';

/** Most faces of one person that are averaged, the newest ones. More would not change a mean; they stand alone. */
const MAX_AVERAGED = 32;

/** The faces of the group, by row. */
export interface FaceRows {
  size(): number;
  isMasked(row: number): boolean;
  /** Returns the rows that may match, under the scales of the people. */
  findRecognisable(): RecognisableRows;
  externalImageId(row: number): string | undefined;
  detectionScore(row: number): number;
  /** Rises from enrolment to enrolment. */
  sequence(row: number): number;
  /** Returns a copy of the face. */
  read(row: number): EmbeddedFace;
}

/** One mean: its person, and the rows of its faces. */
export interface PersonMean {
  externalImageId: string;
  members: number[];
}

interface Member extends WeightedFace {
  row: number;
}

/**
 * The templates of all people, under the scales of one model version. Only recognisable faces count, and masked ones only for a person
 * without a bare one: a mask hides half of what the bare face shows. A face without an externalImageId is a person of its own.
 */
export class Persons {
  readonly scales: SimilarityScales;
  readonly #faces: FaceRows;
  /** Rows by externalImageId, in the order of enrolment. Most people have one face, and no array then. */
  readonly #rows = new Map<string, number | number[]>();
  /** Flags by row of the faces; 1: the face is a template by itself. */
  #alone: Uint8Array;
  #aloneCount = 0;
  /** Created with the first mean. Its rows are those of `#means`. */
  #index: VectorIndex | undefined;
  /** Number of people with several faces at the beginning: memory for their means is reserved. */
  readonly #expectedMeans: number;
  readonly #conditions = new ConditionColumn();
  readonly #means: PersonMean[] = [];
  /** Rows of the means by externalImageId. */
  readonly #meanRows = new Map<string, number[]>();
  /** People whose templates are made at the end of a change of many faces; undefined while there is none. */
  #changed: Set<string> | undefined;

  constructor(faces: FaceRows, scales: SimilarityScales) {
    this.#faces = faces;
    this.scales = scales;
    this.#alone = new Uint8Array(faces.size());
    for (let row = 0; row < faces.size(); row++) this.#register(row);
    this.#expectedMeans = [...this.#rows.values()].filter((rows) => typeof rows !== 'number').length;
    for (const externalImageId of this.#rows.keys()) this.#rebuild(externalImageId);
  }

  /** Number of people, without the faces that have no externalImageId. */
  get count(): number {
    return this.#rows.size;
  }

  /** Number of faces that are a template by themselves. */
  get aloneCount(): number {
    return this.#aloneCount;
  }

  /** The index of the means; undefined while there are none. */
  get index(): VectorIndex | undefined {
    return this.#index;
  }

  isAlone(row: number): boolean {
    return this.#alone[row] === 1;
  }

  /** Returns the mean in a row of the index. */
  mean(meanRow: number): PersonMean {
    return this.#means[meanRow]!;
  }

  /** Returns the templates of one person. */
  templates(externalImageId: string): Template[] {
    const means = (this.#meanRows.get(externalImageId) ?? []).map((meanRow): Template => {
      const { embedding, bias } = splitBias(this.#index!.vector(meanRow));
      const condition = this.#conditions.at(meanRow);
      const faces = this.#means[meanRow]!.members.length;
      return { embedding, faces, ...(condition && { condition: { ...condition, bias } }) };
    });
    const alone = this.#listRows(externalImageId).filter((row) => this.isAlone(row));
    return [...means, ...alone.map((row) => this.#faces.read(row))];
  }

  /**
   * Returns one mean of all faces of a person that count, alike or not, up to MAX_AVERAGED of them, and the row of the newest one; undefined
   * for a person without such a face.
   */
  average(externalImageId: string): { template: Template; newest: number } | undefined {
    const members = this.#readMembers(this.#listCounted(this.#listRows(externalImageId)).slice(-MAX_AVERAGED));
    const newest = members.at(-1)?.row;
    return newest === undefined ? undefined : { template: averageFaces(members), newest };
  }

  findRecognisableMeans(): RecognisableRows {
    return this.#conditions.findRecognisable(this.scales);
  }

  /** Adds the face in the last row. */
  add(row: number): void {
    this.#alone = growTo(this.#alone, row + 1);
    this.#register(row);
    const externalImageId = this.#faces.externalImageId(row);
    if (externalImageId !== undefined) this.#rebuild(externalImageId);
  }

  /** Removes a face whose row has been removed: the face of the last row has got its number. */
  remove(row: number, externalImageId: string | undefined): void {
    const last = this.#faces.size();
    if (externalImageId !== undefined) this.#changeRows(externalImageId, (rows) => rows.filter((one) => one !== row));
    this.#setAlone(row, this.isAlone(last));
    this.#setAlone(last, false);
    const moved = row === last ? undefined : this.#faces.externalImageId(row);
    if (moved !== undefined) this.#changeRows(moved, (rows) => rows.map((one) => (one === last ? row : one)));
    for (const person of new Set([externalImageId, moved])) if (person !== undefined) this.#rebuild(person);
  }

  /** Makes many changes, and then the templates of each changed person once. No search may run in between. */
  changeMany(change: () => void): void {
    this.#changed = new Set();
    try {
      change();
    } finally {
      const changed = this.#changed;
      this.#changed = undefined;
      for (const person of changed) this.#rebuild(person);
    }
  }

  /**
   * Gives faces of one person to another one; the column of the ids has changed already.
   * @param rows their rows
   * @param compare orders rows by enrolment
   */
  rename(from: string, to: string, rows: ReadonlySet<number>, compare: (a: number, b: number) => number): void {
    this.#changeRows(from, (own) => own.filter((row) => !rows.has(row)));
    this.#changeRows(to, (own) => [...own, ...rows].sort(compare));
    for (const person of [from, to]) this.#rebuild(person);
  }

  /** Takes rows from a person before these faces are removed one by one, each without its externalImageId. */
  leave(externalImageId: string, rows: ReadonlySet<number>): void {
    this.#changeRows(externalImageId, (own) => own.filter((row) => !rows.has(row)));
    this.#rebuild(externalImageId);
  }

  /** Notes a new row under its person. */
  #register(row: number): void {
    const externalImageId = this.#faces.externalImageId(row);
    this.#setAlone(row, true);
    if (externalImageId === undefined) return;
    const known = this.#rows.get(externalImageId);
    if (known === undefined) this.#rows.set(externalImageId, row);
    else this.#rows.set(externalImageId, this.#insert(typeof known === 'number' ? [known] : known, row));
  }

  /** Adds a row to those of a person. Faces of a copy, and rows after a removal, do not come in the order of their enrolment. */
  #insert(rows: number[], row: number): number[] {
    const isNewest = this.#faces.sequence(rows.at(-1)!) < this.#faces.sequence(row);
    rows.push(row);
    return isNewest ? rows : rows.sort((a, b) => this.#faces.sequence(a) - this.#faces.sequence(b));
  }

  #listRows(externalImageId: string): readonly number[] {
    const rows = this.#rows.get(externalImageId) ?? [];
    return typeof rows === 'number' ? [rows] : rows;
  }

  #changeRows(externalImageId: string, change: (rows: readonly number[]) => number[]): void {
    const rows = change(this.#listRows(externalImageId));
    const [first] = rows;
    if (first === undefined) this.#rows.delete(externalImageId);
    else this.#rows.set(externalImageId, rows.length === 1 ? first : rows);
  }

  #setAlone(row: number, isAlone: boolean): void {
    this.#aloneCount += Number(isAlone) - (this.#alone[row] ?? 0);
    this.#alone[row] = Number(isAlone);
  }

  /** Makes the templates of one person anew. */
  #rebuild(externalImageId: string): void {
    if (this.#changed) return void this.#changed.add(externalImageId);
    for (const meanRow of this.#meanRows.get(externalImageId)?.toSorted((a, b) => b - a) ?? [])
      this.#removeMean(meanRow);
    const rows = this.#listRows(externalImageId);
    const isOnly = rows.length === 1;
    for (const row of rows) this.#setAlone(row, isOnly);
    if (isOnly) return;
    const counted = this.#listCounted(rows);
    for (const row of counted.slice(0, -MAX_AVERAGED)) this.#setAlone(row, true);
    for (const one of groupAlikeFaces(this.#readMembers(counted.slice(-MAX_AVERAGED)), this.scales)) {
      if (one.members.length > 1) this.#addMean(externalImageId, one);
      else for (const { row } of one.members) this.#setAlone(row, true);
    }
  }

  #readMembers(rows: readonly number[]): Member[] {
    return rows.map((row) => {
      const face = this.#faces.read(row);
      return { ...face, row, weight: weighFace(face.condition, this.#faces.detectionScore(row)) };
    });
  }

  /** Returns the rows that count: the bare recognisable faces, or the masked ones where there are none. */
  #listCounted(rows: readonly number[]): number[] {
    const { flags } = this.#faces.findRecognisable();
    const recognisable = rows.filter((row) => flags[row] === 1);
    const bare = recognisable.filter((row) => !this.#faces.isMasked(row));
    return bare.length > 0 ? bare : recognisable;
  }

  #addMean(externalImageId: string, { template, members }: PersonTemplate<Member>): void {
    const vector = joinBias(template);
    this.#index ??= new VectorIndex(vector.length, { rows: this.#expectedMeans });
    const meanRow = this.#index.append(vector);
    this.#conditions.append(template.condition);
    this.#means.push({ externalImageId, members: members.map(({ row }) => row) });
    this.#meanRows.set(externalImageId, [...(this.#meanRows.get(externalImageId) ?? []), meanRow]);
  }

  /** Removes a mean. The last one gets its row. */
  #removeMean(meanRow: number): void {
    const last = this.#means.length - 1;
    const { externalImageId } = this.#means[meanRow]!;
    this.#index?.remove(meanRow);
    this.#conditions.remove(meanRow);
    this.#changeMeanRows(externalImageId, (rows) => rows.filter((row) => row !== meanRow));
    const moved = this.#means.pop()!;
    if (meanRow === last) return;
    this.#means[meanRow] = moved;
    this.#changeMeanRows(moved.externalImageId, (rows) => rows.map((row) => (row === last ? meanRow : row)));
  }

  #changeMeanRows(externalImageId: string, change: (rows: readonly number[]) => number[]): void {
    const rows = change(this.#meanRows.get(externalImageId) ?? []);
    if (rows.length === 0) this.#meanRows.delete(externalImageId);
    else this.#meanRows.set(externalImageId, rows);
  }
}
