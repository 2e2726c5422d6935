// How many workers serve cameras alone, and which worker a job gets: the free workers of both kinds, without a look at the busy ones.
import type { JobSlot } from './worker-slot.js';

/**
 * Cameras for which one worker is kept where cores are few. A frame with one new face took 25 ms with the slowest models of the standard set
 * (detector 11 ms, mask 14 ms; one thread, AMD EPYC, November 2026): at ten frames a second, four cameras fill a worker at most.
 */
const CAMERAS_PER_WORKER = 4;
/** Share of the workers that may be kept so that each camera has one of its own. */
const OWN_SHARE = 1 / 4;

/**
 * Counts the workers that serve cameras alone, so that no request can hold a camera up: one for each camera where a quarter of the workers is enough
 * for that, else one for each four cameras. One worker at least is left for the requests.
 * @param workers all workers, at least two where there are cameras
 */
export function countCameraWorkers(workers: number, cameras: number): number {
  if (cameras === 0) return 0;
  const own = Math.min(cameras, Math.floor(workers * OWN_SHARE));
  return Math.max(1, Math.min(Math.max(own, Math.ceil(cameras / CAMERAS_PER_WORKER)), workers - 1));
}

/** Counts all workers: where there are cameras, one of them at least serves cameras alone, and requests need another one. */
export function countWorkers({ workers, cameras = 0 }: { workers: number; cameras?: number }): number {
  return cameras > 0 ? Math.max(2, workers) : workers;
}

/** Kind of a worker: `camera` serves cameras alone, `any` serves requests and cameras. */
export type WorkerKind = 'camera' | 'any';

/** The workers that have no job. A look for one takes the same time however many workers there are. */
export class FreeWorkers {
  readonly #free: Record<WorkerKind, Set<JobSlot>> = { camera: new Set(), any: new Set() };
  /** Worker that served each camera last: it has memory of the right sizes, and in its caches what the camera needs. */
  readonly #last = new Map<string, JobSlot>();

  add(kind: WorkerKind, slot: JobSlot): void {
    if (slot.isFree) this.#free[kind].add(slot);
  }

  has(kind: WorkerKind): boolean {
    return this.#find(kind) !== undefined;
  }

  /** Removes and returns a free worker of a kind; for a camera the one that served it last, if that is free. */
  take(kind: WorkerKind, camera?: string): JobSlot | undefined {
    const free = this.#free[kind];
    const last = camera === undefined ? undefined : this.#last.get(camera);
    const slot = last?.isFree && free.has(last) ? last : this.#find(kind);
    if (!slot) return undefined;
    free.delete(slot);
    if (camera !== undefined) this.#last.set(camera, slot);
    return slot;
  }

  clear(): void {
    for (const free of Object.values(this.#free)) free.clear();
    this.#last.clear();
  }

  /** Finds a worker, and forgets those that have ended since they became free. */
  #find(kind: WorkerKind): JobSlot | undefined {
    const free = this.#free[kind];
    for (const slot of free) {
      if (slot.isFree) return slot;
      free.delete(slot);
    }
    return undefined;
  }
}
