// The queues in front of the workers: a lane for each camera and one for the requests, so that requests never delay a camera.
import type { Clock } from '../domain/time.js';
import { CameraLanes } from './camera-lanes.js';

/** `camera`: frames and their crops; `request`: jobs that an API client waits for. */
export type Lane = 'camera' | 'request';

const OTHER: Record<Lane, Lane> = { camera: 'request', request: 'camera' };
/** Where cameras take everything, this often one request is served all the same: a service that has cameras must still be manageable. */
const REQUEST_INTERVAL_MS = 1_000;

export interface JobLanesOptions {
  /** Most jobs that may wait in each lane. */
  capacity: number;
  /** True serves requests only while no camera waits, apart from one request a second. False lets cameras and requests take turns. */
  camerasFirst: boolean;
  /** Monotonic, in milliseconds. */
  clock: Clock;
}

/** Bounded lanes, each served in order. The cameras share their turns by time: see CameraLanes. */
export class JobLanes<T> {
  readonly #options: JobLanesOptions;
  readonly #cameras: CameraLanes<T>;
  readonly #requests: T[] = [];
  #next: Lane = 'camera';
  /** Time at which a request was served last, or had nothing to wait for. */
  #lastRequestMs = -Infinity;

  constructor(options: JobLanesOptions) {
    this.#options = options;
    this.#cameras = new CameraLanes(options.capacity);
  }

  /** Number of jobs that wait in all lanes together. */
  get length(): number {
    return this.#cameras.length + this.#requests.length;
  }

  /** Number of jobs that wait in the lanes of the cameras, or in that of the requests. */
  count(lane: Lane): number {
    return lane === 'camera' ? this.#cameras.length : this.#requests.length;
  }

  /** @param camera id of the camera. Default: the lane of camera jobs that belong to no camera */
  isFull(lane: Lane, camera = ''): boolean {
    return lane === 'camera' ? this.#cameras.isFull(camera) : this.#requests.length >= this.#options.capacity;
  }

  /** @param camera as for isFull */
  push(lane: Lane, job: T, camera = ''): void {
    if (lane === 'camera') return this.#cameras.push(camera, job);
    if (this.#requests.length === 0) this.#lastRequestMs = this.#options.clock();
    this.#requests.push(job);
  }

  /** Removes and returns the job whose turn it is. @param only the lanes that are served. Default: all @returns undefined when there is none */
  shift(only?: Lane): T | undefined {
    const lane = only ?? this.#chooseLane();
    const job = lane === 'camera' ? this.#cameras.shift() : this.#requests.shift();
    if (job === undefined) return undefined;
    this.#next = OTHER[lane];
    if (lane === 'request') this.#lastRequestMs = this.#options.clock();
    return job;
  }

  /** Notes the end of a camera's job. @param tookMs time for which it had a worker @param camera as for isFull */
  end(tookMs: number, camera = ''): void {
    this.#cameras.end(camera, tookMs);
  }

  /** Removes one job, wherever it waits. @returns false where it does not wait */
  remove(job: T): boolean {
    const index = this.#requests.indexOf(job);
    return index >= 0 ? this.#requests.splice(index, 1).length > 0 : this.#cameras.remove(job);
  }

  /** Removes and returns all jobs; those of the cameras come first. */
  drain(): T[] {
    return [...this.#cameras.drain(), ...this.#requests.splice(0)];
  }

  #chooseLane(): Lane {
    if (this.#cameras.length === 0) return 'request';
    if (this.#requests.length === 0) return 'camera';
    if (!this.#options.camerasFirst) return this.#next;
    return this.#options.clock() - this.#lastRequestMs >= REQUEST_INTERVAL_MS ? 'request' : 'camera';
  }
}
