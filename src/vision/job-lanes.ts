// What waits for a worker: the cameras' work and the requests in lanes of their own, so that neither starves the other.

/** `camera`: frames and their crops; `request`: what somebody asked for. */
export type Lane = 'camera' | 'request';

const OTHER: Record<Lane, Lane> = { camera: 'request', request: 'camera' };

/**
 * Each lane is bounded, and served in order; while both wait, they take turns. A camera has one frame in it at most, so that in their
 * lane the cameras take turns as well, and each frame is the newest when its turn comes.
 */
export class JobLanes<T> {
  readonly #most: number;
  readonly #lanes: Record<Lane, T[]> = { camera: [], request: [] };
  #next: Lane = 'camera';

  /** @param most that may wait in each */
  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#lanes.camera.length + this.#lanes.request.length;
  }

  isFull(lane: Lane): boolean {
    return this.#lanes[lane].length >= this.#most;
  }

  push(lane: Lane, job: T): void {
    this.#lanes[lane].push(job);
  }

  /** @returns undefined when nothing waits */
  shift(): T | undefined {
    const lane = this.#lanes[this.#next].length > 0 ? this.#next : OTHER[this.#next];
    const job = this.#lanes[lane].shift();
    if (job !== undefined) this.#next = OTHER[lane];
    return job;
  }

  /** Takes out all that waits. */
  drain(): T[] {
    return [...this.#lanes.camera.splice(0), ...this.#lanes.request.splice(0)];
  }
}
