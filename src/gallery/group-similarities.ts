// How alike the enrolled faces of one group are: pairs of one person, pairs of two people, and each face with the nearest other person.
import { setTimeout as sleep } from 'node:timers/promises';
import { createSampler } from '../domain/random.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { SimilarityTally, type Percentiles } from '../domain/similarity-tally.js';
import { clientError } from '../errors.js';
import { groupNotFound } from './checks.js';
import type { GroupRef } from './gallery.types.js';
import {
  countGenuinePairs,
  countPairs,
  listGenuinePairs,
  listImpostorPairs,
  pickRows,
  type ArrangedRows,
  type Pair,
  type Span,
} from './pair-samples.js';
import type { GroupFaces } from './group-faces.js';

/** Most pairs that are compared. 100,000 pairs take about 0.5 s of processor time (2026-11-28, x64 under load, 512 dimensions). */
const MAX_GENUINE_PAIRS = 50_000;
const MAX_IMPOSTOR_PAIRS = 100_000;
/** Most faces of which the nearest other person is searched: 500 among 100,000 faces take about 3 s (as above). */
const MAX_SEARCHES = 500;
const MOST_ALIKE = 5;
/** Time after which the work rests for as long, so that it takes at most half of the thread, and no event waits longer than for one slice. */
const SLICE_MS = 4;
/** Attempts to measure a group that changes meanwhile. */
const MAX_ATTEMPTS = 3;

/** Similarities of some kind. */
export interface MeasuredSimilarities {
  /** Number of values. */
  count: number;
  /** Number of all pairs, or faces, of this kind in the group. */
  possible: number;
  /** Number of values in each bin of 1, from 0 to 100. */
  bins: number[];
  /** Absent where there is no value. */
  percentiles?: Percentiles;
  /** Number of values that reach each threshold. */
  reached: readonly number[];
}

/** Two people of the group, by their externalImageIds. */
export interface AlikePeople {
  persons: [string, string];
  /** 0..100 */
  similarity: number;
}

export interface GroupSimilarities {
  /** Number of all faces. */
  faces: number;
  /** Number of people by externalImageId who have a recognisable face. */
  persons: number;
  /** Faces that are left out, because they match nobody. */
  unrecognisable: number;
  /** Recognisable faces that are left out, because they have no externalImageId: who they are is not known. */
  unnamed: number;
  /** Pairs of two faces of one externalImageId. */
  genuine: MeasuredSimilarities;
  /** Pairs of two faces of different externalImageIds. */
  impostor: MeasuredSimilarities;
  /** Faces, each with the most similar person of another externalImageId, whom a search as that of a door finds. */
  nearest: MeasuredSimilarities;
  /** The pairs of people who are most alike of those that were compared, the most similar first. */
  mostAlike: AlikePeople[];
}

export interface SimilaritiesOptions {
  scales: SimilarityScales;
  /** Similarities of which the tallies count how many values reach them. */
  thresholds: readonly number[];
}

interface Kept {
  /** State that was measured: the revision of the faces, the scales and the thresholds. */
  revision: number;
  scales: SimilarityScales;
  thresholds: string;
  result: Promise<GroupSimilarities>;
}

/** Measures groups one after the other, in short slices of the thread, and keeps the result of a group until it changes. */
export class SimilarityMeter {
  readonly #findFaces: (ref: GroupRef) => GroupFaces;
  readonly #rest: (restMs: number) => Promise<unknown>;
  /** Last result of each group. */
  readonly #kept = new WeakMap<GroupFaces, Kept>();
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param findFaces @throws AppError GROUP_NOT_FOUND, STOPPED
   * @param rest waits between two slices
   */
  constructor(findFaces: (ref: GroupRef) => GroupFaces, rest: (restMs: number) => Promise<unknown> = sleep) {
    this.#findFaces = findFaces;
    this.#rest = rest;
  }

  /**
   * Returns how alike the faces of a group are. Requests for one state of the group share one measurement.
   * @throws AppError GROUP_NOT_FOUND; STOPPED; SERVER_BUSY: the group changes faster than it is measured
   */
  async measure(ref: GroupRef, options: SimilaritiesOptions): Promise<GroupSimilarities> {
    const faces = this.#findFaces(ref);
    const { scales } = options;
    const { revision } = faces;
    const thresholds = options.thresholds.join();
    const kept = this.#kept.get(faces);
    if (kept?.revision === revision && kept.scales === scales && kept.thresholds === thresholds) return kept.result;
    const result = this.#turn.then(() => this.#measureCalmly(ref, faces, options));
    const entry: Kept = { revision, scales, thresholds, result };
    this.#kept.set(faces, entry);
    const forget = (): void => {
      if (this.#kept.get(faces) === entry) this.#kept.delete(faces);
    };
    // Where the group has changed since the request, the result is of a newer state than the entry says.
    this.#turn = result.then(() => (faces.revision === revision ? undefined : forget()), forget);
    return result;
  }

  async #measureCalmly(ref: GroupRef, faces: GroupFaces, options: SimilaritiesOptions): Promise<GroupSimilarities> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { revision } = faces;
      const pace = new Pace(this.#rest, () => {
        if (this.#findFaces(ref) !== faces) throw groupNotFound();
        return faces.revision === revision;
      });
      const measured = await measureFaces(faces, options, pace);
      if (measured) return measured;
    }
    throw clientError('SERVER_BUSY', 'The group changes faster than it can be measured; try again later.');
  }
}

/** Divides work into slices. */
class Pace {
  readonly #rest: (restMs: number) => Promise<unknown>;
  readonly #isUnchanged: () => boolean;
  #sliceBeganMs = performance.now();

