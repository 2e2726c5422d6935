// The counter outside of the data directory: the version of the newest root. It shows that a whole database was put back.
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { Log } from '../domain/log.js';
import type { Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import { replaceFile } from '../platform/write-file.js';

export interface CounterMark {
  /** Id of the database, in hexadecimal. */
  store: string;
  /** Version of its root. */
  version: number;
}

const markSchema = z.strictObject({ store: z.string().regex(/^[0-9a-f]{32}$/), version: z.int().min(0) });

/** Delay of a mark that need not be written at once. */
const LAZY_MS = 1_000;

/** Reads a mark. @returns undefined when there is no file @throws AppError STORE_ROLLED_BACK: the file is no mark */
export async function readCounter(path: string): Promise<CounterMark | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AppError('STORE_UNAVAILABLE', `the counter of the data directory, ${path}, cannot be read (${code})`, {
      cause,
    });
  }
  try {
    return markSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('STORE_ROLLED_BACK', `the counter of the data directory, ${path}, is damaged`, { cause });
  }
}

/** Writes a mark, whole and synced. @throws the errors of the file system */
export async function writeCounter(path: string, mark: CounterMark): Promise<void> {
  await replaceFile(path, `${JSON.stringify(mark)}\n`);
}

export interface CounterOptions {
  path: string;
  timers: Pick<Timers, 'setTimeout' | 'clearTimeout'>;
  log: Log;
}

/**
 * Writes the marks behind the batches. The file never runs ahead of the database, so that a crash cannot lock anybody out. A mark that
 * cannot be written is reported once, and written with a later one.
 */
export class Counter {
  readonly #options: CounterOptions;
  #newest: CounterMark | undefined;
  #written: CounterMark | undefined;
  #timer: unknown;
  #writing: Promise<void> = Promise.resolve();
  #failure: string | undefined;

  constructor(options: CounterOptions) {
    this.#options = options;
  }

  /** Why the newest marks could not be written; undefined when they are written. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Notes a mark, to be written within a second. */
  note(mark: CounterMark): void {
    const { store, version } = this.#newest ?? {};
    if (mark.store === store && mark.version === version) return;
    this.#newest = mark;
    this.#timer ??= this.#options.timers.setTimeout(() => void this.flush(), LAZY_MS);
  }

  /** Writes the newest mark now. Never rejects. */
  async flush(): Promise<void> {
    this.#options.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { path, log } = this.#options;
    const mark = this.#newest;
    if (!mark || mark === this.#written) return;
    try {
      await writeCounter(path, mark);
      this.#written = mark;
      this.#failure = undefined;
    } catch (error) {
      if (this.#failure === undefined) {
        const fields = { path, error: describeError(error) };
        log.warn(fields, 'the counter of the data directory cannot be written: an older copy of it may pass unnoticed');
      }
      this.#failure = describeError(error);
    }
  }
}
