// One place of the worker pool: a worker thread, the job that it runs, and the handling of its messages.
import type { Worker } from 'node:worker_threads';
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import type { EarlyCrops } from './early-embeddings.js';
import { JobControl } from './job-control.js';
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
import type { WorkerThreads } from './worker-threads.js';

/** A job with the promise that its caller waits for. */
export interface PendingJob {
  job: Job;
  /** Id of the camera whose job it is; undefined for a request, and for crops that belong to no camera. */
  camera?: string | undefined;
  /** Time at which a worker began it, in milliseconds from any origin; absent while it waits. */
  startedMs?: number;
  /** The job is cancelled when it has run for this long. */
  limitMs: number;
  /** Called with the crops of a frame that could be embedded while its analysis goes on. */
  onAligned?: (early: EarlyCrops) => void;
  resolve(result: JobResults[keyof JobResults]): void;
  reject(error: unknown): void;
}

export interface WorkerSlotOptions {
  setup: WorkerSetup;
  threads: WorkerThreads;
  log: Log;
  /** Called when the worker has loaded and run every model. */
  onReady: (providers: readonly ProviderReport[]) => void;
  /** Called after the worker tried to load the embedder of another model version. */
  onOther: (loading: OtherLoading) => void;
  /** Time in which a worker must come free after its job was cancelled. It looks for that before each run of a model. */
  cancelTimeoutMs: number;
  /** Called when a job has run for its limit. @param isDecoding true while it decodes a picture @returns the error of the job */
  onOverdue: (job: Job, isDecoding: boolean) => Error;
  /** Called when a job has ended, with a result or an error, and its caller has the answer. */
  onJobEnd: () => void;
  /** Called when a worker that was ready has ended, and its job, if any, has failed. */
  onDeath: () => void;
}

/** Time in which the worker of a closed slot must end. After it the thread is terminated, as the end of the process would do. */
const CLOSE_TIMEOUT_MS = 2_500;

/** The part of a slot that the pool needs. */
export type JobSlot = Pick<
  WorkerSlot,
  'isReady' | 'isBusy' | 'isFree' | 'endedJobs' | 'launch' | 'run' | 'cancel' | 'tidy' | 'close'
>;

export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  /** Control of the present worker: one that was replaced keeps its own, and so stays cancelled. */
  #control = new JobControl();
  #worker: Worker | undefined;
  /** Workers that were replaced, and have not ended yet. */
  readonly #replaced = new Set<Worker>();
  #isReady = false;
  #running: PendingJob | undefined;
  /** Limit of the running job, or of the time in which a cancelled one must end. */
  #jobTimer: NodeJS.Timeout | undefined;
  #endedJobs = 0;
  /** Resolves the promise of `tidy`; undefined where there is none. */
  #onTidied: (() => void) | undefined;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  /** True while a worker is loaded, with or without a job. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** True while a job runs, a cancelled one included. */
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
    const { setup, threads, log, onReady, onOther } = this.#options;
    this.#control = new JobControl();
    const worker = threads.take({ ...setup, controlMemory: this.#control.memory });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        // A worker that was replaced may still come to an end of its job.
        if (worker !== this.#worker) return;
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
          case 'tidied':
            this.#onTidied?.();
            break;
          case 'aligned':
            this.#running?.onAligned?.(message.early);
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
        reject(error);
        this.#replaced.delete(worker);
        if (worker === this.#worker) this.#lose(error);
      });
    });
  }

  /** Runs a job; the slot must be free. */
  run(pending: PendingJob): void {
    this.#running = pending;
    this.#control.reset();
    this.#jobTimer = setTimeout(() => {
      this.cancel(pending, this.#options.onOverdue(pending.job, this.#control.isDecoding));
    }, pending.limitMs);
    this.#post({ type: 'job', job: pending.job });
  }

  /**
   * Cancels the job where it runs here: its caller gets the error at once, and the worker is replaced unless it comes free soon.
   * @returns false where the job does not run here
   */
  cancel(pending: PendingJob, error: unknown): boolean {
    if (this.#running !== pending) return false;
    clearTimeout(this.#jobTimer);
    pending.reject(error);
    this.#control.cancel();
    this.#post({ type: 'cancel' });
    this.#jobTimer = setTimeout(() => this.#replace(), this.#options.cancelTimeoutMs);
    return true;
  }

  /** Has a worker without a job free what it does not need between jobs. Resolves when that is done, at once where there is no such worker. */
  async tidy(): Promise<void> {
    if (!this.isFree || this.#onTidied) return;
    const tidied = new Promise<void>((resolve) => (this.#onTidied = resolve));
    this.#post({ type: 'tidy' });
    await tidied;
    this.#onTidied = undefined;
  }

  /**
   * Cancels the job, and ends the worker. Resolves when the thread has ended, or is left behind because it hangs.
   *
   * A thread is terminated only as a last resort: onnxruntime ends the whole process when its thread is terminated while it runs a model.
   */
  async close(): Promise<void> {
    const workers = [...this.#replaced, this.#worker].filter((worker) => worker !== undefined);
    const stopped = new AppError('STOPPED', 'the vision workers are stopped', { detail: 'The service is stopping.' });
    if (this.#running) this.cancel(this.#running, stopped);
    this.#post({ type: 'close' });
    await Promise.all(workers.map(endWorker));
    clearTimeout(this.#jobTimer);
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #finish(settle: (job: PendingJob) => void): void {
    const job = this.#running;
    clearTimeout(this.#jobTimer);
    this.#running = undefined;
    this.#endedJobs++;
    if (job) settle(job);
    this.#options.onJobEnd();
  }

  /** Gives up a worker that hangs; it ends when it has left its native code. */
  #replace(): void {
    this.#options.log.error({}, 'a vision worker hangs in a cancelled job, and is replaced');
    this.#post({ type: 'close' });
    if (this.#worker) this.#replaced.add(this.#worker);
    this.#lose(new AppError('WORKER_FAILED', 'a vision worker hangs'));
  }

  #lose(error: AppError): void {
    const wasReady = this.#isReady;
    clearTimeout(this.#jobTimer);
    this.#isReady = false;
    this.#worker = undefined;
    this.#running?.reject(error);
    this.#running = undefined;
    this.#onTidied?.();
    this.#endedJobs++;
    if (wasReady) this.#options.onDeath();
  }
}

/** Resolves when the thread has ended by itself, or after it was terminated. */
async function endWorker(worker: Worker): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const terminated = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      void worker.terminate();
      resolve();
    }, CLOSE_TIMEOUT_MS);
  });
  await Promise.race([exited, terminated]);
  clearTimeout(timer);
}
