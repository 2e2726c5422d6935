// The pool of vision workers behind bounded queues: the only way from the rest of the service to the models.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { AnalysedImage } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, describeError } from '../errors.js';
import { describePrecision, type ChosenPrecision } from '../models/set-precision.js';
import { JobLanes, type Lane } from './job-lanes.js';
import type { OtherLoading } from './other-embedders.js';
import type { ProviderReport } from './pipeline.js';
import type { AnalyseOptions, AnalysedFrame, EncodedFrame, EncodeOptions, FrameOptions, Vision } from './vision.js';
import type { Job, JobResults, WorkerSetup } from './worker-protocol.js';
import { WorkerSlot, type PendingJob } from './worker-slot.js';

export interface WorkerPoolOptions extends WorkerSetup {
  /** Number of worker threads. */
  workers: number;
  /** Most jobs that wait in each lane, the cameras' and the requests'. A further job is refused with SERVER_BUSY. */
  queueLength: number;
  /** Reason why the set is not the configured one, for the health report. */
  fallback?: string | undefined;
  /** Reason why each model runs in its form, for the health report. */
  precisions?: readonly ChosenPrecision[];
  log: Log;
  /** File of the worker thread. Default: dist/vision/worker.js; tests, which run the sources, name another one. */
  workerFile?: URL;
}

export interface WorkerPoolStats {
  /** Workers that are ready. */
  workers: number;
  /** Workers that run a job. */
  busy: number;
  /** Jobs that wait. */
  queued: number;
  completed: number;
  /** Jobs that were refused because their lane was full. */
  rejected: number;
  /** Workers that died and were started again. */
  restarts: number;
}

/** Progress of one worker, for the watchdog. */
export interface WorkerActivity {
  id: string;
  /** The worker has a job, or a job waits that it could take. */
  busy: boolean;
  /** Number of jobs that ended. */
  done: number;
}

/** Lane of each kind of job. A JPEG of a live view is a request, so that viewers do not delay the cameras. */
const LANES: Record<Job['kind'], Lane> = { frame: 'camera', crops: 'camera', image: 'request', jpeg: 'request' };
/** Pause before a dead worker is replaced, so that a worker that always dies at its start does not keep a core busy. */
const RESTART_DELAY_MS = 1_000;

export class WorkerPool implements Vision, Part {
  readonly name = 'vision';
  readonly #options: WorkerPoolOptions;
  readonly #slots: WorkerSlot[] = [];
  readonly #queue: JobLanes<PendingJob>;
  readonly #restartTimers = new Set<NodeJS.Timeout>();
  #providers: readonly ProviderReport[] = [];
  /** Reason why the embedder of a model version could not be loaded, from the worker that tried last. */
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

  /** Execution provider in use for each model; empty before the start. */
  get providers(): readonly ProviderReport[] {
    return this.#providers;
  }

