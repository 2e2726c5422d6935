// The real worker pool with workers that exist in virtual time alone: each job takes the time that it asks for, and no processor.
import { silentLog } from '../../src/domain/log.js';
import { getModelSet, loadManifest } from '../../src/models/manifest.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import type { Job } from '../../src/vision/worker-protocol.js';
import type { JobSlot, PendingJob, WorkerSlotOptions } from '../../src/vision/worker-slot.js';
import type { VirtualTime } from './virtual-time.js';

const FRAME = { widthPx: 640, heightPx: 480, frameNumber: 1, capturedAtMs: 0, streamChanges: 0, faces: [] };

/** A frame takes the number of its capture in milliseconds, a picture its number of bytes. */
function readServiceMs(job: Job): number {
  if (job.kind === 'image') return job.bytes.length;
  return job.kind === 'crops' ? job.crops.length : job.captureHandle;
}

class VirtualSlot implements JobSlot {
  readonly #time: VirtualTime;
  readonly #options: WorkerSlotOptions;
  #running: PendingJob | undefined;
  #isReady = false;
  endedJobs = 0;

  constructor(time: VirtualTime, options: WorkerSlotOptions) {
    this.#time = time;
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  get isFree(): boolean {
    return this.#isReady && !this.#running;
  }

  async launch(): Promise<void> {
    this.#isReady = true;
    this.#options.onReady([]);
  }

  run(pending: PendingJob): void {
    this.#running = pending;
    this.#time.schedule(readServiceMs(pending.job), () => {
      this.#running = undefined;
      this.endedJobs++;
      pending.resolve(FRAME);
      this.#options.onJobEnd();
    });
  }

  cancel(): boolean {
    return false;
  }

  async tidy(): Promise<void> {
    // There is nothing to free.
  }

  async close(): Promise<void> {
    this.#isReady = false;
  }
}

/** Starts a pool. @returns the pool, which the caller stops */
export async function startVirtualPool(
  time: VirtualTime,
  { workers, cameras }: { workers: number; cameras: number },
): Promise<WorkerPool> {
  const pool = new WorkerPool({
    set: getModelSet(loadManifest(), 'standard'),
    modelsDir: '',
    providers: ['cpu'],
    workers,
    cameras,
    queueLength: 1_000,
    log: silentLog,
    clock: time.clock,
    openSlot: (options) => new VirtualSlot(time, options),
  });
  await pool.start(new AbortController().signal);
  return pool;
}
