// The pool of vision workers behind bounded queues; the only way into the models for the rest of the service.
import { Worker } from 'node:worker_threads';
import '../config/no-telemetry.js';
import type { AnalysedImage } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, describeError } from '../errors.js';
import { precisionText, type ChosenPrecision } from '../models/set-precision.js';
import type { OtherLoading, ProviderReport } from './pipeline.js';
import { JobLanes, type Lane } from './job-lanes.js';
import type { AnalyseOptions, AnalysedFrame, EncodedFrame, EncodeOptions, FrameOptions, Vision } from './vision.js';
import type { FromWorker, Job, JobResults, ToWorker, WireError, WorkerSetup } from './worker-protocol.js';

export interface WorkerPoolOptions extends WorkerSetup {
  workers: number;
  /** Jobs that may wait for a worker, the cameras' and the requests each; one more is SERVER_BUSY. */
  queueLength: number;
  /** Why the set is not the configured one, for the health report. */
  fallback?: string | undefined;
  /** Why each model runs in its form, for the health report. */
  precisions?: readonly ChosenPrecision[];
  log: Log;
  /** dist/vision/worker.js; tests, which run the sources, name it. */
  workerFile?: URL;
}

export interface WorkerPoolStats {
  workers: number;
  busy: number;
  queued: number;
  completed: number;
  rejected: number;
  restarts: number;
}

/** A frame to look at is a request too: whoever watches takes nothing from the doors. */
const LANES: Record<Job['kind'], Lane> = { frame: 'camera', crops: 'camera', image: 'request', jpeg: 'request' };

interface PendingJob {
  job: Job;
  resolve(result: JobResults[keyof JobResults]): void;
  reject(error: unknown): void;
}

interface Slot {
  worker: Worker | undefined;
  ready: boolean;
  running: PendingJob | undefined;
  /** Jobs that ended here, well or not. */
  done: number;
}

/** How a worker goes on. */
export interface WorkerLane {
  id: string;
  /** Has a job, or could take one that waits. */
  busy: boolean;
  /** Jobs that ended. */
  done: number;
}

/** A worker that died is replaced after so long, so that one that dies at once does not spin. */
const RESTART_DELAY_MS = 1_000;
/**
 * A worker makes little garbage on the JavaScript heap. V8's default lets the young generation of each grow to 48 MB; this saved 35 MB with
 * two workers, and what stays in the caches made two workers 5 % faster (November 2026).
 */
const YOUNG_GENERATION_MB = 4;
/** At stop, jobs that run have so long to end. */
const CLOSE_TIMEOUT_MS = 3_000;

