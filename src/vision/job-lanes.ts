// The queue in front of the workers: cameras and requests wait in lanes of their own, so that requests never delay a camera.
import type { Clock } from '../domain/time.js';

/** `camera`: frames and their crops; `request`: jobs that an API client waits for. */
export type Lane = 'camera' | 'request';

const OTHER: Record<Lane, Lane> = { camera: 'request', request: 'camera' };
/** Where cameras take everything, this often one request is served all the same: a service that has cameras must still be manageable. */
const REQUEST_INTERVAL_MS = 1_000;

export interface JobLanesOptions {
  /** Most jobs that may wait in each lane. */
  capacity: number;
  /** True serves requests only while no camera waits, apart from one request a second. False lets the lanes take turns. */
  camerasFirst: boolean;
  /** Monotonic, in milliseconds. */
  clock: Clock;
}

/**
 * Two bounded lanes, each served in order. A camera has at most one frame in its lane, so the cameras take turns, and each frame is the newest
 * one when its turn comes.
 */
export class JobLanes<T> {
  readonly #options: JobLanesOptions;
  readonly #lanes: Record<Lane, T[]> = { camera: [], request: [] };
  #next: Lane = 'camera';
  /** Time at which a request was served last, or had nothing to wait for. */
  #lastRequestMs = -Infinity;

  constructor(options: JobLanesOptions) {
    this.#options = options;
  }

  /** Number of jobs that wait in both lanes together. */
  get length(): number {
    return this.#lanes.camera.length + this.#lanes.request.length;
  }

  /** Number of jobs that wait in one lane. */
  count(lane: Lane): number {
    return this.#lanes[lane].length;
  }

  isFull(lane: Lane): boolean {
    return this.#lanes[lane].length >= this.#options.capacity;
  }

  push(lane: Lane, job: T): void {
    if (lane === 'request' && this.#lanes.request.length === 0) this.#lastRequestMs = this.#options.clock();
    this.#lanes[lane].push(job);
  }

  /** Removes and returns the job whose turn it is. @param only the lane that is served. Default: both @returns undefined when there is none */
  shift(only?: Lane): T | undefined {
    const lane = only ?? this.#chooseLane();
    const job = this.#lanes[lane].shift();
    if (job === undefined) return undefined;
    this.#next = OTHER[lane];
    if (lane === 'request') this.#lastRequestMs = this.#options.clock();
    return job;
  }

  /** Removes one job, wherever it waits. @returns false where it does not wait */
  remove(job: T): boolean {
    for (const jobs of Object.values(this.#lanes)) {
      const index = jobs.indexOf(job);
      if (index >= 0) return jobs.splice(index, 1).length > 0;
    }
    return false;
  }

  /** Removes and returns all jobs; those of the cameras come first. */
  drain(): T[] {
    return [...this.#lanes.camera.splice(0), ...this.#lanes.request.splice(0)];
  }

  #chooseLane(): Lane {
    const { camera, request } = this.#lanes;
    if (camera.length === 0) return 'request';
    if (request.length === 0) return 'camera';
    if (!this.#options.camerasFirst) return this.#next;
    return this.#options.clock() - this.#lastRequestMs >= REQUEST_INTERVAL_MS ? 'request' : 'camera';
  }
}
