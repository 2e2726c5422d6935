// The pool of vision workers behind bounded queues: the only way from the rest of the service to the models.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { AnalysedImage } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError, clientError, describeError } from '../errors.js';
import { describePrecision } from '../models/set-precision.js';
import { EarlyEmbeddings } from './early-embeddings.js';
import { createBusyError, createStoppedError, formatSeconds } from './job-errors.js';
import { JobLanes, type Lane } from './job-lanes.js';
import { OtherProblems } from './other-problems.js';
import type { ProviderReport } from './pipeline.js';
import type { AnalyseOptions, AnalysedFrame, EncodedFrame, EncodeOptions, FrameOptions, Vision } from './vision.js';
import type { WorkerActivity, WorkerPoolStats } from './worker-activity.js';
import type { WorkerPoolOptions } from './worker-pool-options.js';
import type { Job, JobResults } from './worker-protocol.js';
import { countCameraWorkers, countWorkers, FreeWorkers, type WorkerKind } from './worker-shares.js';
import { WorkerThreads } from './worker-threads.js';
import { WorkerSlot, type JobSlot, type PendingJob } from './worker-slot.js';

/** The part of the pool that a camera needs, on the lane of that camera. */
export type CameraVision = Pick<Vision, 'modelVersion' | 'hasLiveness' | 'analyseFrame' | 'encodeFrame' | 'embedCrops'>;

