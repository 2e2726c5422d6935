// The queue in front of the workers: cameras and requests wait in lanes of their own, so that neither starves the other.

/** `camera`: frames and their crops; `request`: jobs that an API client waits for. */
export type Lane = 'camera' | 'request';

const OTHER: Record<Lane, Lane> = { camera: 'request', request: 'camera' };

/**
 * Two bounded lanes. Each is served in order, and they take turns while both hold jobs. A camera has at most one frame in its lane, so the
 * cameras take turns as well, and each frame is the newest one when its turn comes.
 */
export class JobLanes<T> {
  readonly #capacity: number;
  readonly #lanes: Record<Lane, T[]> = { camera: [], request: [] };
  #next: Lane = 'camera';

  /** @param capacity most jobs that may wait in each lane */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Number of jobs that wait in both lanes together. */
  get length(): number {
    return this.#lanes.camera.length + this.#lanes.request.length;
  }

  isFull(lane: Lane): boolean {
    return this.#lanes[lane].length >= this.#capacity;
  }

  push(lane: Lane, job: T): void {
    this.#lanes[lane].push(job);
  }

  /** Removes and returns the job whose turn it is. @returns undefined when both lanes are empty */
  shift(): T | undefined {
    const lane = this.#lanes[this.#next].length > 0 ? this.#next : OTHER[this.#next];
    const job = this.#lanes[lane].shift();
    if (job !== undefined) this.#next = OTHER[lane];
    return job;
  }

  /** Removes and returns all jobs; those of the cameras come first. */
  drain(): T[] {
    return [...this.#lanes.camera.splice(0), ...this.#lanes.request.splice(0)];
  }
}
