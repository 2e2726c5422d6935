// One place of the worker pool: a worker thread, the job that it runs, and the handling of its messages.
import { Worker } from 'node:worker_threads';
import '../config/no-telemetry.js';
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import type { OtherLoading } from './other-embedders.js';
import type { ProviderReport } from './pipeline.js';
import {
  fromWireError,
  type FromWorker,
  type Job,
  type JobResults,
  type ToWorker,
  type WorkerSetup,
} from './worker-protocol.js';

/** A job with the promise that its caller waits for. */
export interface PendingJob {
  job: Job;
  resolve(result: JobResults[keyof JobResults]): void;
  reject(error: unknown): void;
}

export interface WorkerSlotOptions {
  setup: WorkerSetup;
  workerFile: URL;
  log: Log;
  /** Called when the worker has loaded and run every model. */
  onReady: (providers: readonly ProviderReport[]) => void;
  /** Called after the worker tried to load the embedder of another model version. */
  onOther: (loading: OtherLoading) => void;
  /** Called when a job has ended, with a result or an error, and its caller has the answer. */
  onJobEnd: () => void;
  /** Called when a worker that was ready has ended, and its job, if any, has failed. */
  onDeath: () => void;
}

/**
 * Size to which the young generation of a worker's JavaScript heap may grow. A worker makes little garbage there. V8's default lets it
 * grow to 48 MB; the lower limit saved 35 MB with two workers, and made them 5 % faster because more stays in the processor's caches
 * (AMD EPYC, November 2026).
 */
const YOUNG_GENERATION_MB = 4;
/** Time that a running job has to end when the pool stops; then the thread is terminated. */
const CLOSE_TIMEOUT_MS = 3_000;

export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  #worker: Worker | undefined;
  #isReady = false;
  #running: PendingJob | undefined;
  #endedJobs = 0;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  /** True while a worker is loaded, with or without a job. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** True while a job runs. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** True where a job can be started. */
  get isFree(): boolean {
    return this.#isReady && !this.#running && this.#worker !== undefined;
  }

  /** Number of jobs that ended here, with a result or an error. */
  get endedJobs(): number {
    return this.#endedJobs;
  }

  /**
   * Starts a worker thread, the first one or a replacement. Resolves when the worker is ready.
   * @throws AppError what Pipeline.open throws; ADDON_MISSING; WORKER_FAILED where the thread ends before it is ready
   */
  launch(): Promise<void> {
    const { setup, workerFile, log, onReady, onOther, onDeath } = this.#options;
    const worker = new Worker(workerFile, {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        switch (message.type) {
          case 'ready':
            this.#isReady = true;
            resolve();
            onReady(message.providers);
            break;
          case 'failed':
            reject(fromWireError(message.error));
            break;
          case 'other':
            onOther(message.loading);
            break;
          case 'result':
            this.#finish((job) => job.resolve(message.result));
            break;
          case 'error':
            this.#finish((job) => job.reject(fromWireError(message.error)));
            break;
        }
      });
      worker.on('error', (cause) => log.error({ reason: describeError(cause) }, 'a vision worker failed'));
      worker.on('exit', (exitCode) => {
        const error = new AppError('WORKER_FAILED', `a vision worker ended with exit code ${exitCode}`);
        const wasReady = this.#isReady;
        this.#isReady = false;
        this.#worker = undefined;
        this.#running?.reject(error);
        this.#running = undefined;
        this.#endedJobs++;
        reject(error);
        if (wasReady) onDeath();
      });
    });
  }

  /** Runs a job; the slot must be free. */
  run(pending: PendingJob): void {
    this.#running = pending;
    this.#worker?.postMessage({ type: 'job', job: pending.job } satisfies ToWorker);
  }

  /** Lets the worker finish its job, and ends it. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage({ type: 'close' } satisfies ToWorker);
    const timer = setTimeout(() => void worker.terminate(), CLOSE_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  #finish(settle: (job: PendingJob) => void): void {
    const job = this.#running;
    this.#running = undefined;
    this.#endedJobs++;
    if (job) settle(job);
    this.#options.onJobEnd();
  }
}
