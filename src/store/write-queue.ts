// Writes one batch after the other. Writes that arrive while one is under way are joined to a single batch and share one sync.
import { AppError, describeError } from '../errors.js';
import type { Note } from './note.js';
import type { Operation } from './records.js';

/** Waiting writes are joined to one batch up to this number of operations. */
const MAX_JOINED_OPERATIONS = 1_000;

interface WaitingWrite {
  kind: 'write';
  operations: readonly Operation[];
  note: Note | undefined;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Runs alone between two batches, and never rejects. */
interface WaitingTask {
  kind: 'task';
  run: () => Promise<void>;
}

export interface WriteQueueOptions {
  /** Writes one batch: all of it or nothing. A failure fails every write that was joined to it. */
  commit: (operations: readonly Operation[], notes: readonly Note[]) => Promise<void>;
  /** When this many writes wait, a further one is refused. */
  maxWaiting: number;
}

/** Never writes two batches at the same time. */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #waiting: (WaitingWrite | WaitingTask)[] = [];
  #running: Promise<void> | undefined;
  #refused = 0;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Number of writes that were refused because too many were waiting. */
  get refused(): number {
    return this.#refused;
  }

  /** Number of writes that wait or are under way. */
  get pending(): number {
    return this.#waiting.length + (this.#running ? 1 : 0);
  }

  /** Resolves when all the operations are on the disk. Writes take effect in the order of the calls. */
  push(operations: readonly Operation[], note?: Note): Promise<void> {
    if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#refused++;
      return Promise.reject(new AppError('STORE_UNAVAILABLE', 'the disk is too slow: too many writes are waiting'));
    }
    return new Promise((resolve, reject) => {
      this.#add({ kind: 'write', operations, note, resolve, reject });
    });
  }

  /** Runs a task between two batches, in its turn. @returns the result of the task @throws an AppError with the error of the task */
  run<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#add({
        kind: 'task',
        run: () => task().then(resolve, (error: unknown) => reject(copyError(error))),
      });
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #add(work: WaitingWrite | WaitingTask): void {
    this.#waiting.push(work);
    this.#running ??= this.#work();
  }

  async #work(): Promise<void> {
    // Without this turn, `#running` would be assigned after a first commit that fails at once.
    await Promise.resolve();
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (next.kind === 'task') {
        this.#waiting.shift();
        await next.run();
      } else {
        await this.#commit(this.#takeWrites());
      }
    }
    this.#running = undefined;
  }

  async #commit(writes: readonly WaitingWrite[]): Promise<void> {
    try {
      await this.#options.commit(
        writes.flatMap(({ operations }) => operations),
        writes.flatMap(({ note }) => note ?? []),
      );
      for (const { resolve } of writes) resolve();
    } catch (error) {
      // Each caller gets an error of its own, and may add to it.
      for (const { reject } of writes) reject(copyError(error));
    }
  }

  /** Takes the first write and those behind it that fit into the same batch. */
  #takeWrites(): WaitingWrite[] {
    const taken: WaitingWrite[] = [];
    let operations = 0;
    for (const next of this.#waiting) {
      if (next.kind === 'task') break;
      operations += next.operations.length + (next.note?.drafts.length ?? 0);
      if (taken.length > 0 && operations > MAX_JOINED_OPERATIONS) break;
      taken.push(next);
    }
    this.#waiting.splice(0, taken.length);
    return taken;
  }
}

function copyError(error: unknown): AppError {
  const code = error instanceof AppError ? error.code : 'STORE_UNAVAILABLE';
  return new AppError(code, describeError(error), { cause: error instanceof AppError ? error.cause : error });
}
