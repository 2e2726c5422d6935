// The waiting jobs of the cameras: a lane for each camera, and the same share of the workers' time for each lane that has work.

/**
 * Most time by which a camera may be behind the others. A frame that took very long, such as one that was ended at its limit, must not keep its
 * camera waiting for minutes on a busy device.
 */
const MAX_DEBT_MS = 1_000;
/** Weight of the newest job in the time that a job of a camera is expected to take. */
const NEWEST_WEIGHT = 0.25;

interface CameraLane<T> {
  jobs: T[];
  /** Number of jobs that run. */
  running: number;
  /** Time of the workers that the camera has used, on a scale that all cameras share: the camera with the least one is next. */
  usedMs: number;
  /** Time that a job is expected to take, in milliseconds. */
  expectedMs: number;
}

/**
 * Fair queueing by time (start-time fair queueing): a camera whose frames are slow or crowded pays for its time, and gets fewer turns while
 * others wait. A camera that was idle starts where the present turn is, so that it saves up nothing. Each lane keeps its order and has its own limit.
 */
export class CameraLanes<T> {
  readonly #capacity: number;
  readonly #lanes = new Map<string, CameraLane<T>>();
  /** Lanes with jobs that wait. A turn looks at each: 64 of them take 0.2 µs, a job takes 30 µs of the main thread. */
  readonly #waiting = new Set<CameraLane<T>>();
  #length = 0;
  /** Used time of the lane that was served last. */
  #turnMs = 0;

  /** @param capacity most jobs that may wait in each lane */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Number of jobs that wait in all lanes. */
  get length(): number {
    return this.#length;
  }

  isFull(camera: string): boolean {
    return (this.#lanes.get(camera)?.jobs.length ?? 0) >= this.#capacity;
  }

  push(camera: string, job: T): void {
    let lane = this.#lanes.get(camera);
    if (!lane) this.#lanes.set(camera, (lane = { jobs: [], running: 0, usedMs: 0, expectedMs: 0 }));
    if (lane.jobs.length === 0 && lane.running === 0) lane.usedMs = Math.max(lane.usedMs, this.#turnMs);
    lane.jobs.push(job);
    this.#waiting.add(lane);
    this.#length++;
  }

  /** Removes and returns the job whose turn it is, and charges its lane with the time that it is expected to take. */
  shift(): T | undefined {
    let next: CameraLane<T> | undefined;
    // Of equal lanes, the one that has waited longer comes first.
    for (const lane of this.#waiting) if (!next || lane.usedMs < next.usedMs) next = lane;
    const job = next?.jobs.shift();
    if (!next || job === undefined) return undefined;
    // A lane that has more jobs goes behind the others.
    this.#waiting.delete(next);
    if (next.jobs.length > 0) this.#waiting.add(next);
    this.#turnMs = Math.max(this.#turnMs, next.usedMs);
    next.usedMs += next.expectedMs;
    next.running++;
    this.#length--;
    return job;
  }

  /** Notes the end of a job that `shift` returned. @param tookMs time for which it had a worker */
  end(camera: string, tookMs: number): void {
    const lane = this.#lanes.get(camera);
    if (!lane) return;
    lane.running--;
    // The expected time was charged when the job began.
    lane.usedMs = Math.min(lane.usedMs + tookMs - lane.expectedMs, this.#turnMs + MAX_DEBT_MS);
    lane.expectedMs += (tookMs - lane.expectedMs) * NEWEST_WEIGHT;
  }

  /** Removes a job that waits. @returns false where it does not wait */
  remove(job: T): boolean {
    for (const lane of this.#waiting) {
      const index = lane.jobs.indexOf(job);
      if (index < 0) continue;
      lane.jobs.splice(index, 1);
      if (lane.jobs.length === 0) this.#waiting.delete(lane);
      this.#length--;
      return true;
    }
    return false;
  }

  /** Removes and returns all jobs that wait. */
  drain(): T[] {
    const jobs = [...this.#waiting].flatMap((lane) => lane.jobs.splice(0));
    this.#waiting.clear();
    this.#length = 0;
    return jobs;
  }
}