interface SubmitOptions {
  /** Id of the camera whose lane the job waits in. */
  camera?: string | undefined;
  cancelled?: AbortSignal | undefined;
  /** See PendingJob. */
  onAligned?: PendingJob['onAligned'];
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
  readonly #threads: WorkerThreads;
  readonly #slots: JobSlot[] = [];
  readonly #clock: Clock;
  readonly #free = new FreeWorkers();
  readonly #queue: JobLanes<PendingJob>;
  readonly #early: EarlyEmbeddings;
  readonly #restartTimers = new Set<NodeJS.Timeout>();
  #providers: readonly ProviderReport[] = [];
  readonly #others: OtherProblems;
  #running = false;
  #launch: Promise<unknown> | undefined;
  #completed = 0;
  #pictures = 0;
  #rejected = 0;
  #overdue = 0;
  #cancelled = 0;
  #restarts = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#others = new OtherProblems(options.log);
    this.#threads = options.threads ?? new WorkerThreads(options.workerFile);
    const { queueLength: capacity, cameras = 0 } = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#early = new EarlyEmbeddings(
      () => this.#queue.length === 0 && (this.#free.has('camera') || this.#free.has('any')),
    );
    this.#queue = new JobLanes({ capacity, camerasFirst: cameras > 0, clock: this.#clock });
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

  /** Number of workers: where there are cameras, one of them at least serves cameras alone, and requests need another one. */
  get #workers(): number {
    return countWorkers(this.#options);
  }

  /** Lets the workers load their models while other parts start. A second call does nothing. */
  prepare(): void {
    if (this.#launch) return;
    this.#running = true;
    while (this.#slots.length < this.#workers) this.#slots.push(this.#createSlot(this.#slots.length));
    this.#launch = Promise.all(this.#slots.map((slot) => slot.launch()));
    // start() reports a failure.
    this.#launch.catch(() => undefined);
  }

  /**
   * Resolves when every worker has loaded and run every model.
   * @throws AppError MODEL_MISSING, MODEL_HASH_MISMATCH, PROVIDER_UNAVAILABLE, ADDON_MISSING, WORKER_FAILED
   */
  async start(signal: AbortSignal): Promise<void> {
    if (!this.#launch) this.prepare();
    await this.#launch;
    signal.throwIfAborted();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#launch = undefined;
    for (const timer of this.#restartTimers) clearTimeout(timer);
    this.#restartTimers.clear();
    for (const pending of this.#queue.drain()) pending.reject(createStoppedError());
    this.#free.clear();
    await Promise.all(this.#slots.splice(0).map((slot) => slot.close()));
  }

  /** Returns this pool with the lane of a camera: its jobs wait there, and share the workers with other cameras by time. */
  forCamera(camera: string): CameraVision {
    return {
      modelVersion: this.modelVersion,
      hasLiveness: this.hasLiveness,
      analyseFrame: (captureHandle, options) => this.#analyseFrame(captureHandle, options, camera),
      encodeFrame: (captureHandle, options) => this.encodeFrame(captureHandle, options),
      embedCrops: (crops, modelVersion) => this.#embedCrops(crops, modelVersion, camera),
    };
  }

  analyseImage(bytes: Uint8Array, options: AnalyseOptions, cancelled?: AbortSignal): Promise<AnalysedImage> {
    return this.#submit<'image'>({ kind: 'image', bytes: compact(bytes), options }, { cancelled });
  }

  analyseFrame(captureHandle: number, options: FrameOptions): Promise<AnalysedFrame | undefined> {
    return this.#analyseFrame(captureHandle, options);
  }

  encodeFrame(captureHandle: number, options: EncodeOptions): Promise<EncodedFrame | undefined> {
    return this.#submit<'jpeg'>({ kind: 'jpeg', captureHandle, options });
  }

  embedCrops(crops: readonly Uint8Array[], modelVersion?: string): Promise<EmbeddedFace[]> {
    return this.#embedCrops(crops, modelVersion);
  }

  /** Has the workers that do nothing free the memory that they do not need between jobs. */
  async tidy(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.tidy()));
  }

  /** Returns the number of pictures of requests that were analysed so far. */
  countPictures(): number {
    return this.#pictures;
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
    return this.#others.describe();
  }

  #analyseFrame(captureHandle: number, options: FrameOptions, camera?: string): Promise<AnalysedFrame | undefined> {
    return this.#early.analyse(
      (onAligned) => this.#submit<'frame'>({ kind: 'frame', captureHandle, options }, { camera, onAligned }),
      (crops) => this.#submit<'crops'>({ kind: 'crops', crops, modelVersion: undefined }, { camera }),
    );
  }

  #embedCrops(
    crops: readonly Uint8Array[],
    modelVersion = this.modelVersion,
    camera?: string,
  ): Promise<EmbeddedFace[]> {
    const embed = (some: readonly Uint8Array[]): Promise<EmbeddedFace[]> =>
      this.#submit<'crops'>({ kind: 'crops', crops: some.map(compact), modelVersion }, { camera });
    return modelVersion === this.modelVersion ? this.#early.embed(crops, embed) : embed(crops);
  }

  #submit<K extends keyof JobResults>(
    job: Extract<Job, { kind: K }>,
    { camera, cancelled, onAligned }: SubmitOptions = {},
  ): Promise<JobResults[K]> {
    if (!this.#running) return Promise.reject(createStoppedError());
    if (cancelled?.aborted) return Promise.reject(cancelled.reason as Error);
    const lane = LANES[job.kind];
    if (this.#queue.isFull(lane, camera)) {
      this.#rejected++;
      return Promise.reject(createBusyError('The work queue is full.'));
    }
    return new Promise((resolve, reject) => {
      const pending: PendingJob = {
        job,
        camera,
        ...(onAligned && { onAligned }),
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
        if (job.kind === 'image') this.#pictures++;
        this.#charge(pending);
        clearTimeout(patience);
        cancelled?.removeEventListener('abort', onAbort);
      };
      cancelled?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(lane, pending, camera);
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

  /** Gives waiting jobs to free workers. Its time depends on neither the number of workers nor that of the waiting jobs. */
  #dispatch(): void {
    for (;;) {
      // A camera leaves the workers that requests can have as long as one of its own is free.
      const isForCamera = this.#queue.count('camera') > 0 && this.#free.has('camera');
      if (!isForCamera && !(this.#queue.length > 0 && this.#free.has('any'))) return;
      const pending = this.#queue.shift(isForCamera ? 'camera' : undefined);
      const slot = this.#free.take(isForCamera ? 'camera' : 'any', pending?.camera);
      if (!pending || !slot) return;
      pending.startedMs = this.#clock();
      slot.run(pending);
    }
  }

  /** Charges a camera with the time for which its job had a worker. */
  #charge(pending: PendingJob): void {
    const { startedMs, camera, job } = pending;
    if (startedMs === undefined || LANES[job.kind] !== 'camera') return;
    delete pending.startedMs;
    this.#queue.end(this.#clock() - startedMs, camera);
  }

  #readKind(index: number): WorkerKind {
    const { cameras = 0 } = this.#options;
    return index < countCameraWorkers(this.#workers, cameras) ? 'camera' : 'any';
  }

  #countWaitingFor(index: number): number {
    return this.#readKind(index) === 'camera' ? this.#queue.count('camera') : this.#queue.length;
  }

  #createSlot(index: number): JobSlot {
    const { set, others = [], modelsDir, providers, log, cameras = 0 } = this.#options;
    const kind = this.#readKind(index);
    const yields = cameras > 0 && kind === 'any';
    const { cancelTimeoutMs = CANCEL_TIMEOUT_MS, openSlot = (parts) => new WorkerSlot(parts) } = this.#options;
    const slot: JobSlot = openSlot({
      setup: { set, others, modelsDir, providers, ...(yields && { niceness: REQUEST_NICENESS }) },
      threads: this.#threads,
      log,
      cancelTimeoutMs,
      onReady: (reports) => {
        this.#providers = reports;
        this.#free.add(kind, slot);
        this.#dispatch();
      },
      onOther: (loading) => this.#others.note(loading),
      onOverdue: (job, isDecoding) => this.#refuseOverdue(job, isDecoding),
      onJobEnd: () => {
        this.#completed++;
        this.#free.add(kind, slot);
        this.#dispatch();
      },
      onDeath: () => {
        if (this.#running) this.#restartLater(slot);
      },
    });
    return slot;
  }

  #restartLater(slot: JobSlot): void {
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