  constructor(rest: (restMs: number) => Promise<unknown>, isUnchanged: () => boolean) {
    this.#rest = rest;
    this.#isUnchanged = isUnchanged;
  }

  get isDue(): boolean {
    return performance.now() - this.#sliceBeganMs >= SLICE_MS;
  }

  /** Rests as long as the slice took. @returns false when the group has changed */
  async rest(): Promise<boolean> {
    await this.#rest(Math.ceil(performance.now() - this.#sliceBeganMs));
    this.#sliceBeganMs = performance.now();
    return this.#isUnchanged();
  }
}

/** The faces of a group that are compared. */
class ComparedFaces {
  unrecognisable = 0;
  unnamed = 0;
  readonly #byPerson = new Map<string, number[]>();

  note(faces: GroupFaces, row: number, scales: SimilarityScales): void {
    const id = faces.externalImageId(row);
    if (!faces.isRecognisable(row, scales)) this.unrecognisable++;
    else if (id === undefined) this.unnamed++;
    else if (this.#byPerson.has(id)) this.#byPerson.get(id)!.push(row);
    else this.#byPerson.set(id, [row]);
  }

  /** Returns the rows of all people, those of one person side by side, and where each person begins and ends. */
  arrange(): ArrangedRows {
    const rows: number[] = [];
    const persons = [...this.#byPerson.values()].map((own): Span => {
      const begin = rows.length;
      for (const row of own) rows.push(row);
      return { begin, end: rows.length };
    });
    return { rows, persons };
  }
}

/** @returns undefined when the group has changed meanwhile */
async function measureFaces(
  faces: GroupFaces,
  { scales, thresholds }: SimilaritiesOptions,
  pace: Pace,
): Promise<GroupSimilarities | undefined> {
  /** Does a step for each item. @returns false when the group has changed */
  const forEach = async <T>(items: Iterable<T>, each: number, step: (item: T) => void): Promise<boolean> => {
    let done = 0;
    for (const item of items) {
      step(item);
      if (++done % each === 0 && pace.isDue && !(await pace.rest())) return false;
    }
    return true;
  };
  const compared = new ComparedFaces();
  if (!(await forEach(countUp(faces.size), 256, (row) => compared.note(faces, row, scales)))) return undefined;

  const { unrecognisable, unnamed } = compared;
  const arranged = compared.arrange();
  const { rows, persons } = arranged;
  const random = createSampler(faces.revision);
  const genuinePairs = countGenuinePairs(persons);
  const impostorPairs = countPairs(rows.length) - genuinePairs;
  const genuine = new SimilarityTally(thresholds);
  const impostor = new SimilarityTally(thresholds);
  const nearest = new SimilarityTally(thresholds);
  const mostAlike = new MostAlike();
  const compareOne = ([a, b]: Pair): void => genuine.add(faces.compareRows(a, b, scales));
  const compareStrangers = ([a, b]: Pair): void => {
    const similarity = faces.compareRows(a, b, scales);
    impostor.add(similarity);
    mostAlike.note(faces.externalImageId(a)!, faces.externalImageId(b)!, similarity);
  };
  const searchOther = (row: number): void => {
    const id = faces.externalImageId(row)!;
    // The person of the face is found as well, mostly in the first place; a face without an id may be of the same person.
    const limit = unnamed > 0 ? 8 : 2;
    const found = faces.searchPersons(faces.read(row), { limit, threshold: 0, scales });
    const other = found.find(
      ({ face: { externalImageId } }) => externalImageId !== undefined && externalImageId !== id,
    );
    if (other?.face.externalImageId === undefined) return;
    nearest.add(other.similarity);
    mostAlike.note(id, other.face.externalImageId, other.similarity);
  };
  const isDone =
    (await forEach(listGenuinePairs(arranged, random, MAX_GENUINE_PAIRS), 16, compareOne)) &&
    (await forEach(listImpostorPairs(arranged, random, MAX_IMPOSTOR_PAIRS), 16, compareStrangers)) &&
    (await forEach(persons.length < 2 ? [] : pickRows(rows, random, MAX_SEARCHES), 1, searchOther));
  if (!isDone) return undefined;
  return {
    faces: faces.size,
    persons: persons.length,
    unrecognisable,
    unnamed,
    genuine: describeTally(genuine, genuinePairs),
    impostor: describeTally(impostor, impostorPairs),
    nearest: describeTally(nearest, persons.length < 2 ? 0 : rows.length),
    mostAlike: mostAlike.list(),
  };
}

function describeTally(tally: SimilarityTally, possible: number): MeasuredSimilarities {
  const percentiles = tally.percentiles();
  const { count, reached } = tally;
  return { count, possible, bins: tally.bins(), ...(percentiles && { percentiles }), reached };
}

/** Keeps the pairs of people who are most alike. */
class MostAlike {
  #pairs: AlikePeople[] = [];

  note(one: string, other: string, similarity: number): void {
    const last = this.#pairs[MOST_ALIKE - 1];
    if (last && similarity <= last.similarity) return;
    const persons: AlikePeople['persons'] = one < other ? [one, other] : [other, one];
    const isPair = (pair: AlikePeople): boolean => pair.persons.join('\n') === persons.join('\n');
    if (this.#pairs.some((pair) => isPair(pair) && pair.similarity >= similarity)) return;
    const others = this.#pairs.filter((pair) => !isPair(pair));
    this.#pairs = [...others, { persons, similarity }].sort((a, b) => b.similarity - a.similarity).slice(0, MOST_ALIKE);
  }

  /** Returns the pairs, the most similar first. */
  list(): AlikePeople[] {
    return this.#pairs;
  }
}

function* countUp(end: number): Generator<number> {
  for (let i = 0; i < end; i++) yield i;
}
