// One key space of the store: records under ordered keys, sealed by a data key of its own.
import { AppError } from '../errors.js';
import { rangeOf, type KeyRange, type Operation, type Records } from './records.js';
import { seal, unseal, type RandomBytes, type SealingKey } from './sealing.js';

export interface SpaceOptions {
  /** Random, so that a key of the database tells nothing of what it holds. */
  prefix: Buffer;
  dataKey: SealingKey;
  records: Records;
  randomBytes: RandomBytes;
}

/** Called for a record that does not open. It stays where it is. */
export type OnDamaged = (key: Buffer, error: AppError) => void;

/**
 * Keys are bytes, unique in the space, and are NOT sealed: no names in them. Values are sealed, with their key authenticated.
 * `put` and `delete` only describe a change; SealedStore.write makes changes, also of several spaces, in one atomic batch.
 */
export class Space {
  readonly #options: SpaceOptions;
  #destroyed = false;

  constructor(options: SpaceOptions) {
    this.#options = options;
  }

  /** Random hexadecimal digits, the same in every run; may be logged. */
  get id(): string {
    return this.#options.prefix.subarray(1).toString('hex');
  }

  /** @throws TypeError once the space is being destroyed */
  put(key: Uint8Array, value: Uint8Array): Operation {
    this.#mustLive();
    const place = this.#place(key);
    return { key: place, value: seal(this.#options.dataKey, place, value, this.#options.randomBytes) };
  }

  /** Deleting what is not there is no error. @throws TypeError once the space is being destroyed */
  delete(key: Uint8Array): Operation {
    this.#mustLive();
    return { key: this.#place(key) };
  }

  /** @throws AppError STORE_CORRUPT when the record does not open; STORE_UNAVAILABLE */
  async get(key: Uint8Array): Promise<Buffer | undefined> {
    const place = this.#place(key);
    const sealed = await this.#options.records.get(place);
    return sealed && unseal(this.#options.dataKey, place, sealed);
  }

  /**
   * Keys and values in the order of the keys (`reverse`: from the greatest), as they were when the walk began.
   * @param onDamaged gets the records that do not open, and the walk goes on; without it the walk ends with STORE_CORRUPT
   * @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE
   */
  async *entries(range: KeyRange = {}, onDamaged?: OnDamaged): AsyncGenerator<[key: Buffer, value: Buffer]> {
    for await (const chunk of this.#options.records.entries(this.#range(range))) {
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

  /** The keys alone: nothing is opened. */
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

  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** For SealedStore: from here on nothing can be written to the space; false takes it back. */
  markDestroyed(destroyed: boolean): void {
    this.#destroyed = destroyed;
  }

  #mustLive(): void {
    // After its destruction the data key is zeroes: nothing may be sealed by that.
    if (this.#destroyed) throw new TypeError('a write to a destroyed space');
  }

  #place(key: Uint8Array): Buffer {
    return Buffer.concat([this.#options.prefix, key]);
  }

  #key(place: Buffer): Buffer {
    return place.subarray(this.#options.prefix.length);
  }

  #range({ gt, gte, lt, lte, limit, reverse }: KeyRange): KeyRange<Buffer> {
    const whole = rangeOf(this.#options.prefix);
    return {
      ...(gt ? { gt: this.#place(gt) } : { gte: gte ? this.#place(gte) : whole.gte }),
      ...(lt ? { lt: this.#place(lt) } : lte ? { lte: this.#place(lte) } : { lt: whole.lt }),
      ...(limit === undefined ? {} : { limit }),
      ...(reverse === undefined ? {} : { reverse }),
    };
  }
}
