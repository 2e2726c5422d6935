// Removes, in the background and in bounded batches, the records of spaces whose key is gone.
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import { DATA_PREFIX, dataPrefix, KEY_PREFIX, uidOf } from './key-records.js';
import { rangeOf, type KeyRange, type Operation, type Records } from './records.js';

const BATCH = 512;

export interface LeftoversOptions {
  records: Records;
  write: (operations: readonly Operation[]) => Promise<void>;
  /** Rewrites the files of a range, so that what was deleted leaves the disk. */
  compact: (range: { gte: Buffer; lt: Buffer }) => Promise<void>;
  log: Log;
}

/** Made anew for every start of the store. */
export class Leftovers {
  readonly #options: LeftoversOptions;
  readonly #uids: Buffer[] = [];
  #running: Promise<void> | undefined;
  #paused = false;

  constructor(options: LeftoversOptions) {
    this.#options = options;
  }

  /**
   * Looks for records whose space has no key record: those of a deletion that was cut off.
   * @param hasKey by the space's id in hexadecimal; a damaged key record counts as one
   */
  async find(hasKey: (id: string) => boolean, signal: AbortSignal): Promise<void> {
    let range: KeyRange<Buffer> = rangeOf(DATA_PREFIX);
    for (;;) {
      signal.throwIfAborted();
      const place = await firstKey(this.#options.records, range);
      if (!place) return;
      const uid = uidOf(place);
      if (!hasKey(uid.toString('hex'))) this.#uids.push(uid);
      range = { gte: rangeOf(dataPrefix(uid)).lt, lt: rangeOf(DATA_PREFIX).lt };
    }
  }

  add(uid: Buffer): void {
    this.#uids.push(uid);
    this.run();
  }

  /** Starts the removal of what was found. */
  run(): void {
    if (this.#uids.length > 0 && !this.#paused) this.#running ??= this.#removeAll();
  }

  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Ends after the batch under way. What is left is found at the next start. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.idle();
  }

  resume(): void {
    this.#paused = false;
    this.run();
  }

  async #removeAll(): Promise<void> {
    let removed = 0;
    try {
      while (this.#uids.length > 0) {
        const range = rangeOf(dataPrefix(this.#uids[0]));
        removed += await this.#removeRange(range);
        if (this.#paused) return;
        await this.#options.compact(range);
        this.#uids.shift();
      }
      await this.#options.compact(rangeOf(KEY_PREFIX));
      this.#options.log.info({ records: removed }, 'removed the records of deleted spaces');
    } catch (error) {
      // They cannot be read any more; the next deletion or the next start tries again.
      this.#options.log.warn({ error: describeError(error) }, 'could not remove the records of deleted spaces');
    } finally {
      this.#running = undefined;
    }
  }

  async #removeRange(range: KeyRange<Buffer>): Promise<number> {
    let removed = 0;
    while (!this.#paused) {
      const keys = await keysOf(this.#options.records, { ...range, limit: BATCH });
      if (keys.length === 0) break;
      await this.#options.write(keys.map((key) => ({ key })));
      removed += keys.length;
    }
    return removed;
  }
}

async function keysOf(records: Records, range: KeyRange<Buffer>): Promise<Buffer[]> {
  const keys: Buffer[] = [];
  for await (const chunk of records.keys(range)) keys.push(...chunk);
  return keys;
}

async function firstKey(records: Records, range: KeyRange<Buffer>): Promise<Buffer | undefined> {
  return (await keysOf(records, { ...range, limit: 1 }))[0];
}
