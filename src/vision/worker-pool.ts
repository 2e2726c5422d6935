// The pool of vision workers behind bounded queues: the only way from the rest of the service to the models.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { AnalysedImage } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, clientError, describeError } from '../errors.js';
import { describePrecision, type ChosenPrecision } from '../models/set-precision.js';
import { JobLanes, type Lane } from './job-lanes.js';
import type { OtherLoading } from './other-embedders.js';
import type { ProviderReport } from './pipeline.js';
import type { AnalyseOptions, AnalysedFrame, EncodedFrame, EncodeOptions, FrameOptions, Vision } from './vision.js';
import type { Job, JobResults, WorkerSetup } from './worker-protocol.js';
import { WorkerSlot, type PendingJob } from './worker-slot.js';

export interface WorkerPoolOptions extends WorkerSetup {
  /** Number of worker threads. Where frames of cameras are analysed, there are at least two. */
  workers: number;
  /** True where frames of cameras are analysed: the first worker then serves cameras alone, and the others serve them first. Default: false. */
  hasCameras?: boolean;
  /** Longest time that a request's picture may wait, and longest time that a worker may work on it. Default: 10 s. */
  pictureTimeoutMs?: number;
  /** Time after which a worker that does not react to the end of its job is replaced. Default: 10 s. */
  cancelTimeoutMs?: number;
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
  /** Jobs that were refused because their lane was full, or because they had waited for too long. */
  rejected: number;
  /** Jobs that were ended because they had run for too long. */
  overdue: number;
  /** Jobs whose caller did not want the result any more, waiting or running. */
  cancelled: number;
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
const PICTURE_TIMEOUT_MS = 10_000;
/** Limit for a job of a camera: a frame takes some 100 ms, and a slow device may need 2 s. The watchdog gives up after 30 s. */
const CAMERA_TIMEOUT_MS = 15_000;
/** On a slow device that is busy, a run of a model takes 1 s; to load a worker's models takes as much as hundreds of frames. */
const CANCEL_TIMEOUT_MS = 10_000;
/**
 * Niceness of the workers that serve requests where there are cameras: the main thread and the cameras' worker get nine tenths of a core
 * that both want.
 */
const REQUEST_NICENESS = 10;
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
  #overdue = 0;
  #cancelled = 0;
  #restarts = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    const { queueLength: capacity, hasCameras: camerasFirst = false } = options;
    this.#queue = new JobLanes({ capacity, camerasFirst, clock: () => performance.now() });
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

