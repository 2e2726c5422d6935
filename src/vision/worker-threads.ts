// The threads of the vision workers. Their loading takes as long as that of the service, so a start begins it before it has read anything else.
import { Worker } from 'node:worker_threads';
import '../config/no-telemetry.js';
import type { WorkerData } from './worker-protocol.js';

/**
 * Size to which the young generation of a worker's JavaScript heap may grow. A worker makes little garbage there. V8's default lets it
 * grow to 48 MB. With 4 MB it held 8 MB, with 1 MB it holds 2 to 4 MB, and a still takes the same processor time (AMD EPYC, November 2026).
 * An option of the process, such as --max-semi-space-size, comes before it.
 */
const YOUNG_GENERATION_MB = 1;

/** Threads that have loaded what they need, and wait for their data. They do not keep the process alive. */
export class WorkerThreads {
  readonly #file: URL;
  readonly #waiting = new Set<Worker>();

  /** @param file of the worker thread; tests, which run the sources, name another one */
  constructor(file = new URL('./worker.js', import.meta.url)) {
    this.#file = file;
  }

  /** Number of threads that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Begins this number of threads. */
  begin(count: number): void {
    for (let i = 0; i < count; i++) {
      const worker = this.#start();
      worker.unref();
      // One that ends is not taken; the one that is started in its place reports what is wrong.
      worker.on('error', () => undefined);
      worker.once('exit', () => this.#waiting.delete(worker));
      this.#waiting.add(worker);
    }
  }

  /** Takes a thread that waits, or starts one. */
  take(data: WorkerData): Worker {
    const [worker] = this.#waiting;
    if (!worker) return this.#start(data);
    this.#waiting.delete(worker);
    worker.ref();
    worker.postMessage(data);
    return worker;
  }

  /** Ends the threads that wait. */
  async end(): Promise<void> {
    await Promise.all([...this.#waiting].map((worker) => worker.terminate()));
  }

  #start(data?: WorkerData): Worker {
    return new Worker(this.#file, {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
  }
}
