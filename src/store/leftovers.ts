// Removes, in the background and in bounded batches, the records of spaces whose key is gone.
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import { BackgroundWork, type BackgroundWorkOptions } from './background-work.js';
import { DATA_PREFIX, dataPrefix, parseUid } from './key-records.js';
import { prefixRange, type KeyRange, type Operation, type Records } from './records.js';

const MAX_BATCH_KEYS = 512;
/** Time until records are tried again that the disk refused to remove. */
const RETRY_MS = 60_000;

export interface LeftoversOptions {
  records: Records;
  write: (operations: readonly Operation[]) => Promise<void>;
  /** Rewrites the files of a range, so that deleted records leave the disk. */
  compact: (range: { gte: Buffer; lt: Buffer }) => Promise<void>;
  timers: BackgroundWorkOptions['timers'];
  log: Log;
}

/** One instance serves one start of the store. */
export class Leftovers {
  readonly #options: LeftoversOptions;
  readonly #uids: Buffer[] = [];
  readonly #work: BackgroundWork;

  constructor(options: LeftoversOptions) {
    this.#options = options;
    this.#work = new BackgroundWork({ work: () => this.#removeAll(), retryMs: RETRY_MS, timers: options.timers });
  }

  /**
   * Finds records whose space has no key record: a deletion was cut off.
   * @param hasKey tells whether a space has a key record, damaged or not; its argument is the space's id in hexadecimal
   */
  async find(hasKey: (id: string) => boolean, signal: AbortSignal): Promise<void> {
    let range: KeyRange<Buffer> = prefixRange(DATA_PREFIX);
    for (;;) {
      signal.throwIfAborted();
      const place = await firstKey(this.#options.records, range);
      if (!place) return;
      const uid = parseUid(place);
      if (!hasKey(uid.toString('hex'))) this.#uids.push(uid);
      range = { gte: prefixRange(dataPrefix(uid)).lt, lt: prefixRange(DATA_PREFIX).lt };
    }
  }

  /** Removes the records of a destroyed space. */
  add(uid: Buffer): void {
    this.#uids.push(uid);
    this.run();
  }

  /** Starts the removal of the records that were found. */
  run(): void {
    this.#work.run();
  }

  async idle(): Promise<void> {
    await this.#work.idle();
  }

  /** Stops after the current batch. The next start finds the rest. */
  async pause(): Promise<void> {
    await this.#work.pause();
  }

  resume(): void {
    this.#work.resume();
  }

  async #removeAll(): Promise<boolean> {
    if (this.#uids.length === 0) return true;
    let removed = 0;
    try {
      for (let uid = this.#uids[0]; uid; uid = this.#uids[0]) {
        const range = prefixRange(dataPrefix(uid));
        removed += await this.#removeRange(range);
        if (this.#work.isPaused) return false;
        await this.#options.compact(range);
        this.#uids.shift();
      }
      this.#options.log.info({ records: removed }, 'removed the records of deleted spaces');
      return true;
    } catch (error) {
      // Without their key they cannot be read.
      this.#options.log.warn({ error: describeError(error) }, 'could not remove the records of deleted spaces yet');
      return false;
    }
  }

  async #removeRange(range: KeyRange<Buffer>): Promise<number> {
    let removed = 0;
    while (!this.#work.isPaused) {
      const keys = await listKeys(this.#options.records, { ...range, limit: MAX_BATCH_KEYS });
      if (keys.length === 0) break;
      await this.#options.write(keys.map((key) => ({ key })));
      removed += keys.length;
    }
    return removed;
  }
}

async function listKeys(records: Records, range: KeyRange<Buffer>): Promise<Buffer[]> {
  const keys: Buffer[] = [];
  for await (const chunk of records.keys(range)) keys.push(...chunk);
  return keys;
}

async function firstKey(records: Records, range: KeyRange<Buffer>): Promise<Buffer | undefined> {
  return (await listKeys(records, { ...range, limit: 1 }))[0];
}