export class WorkerPool implements Vision, Part {
  readonly name = 'vision';
  readonly #options: WorkerPoolOptions;
  readonly #slots: Slot[] = [];
  readonly #queue: JobLanes<PendingJob>;
  readonly #restartTimers = new Set<NodeJS.Timeout>();
  #providers: readonly ProviderReport[] = [];
  /** By model version, why its embedder could not be loaded in the last worker that tried. */
  readonly #otherProblems = new Map<string, string>();
  #running = false;
  #completed = 0;
  #rejected = 0;
  #restarts = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#queue = new JobLanes(options.queueLength);
  }

  get modelVersion(): string {
    return this.#options.set.modelVersion;
  }

  get hasLiveness(): boolean {
    return this.#options.set.liveness !== undefined;
  }

  /** Per model, the execution provider in use; known after start. */
  get providers(): readonly ProviderReport[] {
    return this.#providers;
  }

  /**
   * Resolves when every worker has loaded and run every model.
   * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH, PROVIDER_UNAVAILABLE, ADDON_MISSING, WORKER_FAILED
   */
  async start(signal: AbortSignal): Promise<void> {
    this.#running = true;
    while (this.#slots.length < this.#options.workers) {
      this.#slots.push({ worker: undefined, ready: false, running: undefined, done: 0 });
    }
    await Promise.all(this.#slots.map((slot) => this.#launch(slot)));
    signal.throwIfAborted();
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const timer of this.#restartTimers) clearTimeout(timer);
    this.#restartTimers.clear();
    for (const pending of this.#queue.drain()) pending.reject(stopped());
    await Promise.all(this.#slots.splice(0).map((slot) => closeSlot(slot)));
  }

  analyseImage(bytes: Uint8Array, options: AnalyseOptions): Promise<AnalysedImage> {
    return this.#submit<'image'>({ kind: 'image', bytes: compact(bytes), options });
  }

  analyseFrame(captureHandle: number, options: FrameOptions): Promise<AnalysedFrame | undefined> {
    return this.#submit<'frame'>({ kind: 'frame', captureHandle, options });
  }

  encodeFrame(captureHandle: number, options: EncodeOptions): Promise<EncodedFrame | undefined> {
    return this.#submit<'jpeg'>({ kind: 'jpeg', captureHandle, options });
  }

  embedCrops(crops: readonly Uint8Array[], modelVersion?: string): Promise<Float32Array[]> {
    return this.#submit<'crops'>({ kind: 'crops', crops: crops.map(compact), modelVersion });
  }

  stats(): WorkerPoolStats {
    return {
      workers: this.#slots.filter((slot) => slot.ready).length,
      busy: this.#slots.filter((slot) => slot.running).length,
      queued: this.#queue.length,
      completed: this.#completed,
      rejected: this.#rejected,
      restarts: this.#restarts,
    };
  }

  /** For those who watch that they go on, each for itself: one that hangs must not hide behind the others. */
  lanes(): WorkerLane[] {
    return this.#slots.map(({ running, done }, index) => ({
      id: `worker ${index + 1}`,
      busy: running !== undefined || this.#queue.length > 0,
      done,
    }));
  }

  health(): Health {
    const { workers, restarts } = this.stats();
    const facts = {
      modelSet: this.#options.set.name,
      modelVersion: this.modelVersion,
      otherModelVersions: (this.#options.others ?? []).map(({ modelVersion }) => modelVersion),
      workers,
      restarts,
      providers: this.#providers.map(({ task, provider }) => `${task}: ${provider}`),
      precisions: (this.#options.precisions ?? []).map(precisionText),
    };
    if (workers === 0) return { status: 'failed', detail: 'no vision worker runs', facts };
    const missing = this.#options.workers - workers;
    if (missing > 0) return { status: 'degraded', detail: `vision workers being restarted: ${missing}`, facts };
    if (this.#options.fallback) return { status: 'degraded', detail: this.#options.fallback, facts };
    const fallback = this.#providers.flatMap((report) => report.failures.map((failure) => ({ ...failure, ...report })));
    if (fallback.length > 0) {
      const [first] = fallback;
      return {
        status: 'degraded',
        detail: `runs on ${first.provider}: a preferred provider failed: ${first.reason}`,
        facts,
      };
    }
    const [unloaded] = this.#otherProblems;
    if (unloaded) {
      return { status: 'degraded', detail: `the models of ${unloaded[0]} cannot be loaded: ${unloaded[1]}`, facts };
    }
    return { status: 'ok', facts };
  }

  #submit<K extends keyof JobResults>(job: Extract<Job, { kind: K }>): Promise<JobResults[K]> {
    if (!this.#running) return Promise.reject(stopped());
    const lane = LANES[job.kind];
    if (this.#queue.isFull(lane)) {
      this.#rejected++;
      return Promise.reject(
        new AppError('SERVER_BUSY', 'the vision queue is full', { detail: 'the work queue is full' }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push(lane, { job, resolve: resolve as PendingJob['resolve'], reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (this.#queue.length === 0) return;
      if (!slot.ready || slot.running || !slot.worker) continue;
      slot.running = this.#queue.shift();
      if (slot.running) slot.worker.postMessage({ type: 'job', job: slot.running.job } satisfies ToWorker);
    }
  }

  /** Starts a slot's worker; rejects when it fails before it is ready. Later deaths are answered by a restart. */
  #launch(slot: Slot): Promise<void> {
    const { set, others = [], modelsDir, providers, workerFile } = this.#options;
    const setup: WorkerSetup = { set, others, modelsDir, providers };
    const worker = new Worker(workerFile ?? new URL('./worker.js', import.meta.url), {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    slot.worker = worker;
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        switch (message.type) {
          case 'ready':
            slot.ready = true;
            this.#providers = message.providers;
            resolve();
            this.#dispatch();
            break;
          case 'failed':
            reject(fromWire(message.error));
            break;
          case 'other':
            this.#noteOther(message.loading);
            break;
          case 'result':
            this.#finish(slot, (job) => job.resolve(message.result));
            break;
          case 'error':
            this.#finish(slot, (job) => job.reject(fromWire(message.error)));
            break;
        }
      });
      worker.on('error', (cause) => {
        this.#options.log.error({ reason: describeError(cause) }, 'a vision worker failed');
      });
      worker.on('exit', (exitCode) => {
        const error = new AppError('WORKER_FAILED', `a vision worker ended with exit code ${exitCode}`);
        const wasReady = slot.ready;
        slot.ready = false;
        slot.worker = undefined;
        slot.running?.reject(error);
        slot.running = undefined;
        slot.done++;
        reject(error);
        if (wasReady && this.#running) this.#restartLater(slot);
      });
    });
  }

  /** Told once, though every worker tries for itself, and again and again. */
  #noteOther({ modelVersion, problem }: OtherLoading): void {
    const { log } = this.#options;
    const before = this.#otherProblems.get(modelVersion);
    if (problem === undefined) {
      this.#otherProblems.delete(modelVersion);
      if (before !== undefined) log.info({ modelVersion }, 'models beside those in use can be loaded again');
      return;
    }
    this.#otherProblems.set(modelVersion, problem);
    if (problem !== before) log.warn({ modelVersion, reason: problem }, 'models beside those in use cannot be loaded');
  }

  #finish(slot: Slot, settle: (job: PendingJob) => void): void {
    const job = slot.running;
    slot.running = undefined;
    slot.done++;
    this.#completed++;
    if (job) settle(job);
    this.#dispatch();
  }

  #restartLater(slot: Slot): void {
    const timer = setTimeout(() => {
      this.#restartTimers.delete(timer);
      this.#restarts++;
      this.#launch(slot).catch((error: unknown) => {
        this.#options.log.error({ reason: describeError(error) }, 'a vision worker could not be restarted');
        // With no worker left, what waits would wait for ever.
        if (!this.#slots.some((other) => other.ready)) for (const job of this.#queue.drain()) job.reject(error);
        if (this.#running) this.#restartLater(slot);
      });
    }, RESTART_DELAY_MS);
    this.#restartTimers.add(timer);
  }
}

async function closeSlot(slot: Slot): Promise<void> {
  const { worker } = slot;
  if (!worker) return;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage({ type: 'close' } satisfies ToWorker);
  const timer = setTimeout(() => void worker.terminate(), CLOSE_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

/** A view of a larger buffer would be sent with the whole of it. */
function compact(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

function fromWire(error: WireError): Error {
  if (error.code) {
    return new AppError(error.code, error.message, error.detail === undefined ? {} : { detail: error.detail });
  }
  const unforeseen = new Error(error.message);
  if (error.stack !== undefined) unforeseen.stack = error.stack;
  return unforeseen;
}

function stopped(): AppError {
  return new AppError('STOPPED', 'the vision workers are stopped', { detail: 'the service is stopping' });
}
