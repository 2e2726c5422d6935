// Writes one after the other; what arrives while one is under way is joined to a single batch, so that many share one sync.
import { AppError, describeError } from '../errors.js';
import type { Note } from './note.js';
import type { Operation } from './records.js';

/** A waiting write joins the next batch until that has so many operations. */
const MAX_JOINED_OPERATIONS = 1_000;

interface Waiting {
  operations: readonly Operation[];
  note?: Note | undefined;
  /** Runs alone. */
  task?: () => Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export interface WriteQueueOptions {
  /** Writes one batch: all of it or nothing. A failure fails every write that was joined to it. */
  commit: (operations: Operation[], notes: readonly Note[]) => Promise<void>;
  /** Beyond so many waiting writes a further one is refused. */
  maxWaiting: number;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #refused = 0;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Writes that were refused because too many waited. */
  get refused(): number {
    return this.#refused;
  }

  /** Writes that wait or are under way. */
  get pending(): number {
    return this.#waiting.length + (this.#running ? 1 : 0);
  }

  /** Resolves when the operations are on the disk, all of them, in the order of the calls. */
  push(operations: readonly Operation[], note?: Note): Promise<void> {
    if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#refused++;
      return Promise.reject(new AppError('STORE_UNAVAILABLE', 'the disk does not keep up: too many writes wait'));
    }
    return this.#add({ operations, note });
  }

  /** Runs something between two batches, in its turn. */
  run(task: () => Promise<void>): Promise<void> {
    return this.#add({ operations: [], task });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #add(work: Pick<Waiting, 'operations' | 'note' | 'task'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...work, resolve, reject });
      this.#running ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    // Without this turn, `#running` would be assigned after a first commit that fails at once.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const joined = this.#takeJoined();
      try {
        if (joined[0].task) await joined[0].task();
        else {
          const notes = joined.flatMap(({ note }) => note ?? []);
          await this.#options.commit(
            joined.flatMap((waiting) => [...waiting.operations]),
            notes,
          );
        }
        for (const waiting of joined) waiting.resolve();
      } catch (error) {
        // An error of its own for each caller, who may add to it.
        for (const waiting of joined) waiting.reject(ownError(error));
      }
    }
    this.#running = undefined;
  }

  #takeJoined(): Waiting[] {
    let taken = 0;
    let operations = 0;
    while (taken < this.#waiting.length) {
      const next = this.#waiting[taken];
      operations += next.operations.length + (next.note?.drafts.length ?? 0);
      if (taken > 0 && (next.task || operations > MAX_JOINED_OPERATIONS)) break;
      taken++;
      if (next.task) break;
    }
    return this.#waiting.splice(0, taken);
  }
}

function ownError(error: unknown): AppError {
  const code = error instanceof AppError ? error.code : 'STORE_UNAVAILABLE';
  return new AppError(code, describeError(error), { cause: error instanceof AppError ? error.cause : error });
}
