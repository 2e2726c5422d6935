// Distinguishes slow work from work that has stopped, using counters only.
import { describeError } from '../errors.js';
import type { Clock } from '../domain/time.js';

export interface HeartbeatState {
  healthy: boolean;
  /** Reason for people where it is not healthy; contains no secret. */
  reason?: string;
}

/** Work that must make progress for the service to be useful. */
export interface Heartbeat {
  readonly name: string;
  /** Compares the counters with those of the call before. Called at every beat of the watchdog, so it must be quick. */
  check(): HeartbeatState;
}

/** Work that is done one piece after the other: by a worker thread, by the store, by the analysis of a camera. */
export interface WorkLane {
  /** Name of the lane among those of its detector. */
  id: string | number;
  /** True while a piece of work is under way or waits. */
  busy: boolean;
  /** Number of pieces that have ended, successful or not. */
  done: number;
  /** Number of pieces that came in, such as the frames of a camera. If none came since the last check, there was nothing to do. */
  fed?: number;
}

export interface StallDetectorParts {
  name: string;
  lanes: () => readonly WorkLane[];
  /** Time without a finished piece after which a busy lane counts as stopped. */
  limitMs: number;
  /** Monotonic, in milliseconds: the wall clock of a device without a battery jumps when it is set. */
  clock: Clock;
}

interface LaneRecord {
  done: number;
  fed: number | undefined;
  sinceMs: number;
}

/** A lane without work is healthy. A lane with work is healthy while a piece ends within the limit. */
export class StallDetector implements Heartbeat {
  readonly #parts: StallDetectorParts;
  #seen = new Map<string | number, LaneRecord>();

  constructor(parts: StallDetectorParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.name;
  }

  check(): HeartbeatState {
    const { lanes, limitMs, clock } = this.#parts;
    let current: readonly WorkLane[];
    try {
      current = lanes();
    } catch (error) {
      return { healthy: false, reason: describeError(error) };
    }
    const nowMs = clock();
    const seen = new Map<string | number, LaneRecord>();
    let stalled: string | undefined;
    for (const { id, busy, done, fed } of current) {
      const before = this.#seen.get(id);
      const isStill = before !== undefined && before.done === done && (fed === undefined || before.fed !== fed);
      // Only time with work counts.
      const sinceMs = busy && isStill ? before.sinceMs : nowMs;
      if (busy) seen.set(id, { done, fed, sinceMs });
      if (nowMs - sinceMs >= limitMs)
        stalled ??= `${id} has finished nothing for ${Math.round((nowMs - sinceMs) / 1_000)} s`;
    }
    this.#seen = seen;
    return stalled === undefined ? { healthy: true } : { healthy: false, reason: stalled };
  }
}
