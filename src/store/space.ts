// One space of the store: records under ordered keys, sealed by a data key of its own.
import { AppError } from '../errors.js';
import { prefixRange, type KeyRange, type Operation, type Records } from './records.js';
import { rootPlace, unsealSpaceRoot } from './root-records.js';
import { seal, unseal, type RandomBytes, type SealingKey } from './sealing.js';
import { EMPTY_SET, SetHash, addSets, compareSets, type SetValue } from './set-hash.js';

export interface SpaceOptions {
  /** Prefix of the space's keys in the database; random, so that it tells nothing about the contents. */
  prefix: Buffer;
  dataKey: SealingKey;
  records: Records;
  randomBytes: RandomBytes;
}

/** Adds up the records that a walk reads. */
export interface SpaceTally {
  readonly hash: SetHash;
  set: SetValue;
}

/** Is called for each record that does not open. The record is kept. */
export type OnDamaged = (key: Buffer, error: AppError) => void;

/**
 * Keys are bytes, unique in the space, and are NOT sealed: they must not contain names. Values are sealed, and their keys authenticated.
 * `put` and `delete` only describe a change; SealedStore.write makes changes, in one or several spaces, in one atomic batch.
 */
export class Space {
  readonly #options: SpaceOptions;
  #destroyed = false;

  constructor(options: SpaceOptions) {
    this.#options = options;
  }

  /** Random hexadecimal digits that stay the same for the space's life; may be logged. */
  get id(): string {
    return this.#options.prefix.subarray(1).toString('hex');
  }

  /** Describes the writing of a record. @throws TypeError once the space is being destroyed */
  put(key: Uint8Array, value: Uint8Array): Operation {
    this.#mustLive();
    const place = this.#place(key);
    return { key: place, value: seal(this.#options.dataKey, place, value, this.#options.randomBytes) };
  }

  /** Describes the deletion of a record, which need not exist. @throws TypeError once the space is being destroyed */
  delete(key: Uint8Array): Operation {
    this.#mustLive();
    return { key: this.#place(key) };
  }

  /** Describes the deletion of a record whose value must leave the files of the database soon. @throws TypeError like `delete` */
  erase(key: Uint8Array): Operation {
    return { ...this.delete(key), erase: true };
  }

  /** Reads a record; undefined when there is none. @throws AppError STORE_CORRUPT when it does not open; STORE_UNAVAILABLE */
  async get(key: Uint8Array): Promise<Buffer | undefined> {
    const place = this.#place(key);
    const sealed = await this.#options.records.get(place);
    return sealed && unseal(this.#options.dataKey, place, sealed);
  }

  /**
   * Yields keys and values in the order of the keys (`reverse`: from the greatest), as they were when the walk began.
   * @param onDamaged gets the keys of records that do not open; without it such a record ends the walk with STORE_CORRUPT
   * @param tally gets every record that is read, damaged ones included; `compare` needs one of the whole space
   * @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE
   */
  async *entries(
    range: KeyRange = {},
    onDamaged?: OnDamaged,
    tally?: SpaceTally,
  ): AsyncGenerator<[key: Buffer, value: Buffer]> {
    for await (const chunk of this.#options.records.entries(this.#range(range))) {
      if (tally) tally.set = addSets(tally.set, tally.hash.compute(chunk.map(([, sealed]) => sealed)));
      for (const [place, sealed] of chunk) {
        const key = this.#key(place);
        let value: Buffer;
        try {
          value = unseal(this.#options.dataKey, place, sealed);
        } catch (error) {
          if (!onDamaged || !(error instanceof AppError)) throw error;
          onDamaged(key, error);
          continue;
        }
        yield [key, value];
      }
    }
  }

  /** Yields the keys without opening the records. */
  async *keys(range: KeyRange = {}): AsyncGenerator<Buffer> {
    for await (const chunk of this.#options.records.keys(this.#range(range))) {
      for (const place of chunk) yield this.#key(place);
    }
  }

  async count(range: KeyRange = {}): Promise<number> {
    let count = 0;
    for await (const chunk of this.#options.records.keys(this.#range(range))) count += chunk.length;
    return count;
  }

  /** Begins to add up the records of the space. */
  tally(): SpaceTally {
    return { hash: new SetHash(this.#options.dataKey), set: EMPTY_SET };
  }

  /**
   * Compares the records of the whole space with its root.
   * @returns what does not add up; undefined when everything does @throws AppError STORE_UNAVAILABLE
   */
  async compare({ set }: SpaceTally): Promise<string | undefined> {
    const root = await this.#readRoot();
    return root ? compareSets(set, root) : 'its root is missing or does not open';
  }

  /** Adds up the space without opening its records, and compares them with its root. @returns like `compare` */
  async findProblem(): Promise<string | undefined> {
    const tally = this.tally();
    for await (const chunk of this.#options.records.entries(this.#range({}))) {
      tally.set = addSets(tally.set, tally.hash.compute(chunk.map(([, sealed]) => sealed)));
    }
    return this.compare(tally);
  }

  /** Opens every record, and adds up the space. @returns what `compare` returns, or how many records do not open */
  async findDamage(): Promise<string | undefined> {
    const tally = this.tally();
    let damaged = 0;
    for await (const [key] of this.entries({}, () => damaged++, tally)) void key;
    const text = damaged === 1 ? '1 record does not open' : `${damaged} records do not open`;
    return (await this.compare(tally)) ?? (damaged > 0 ? text : undefined);
  }

  /** Returns the number of records that the root states; undefined for a root that is missing or does not open. */
  async statedCount(): Promise<number | undefined> {
    return (await this.#readRoot())?.count;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** Forbids writes to the space, or allows them again; only the store calls this. */
  markDestroyed(destroyed: boolean): void {
    this.#destroyed = destroyed;
  }

  async #readRoot(): Promise<SetValue | undefined> {
    const { prefix, dataKey, records } = this.#options;
    const uid = prefix.subarray(1);
    const sealed = await records.get(rootPlace(uid));
    try {
      return sealed && unsealSpaceRoot(dataKey, uid, sealed);
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  #mustLive(): void {
    // The data key of a destroyed space is overwritten with zeroes: nothing may be sealed with it.
    if (this.#destroyed) throw new TypeError('a write to a destroyed space');
  }

  #place(key: Uint8Array): Buffer {
    return Buffer.concat([this.#options.prefix, key]);
  }

  #key(place: Buffer): Buffer {
    return place.subarray(this.#options.prefix.length);
  }

  #range({ gt, gte, lt, lte, limit, reverse }: KeyRange): KeyRange<Buffer> {
    const whole = prefixRange(this.#options.prefix);
    return {
      ...(gt ? { gt: this.#place(gt) } : { gte: gte ? this.#place(gte) : whole.gte }),
      ...(lt ? { lt: this.#place(lt) } : lte ? { lte: this.#place(lte) } : { lt: whole.lt }),
      ...(limit === undefined ? {} : { limit }),
      ...(reverse === undefined ? {} : { reverse }),
    };
  }
}
