// Makes deleted records leave the files of the database: LevelDB alone keeps a deleted value until it happens to rewrite its file.
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import { BackgroundWork, type BackgroundWorkOptions } from './background-work.js';
import { DATA_PREFIX, parseUid } from './key-records.js';
import { prefixRange, type Operation, type Records } from './records.js';

/** A marker is this prefix and the place of a record to erase. Markers are not sealed and not part of any root. */
const MARKER_PREFIX = Buffer.from('x');
const MARKER = Buffer.of(1);
/** Number of records of one space that are compacted one by one; more of them as one range. */
const MAX_POINTS = 8;
/** Time until records are tried again that the disk refused to erase. */
const RETRY_MS = 60_000;

export interface EraserOptions {
  records: Records;
  /** Resolves when the walks and snapshots that are open now have been closed; undefined when none is open. */
  readersClosed: () => Promise<void> | undefined;
  /** Writes the current values of records once more, in one batch: a deletion for those that are gone. */
  rewrite: (places: readonly Buffer[]) => Promise<void>;
  write: (operations: readonly Operation[]) => Promise<void>;
  /** Rewrites the files of a range, both ends included. */
  compact: (range: { gte: Buffer; lt: Buffer }) => Promise<void>;
  timers: BackgroundWorkOptions['timers'];
  log: Log;
}

/** Describes the writing of the current values of records once more: a deletion for those that are gone. */
export async function readAgain(records: Pick<Records, 'getMany'>, places: readonly Buffer[]): Promise<Operation[]> {
  const values = await records.getMany(places);
  return places.map((key, i) => ({ key, ...(values[i] && { value: values[i] }) }));
}

/** Returns the markers of a batch, for the same batch: a start after a kill finds them and ends the work. */
export function markErased(operations: readonly Operation[]): Operation[] {
  return operations.filter(({ erase }) => erase).map(({ key }) => ({ key: markerPlace(key), value: MARKER }));
}

/**
 * One instance serves one start of the store. One round is under way at most; records that are deleted meanwhile wait for the next one.
 *
 * A round: LevelDB's memory goes to a file, which may then hold a value and its deletion side by side, on any of three levels. Then the
 * records are written once more, as they are now (a deletion, in most cases), so that something newer lies above every older value. Then
 * the range is compacted level by level, which merges both and drops the older value.
 */
export class Eraser {
  readonly #options: EraserOptions;
  #waiting: Buffer[] = [];
  #underWay = 0;
  readonly #work: BackgroundWork;
  /** Number of records that wait for the end of a walk or of a snapshot, which may still read them. */
  #held = 0;

  constructor(options: EraserOptions) {
    this.#options = options;
    this.#work = new BackgroundWork({ work: () => this.#eraseAll(), retryMs: RETRY_MS, timers: options.timers });
  }

  /** Number of deleted or overwritten records whose values may still be in the files. */
  get pending(): number {
    return this.#waiting.length + this.#underWay + this.#held;
  }

  /** Finds the records that an earlier start did not get to. */
  async find(signal: AbortSignal): Promise<void> {
    for await (const chunk of this.#options.records.keys(prefixRange(MARKER_PREFIX))) {
      signal.throwIfAborted();
      for (const marker of chunk) this.#waiting.push(marker.subarray(MARKER_PREFIX.length));
    }
  }

  /** Erases what a batch has deleted or overwritten with `erase`, once it is on the disk. */
  add(operations: readonly Operation[]): void {
    for (const { key, erase } of operations) if (erase) this.#waiting.push(key);
    this.run();
  }

  run(): void {
    this.#work.run();
  }

  /** Resolves when everything is erased that no walk or snapshot still holds, and that the disk does not refuse. */
  async idle(): Promise<void> {
    await this.#work.idle();
  }

  /** Ends after the current compaction. The next start does the rest. */
  async pause(): Promise<void> {
    await this.#work.pause();
  }

  resume(): void {
    this.#work.resume();
  }

  async #eraseAll(): Promise<boolean> {
    while (this.#waiting.length > 0) {
      const places = this.#waiting.splice(0);
      this.#underWay = places.length;
      const isDone = !this.#work.isPaused && (await this.#erase(places));
      this.#underWay = 0;
      if (isDone) continue;
      this.#waiting.unshift(...places);
      return false;
    }
    return true;
  }

  /** @returns false when the work was paused, or the disk refused it */
  async #erase(places: readonly Buffer[]): Promise<boolean> {
    const { readersClosed, rewrite, write, compact, log } = this.#options;
    try {
      // A snapshot keeps the values that it may still read, and a walk keeps the files that were current when it began.
      const early = readersClosed();
      await this.#flush();
      await rewrite(places);
      for (const range of listRanges(places)) {
        if (this.#work.isPaused) return false;
        await compact(range);
      }
      await this.#flush();
      const readers = early ?? readersClosed();
      if (readers) this.#repeatAfter(readers, places);
      else await write(places.map((place) => ({ key: markerPlace(place) })));
      return true;
    } catch (error) {
      log.warn({ error: describeError(error) }, 'could not erase deleted records from the files yet');
      return false;
    }
  }

  #repeatAfter(readers: Promise<void>, places: readonly Buffer[]): void {
    this.#held += places.length;
    void readers.then(() => {
      this.#held -= places.length;
      this.#waiting.push(...places);
      this.run();
    });
  }

  /** Moves LevelDB's memory to a file, and removes files that nothing needs any more: the compaction of an empty range does both. */
  #flush(): Promise<void> {
    return this.#options.compact({ gte: Buffer.of(0), lt: Buffer.of(0) });
  }
}

function markerPlace(place: Buffer): Buffer {
  return Buffer.concat([MARKER_PREFIX, place]);
}

/** Returns the ranges to compact: narrow ones, because a whole group may take hundreds of megabytes. */
function listRanges(places: readonly Buffer[]): { gte: Buffer; lt: Buffer }[] {
  const bySpace = new Map<string, Buffer[]>();
  for (const place of places) {
    const space = place[0] === DATA_PREFIX[0] ? parseUid(place).toString('hex') : 'keys';
    const own = bySpace.get(space) ?? [];
    own.push(place);
    bySpace.set(space, own);
  }
  return [...bySpace.values()].flatMap((own) => {
    const sorted = own.sort((a, b) => a.compare(b));
    if (sorted.length <= MAX_POINTS) return sorted.map((place) => ({ gte: place, lt: place }));
    return [{ gte: sorted[0]!, lt: sorted.at(-1)! }];
  });
}
