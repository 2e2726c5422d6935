// What the pool and a worker share about the running job, in shared memory: whether it is cancelled, and what it does.
import { AppError } from '../errors.js';

/** Index of each number in the shared memory. */
const CANCELLED = 0;
const DECODING = 1;

/** One for each worker, because a worker runs one job at a time. */
export class JobControl {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array;

  /** @param memory memory of the control on the other side. Default: new memory */
  constructor(memory = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#numbers = new Int32Array(memory);
  }

  /** For Addon.isWholeJpeg: its first element becomes 1 when the job is cancelled. */
  get cancelled(): Int32Array {
    return this.#numbers;
  }

  /** True while the job decodes a picture of a client. */
  get isDecoding(): boolean {
    return Atomics.load(this.#numbers, DECODING) !== 0;
  }

  set isDecoding(value: boolean) {
    Atomics.store(this.#numbers, DECODING, value ? 1 : 0);
  }

  /** Prepares for the next job. Called by the pool while the worker runs none. */
  reset(): void {
    this.isDecoding = false;
    Atomics.store(this.#numbers, CANCELLED, 0);
  }

  cancel(): void {
    Atomics.store(this.#numbers, CANCELLED, 1);
  }

  /** @throws AppError STOPPED when the job is cancelled; nobody waits for its result any more */
  throwIfCancelled(): void {
    if (Atomics.load(this.#numbers, CANCELLED) !== 0) throw new AppError('STOPPED', 'the job was cancelled');
  }
}