  /**
   * Resolves when every worker has loaded and run every model.
   * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH, PROVIDER_UNAVAILABLE, ADDON_MISSING, WORKER_FAILED
   */
  async start(signal: AbortSignal): Promise<void> {
    this.#running = true;
    while (this.#slots.length < this.#options.workers) this.#slots.push(this.#createSlot());
    await Promise.all(this.#slots.map((slot) => slot.launch()));
    signal.throwIfAborted();
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const timer of this.#restartTimers) clearTimeout(timer);
    this.#restartTimers.clear();
    for (const pending of this.#queue.drain()) pending.reject(createStoppedError());
    await Promise.all(this.#slots.splice(0).map((slot) => slot.close()));
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

  embedCrops(crops: readonly Uint8Array[], modelVersion?: string): Promise<EmbeddedFace[]> {
    return this.#submit<'crops'>({ kind: 'crops', crops: crops.map(compact), modelVersion });
  }

  stats(): WorkerPoolStats {
    return {
      workers: this.#slots.filter((slot) => slot.isReady).length,
      busy: this.#slots.filter((slot) => slot.isBusy).length,
      queued: this.#queue.length,
      completed: this.#completed,
      rejected: this.#rejected,
      restarts: this.#restarts,
    };
  }

  /** Lists the progress of each worker separately, so that one that hangs is noticed while the others work. */
  listWorkers(): WorkerActivity[] {
    return this.#slots.map(({ isBusy, endedJobs }, index) => ({
      id: `worker ${index + 1}`,
      busy: isBusy || this.#queue.length > 0,
      done: endedJobs,
    }));
  }

  health(): Health {
    const { workers, restarts } = this.stats();
    const { set, others = [], precisions = [] } = this.#options;
    const facts = {
      modelSet: set.name,
      modelVersion: this.modelVersion,
      otherModelVersions: others.map(({ modelVersion }) => modelVersion),
      workers,
      restarts,
      providers: this.#providers.map(({ task, provider }) => `${task}: ${provider}`),
      precisions: precisions.map(describePrecision),
    };
    if (workers === 0) return { status: 'failed', detail: 'no vision worker runs', facts };
    const detail = this.#describeDegradation(workers);
    return detail === undefined ? { status: 'ok', facts } : { status: 'degraded', detail, facts };
  }

  /** Returns the most important reason why the pool works worse than configured; undefined where there is none. */
  #describeDegradation(workers: number): string | undefined {
    const missing = this.#options.workers - workers;
    if (missing > 0) return `vision workers being restarted: ${missing}`;
    if (this.#options.fallback) return this.#options.fallback;
    for (const { provider, failures } of this.#providers) {
      const [failure] = failures;
      if (failure) return `runs on ${provider}: a preferred provider failed: ${failure.reason}`;
    }
    for (const [version, problem] of this.#otherProblems) {
      return `the models of ${version} cannot be loaded: ${problem}`;
    }
    return undefined;
  }

  #submit<K extends keyof JobResults>(job: Extract<Job, { kind: K }>): Promise<JobResults[K]> {
    if (!this.#running) return Promise.reject(createStoppedError());
    const lane = LANES[job.kind];
    if (this.#queue.isFull(lane)) {
      this.#rejected++;
      return Promise.reject(
        new AppError('SERVER_BUSY', 'the vision queue is full', { detail: 'The work queue is full.' }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push(lane, { job, resolve: resolve as PendingJob['resolve'], reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (!slot.isFree) continue;
      const next = this.#queue.shift();
      if (!next) return;
      slot.run(next);
    }
  }

  #createSlot(): WorkerSlot {
    const { set, others = [], modelsDir, providers, workerFile, log } = this.#options;
    const slot: WorkerSlot = new WorkerSlot({
      setup: { set, others, modelsDir, providers },
      workerFile: workerFile ?? new URL('./worker.js', import.meta.url),
      log,
      onReady: (reports) => {
        this.#providers = reports;
        this.#dispatch();
      },
      onOther: (loading) => this.#noteOther(loading),
      onJobEnd: () => {
        this.#completed++;
        this.#dispatch();
      },
      onDeath: () => {
        if (this.#running) this.#restartLater(slot);
      },
    });
    return slot;
  }

  /** Logs a change once, although every worker loads the embedder itself and retries. */
  #noteOther({ modelVersion, problem }: OtherLoading): void {
    const { log } = this.#options;
    const before = this.#otherProblems.get(modelVersion);
    if (problem === undefined) {
      this.#otherProblems.delete(modelVersion);
      if (before !== undefined) log.info({ modelVersion }, 'the models of another version can be loaded again');
      return;
    }
    this.#otherProblems.set(modelVersion, problem);
    if (problem !== before) {
      log.warn({ modelVersion, reason: problem }, 'the models of another version cannot be loaded');
    }
  }

  #restartLater(slot: WorkerSlot): void {
    const timer = setTimeout(() => {
      this.#restartTimers.delete(timer);
      this.#restarts++;
      slot.launch().catch((error: unknown) => {
        this.#options.log.error({ reason: describeError(error) }, 'a vision worker could not be restarted');
        // Without any worker the queued jobs would wait for ever.
        if (!this.#slots.some((other) => other.isReady)) for (const job of this.#queue.drain()) job.reject(error);
        if (this.#running) this.#restartLater(slot);
      });
    }, RESTART_DELAY_MS);
    this.#restartTimers.add(timer);
  }
}

/** Copies the bytes where they are a view of a larger buffer: otherwise the whole buffer would be sent to the worker. */
function compact(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

function createStoppedError(): AppError {
  return new AppError('STOPPED', 'the vision workers are stopped', { detail: 'The service is stopping.' });
}