  /** Number of workers: one of them serves cameras alone where there are cameras, and requests need another one. */
  get #workers(): number {
    const { workers, hasCameras = false } = this.#options;
    return hasCameras ? Math.max(2, workers) : workers;
  }

  /**
   * Resolves when every worker has loaded and run every model.
   * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH, PROVIDER_UNAVAILABLE, ADDON_MISSING, WORKER_FAILED
   */
  async start(signal: AbortSignal): Promise<void> {
    this.#running = true;
    while (this.#slots.length < this.#workers) this.#slots.push(this.#createSlot(this.#slots.length));
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

  analyseImage(bytes: Uint8Array, options: AnalyseOptions, cancelled?: AbortSignal): Promise<AnalysedImage> {
    return this.#submit<'image'>({ kind: 'image', bytes: compact(bytes), options }, cancelled);
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
      overdue: this.#overdue,
      cancelled: this.#cancelled,
      restarts: this.#restarts,
    };
  }

  /** Lists the progress of each worker separately, so that one that hangs is noticed while the others work. */
  listWorkers(): WorkerActivity[] {
    return this.#slots.map(({ isBusy, endedJobs }, index) => ({
      id: `worker ${index + 1}`,
      busy: isBusy || this.#countWaitingFor(index) > 0,
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
    const missing = this.#workers - workers;
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

  #submit<K extends keyof JobResults>(job: Extract<Job, { kind: K }>, cancelled?: AbortSignal): Promise<JobResults[K]> {
    if (!this.#running) return Promise.reject(createStoppedError());
    if (cancelled?.aborted) return Promise.reject(cancelled.reason as Error);
    const lane = LANES[job.kind];
    if (this.#queue.isFull(lane)) {
      this.#rejected++;
      return Promise.reject(createBusyError('The work queue is full.'));
    }
    return new Promise((resolve, reject) => {
      const pending: PendingJob = {
        job,
        limitMs: lane === 'camera' ? CAMERA_TIMEOUT_MS : this.#pictureTimeoutMs,
        resolve: (result) => {
          settle();
          (resolve as PendingJob['resolve'])(result);
        },
        reject: (error: unknown) => {
          settle();
          reject(error instanceof Error ? error : new Error(describeError(error)));
        },
      };
      const onAbort = (): void => this.#cancel(pending, cancelled?.reason);
      const patience = lane === 'camera' ? undefined : setTimeout(() => this.#giveUp(pending), this.#pictureTimeoutMs);
      const settle = (): void => {
        clearTimeout(patience);
        cancelled?.removeEventListener('abort', onAbort);
      };
      cancelled?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(lane, pending);
      this.#dispatch();
    });
  }

  get #pictureTimeoutMs(): number {
    return this.#options.pictureTimeoutMs ?? PICTURE_TIMEOUT_MS;
  }

  /** Drops a job whose caller has gone, or ends it where it runs. */
  #cancel(pending: PendingJob, reason: unknown): void {
    this.#cancelled++;
    if (this.#queue.remove(pending)) return pending.reject(reason);
    this.#slots.some((slot) => slot.cancel(pending, reason));
  }

  /** Refuses a job that still waits. */
  #giveUp(pending: PendingJob): void {
    if (!this.#queue.remove(pending)) return;
    this.#rejected++;
    pending.reject(createBusyError(`The picture has waited for ${formatSeconds(this.#pictureTimeoutMs)}.`));
  }

  /** Counts a job that has run for too long. @returns its error: only decoding is the fault of the picture */
  #refuseOverdue(job: Job, isDecoding: boolean): AppError {
    const { log } = this.#options;
    this.#overdue++;
    log.warn({ job: job.kind, isDecoding }, 'a vision job was ended because it took too long');
    if (LANES[job.kind] === 'camera') return new AppError('WORKER_FAILED', 'the analysis of a frame took too long');
    const limit = formatSeconds(this.#pictureTimeoutMs);
    if (isDecoding) return clientError('INVALID_IMAGE_FILE', `The image cannot be decoded within ${limit}.`);
    return createBusyError(`The picture could not be analysed within ${limit}.`);
  }

  #dispatch(): void {
    for (const [index, slot] of this.#slots.entries()) {
      if (!slot.isFree) continue;
      const next = this.#queue.shift(this.#isForCameras(index) ? 'camera' : undefined);
      if (next) slot.run(next);
    }
  }

  /** Tells whether this worker serves cameras alone, so that no request can hold it up. */
  #isForCameras(index: number): boolean {
    return this.#options.hasCameras === true && index === 0;
  }

  #countWaitingFor(index: number): number {
    return this.#isForCameras(index) ? this.#queue.count('camera') : this.#queue.length;
  }

  #createSlot(index: number): WorkerSlot {
    const { set, others = [], modelsDir, providers, workerFile, log, hasCameras } = this.#options;
    const yields = hasCameras === true && !this.#isForCameras(index);
    const { cancelTimeoutMs = CANCEL_TIMEOUT_MS } = this.#options;
    const slot: WorkerSlot = new WorkerSlot({
      setup: { set, others, modelsDir, providers, ...(yields && { niceness: REQUEST_NICENESS }) },
      workerFile: workerFile ?? new URL('./worker.js', import.meta.url),
      log,
      cancelTimeoutMs,
      onReady: (reports) => {
        this.#providers = reports;
        this.#dispatch();
      },
      onOther: (loading) => this.#noteOther(loading),
      onOverdue: (job, isDecoding) => this.#refuseOverdue(job, isDecoding),
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

function createBusyError(detail: string): AppError {
  return new AppError('SERVER_BUSY', 'the vision workers are busy', { detail });
}

function formatSeconds(durationMs: number): string {
  return `${durationMs / 1_000} seconds`;
}

function createStoppedError(): AppError {
  return new AppError('STOPPED', 'the vision workers are stopped', { detail: 'The service is stopping.' });
}
