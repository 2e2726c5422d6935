// Tells work that goes slowly from work that stands still, by counters alone.
import { describeError } from '../errors.js';
import type { Clock } from '../domain/time.js';

/** `why` for a person, where it is not healthy; no secret. */
export interface Progress {
  healthy: boolean;
  why?: string;
}

/** One thing that must go on for the service to be of use. */
export interface Heartbeat {
  readonly name: string;
  /** Asked at every beat of the watchdog, so it must be quick. */
  progress(): Progress;
}

/** Work in one row: a worker thread, the writes of a store, the analyses of a camera. */
export interface Lane {
  /** Says which one it is, among those of a detector. */
  id: string | number;
  /** Whether anything is under way or waits. */
  busy: boolean;
  /** Grows with every piece of work that ends, well or not. */
  done: number;
  /** Grows with what comes in, such as the frames of a camera; where nothing came since the last look, there was nothing to do. */
  fed?: number;
}

export interface StallDetectorParts {
  name: string;
  lanes: () => readonly Lane[];
  /** A lane that is busy for so long without any end of work stands still. */
  limitMs: number;
  /** Monotonic, milliseconds: the wall clock of a device without a battery jumps when it is set. */
  clock: Clock;
}

interface Seen {
  done: number;
  fed: number | undefined;
  sinceMs: number;
}

/** A lane without work is healthy; so is one that works, however slowly, as long as something ends within the limit. */
export class StallDetector implements Heartbeat {
  readonly #parts: StallDetectorParts;
  #seen = new Map<string | number, Seen>();

  constructor(parts: StallDetectorParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.name;
  }

  progress(): Progress {
    const { lanes, limitMs, clock } = this.#parts;
    let current: readonly Lane[];
    try {
      current = lanes();
    } catch (error) {
      return { healthy: false, why: describeError(error) };
    }
    const nowMs = clock();
    const seen = new Map<string | number, Seen>();
    let stalled: string | undefined;
    for (const { id, busy, done, fed } of current) {
      const before = this.#seen.get(id);
      const isStill = before !== undefined && before.done === done && (fed === undefined || before.fed !== fed);
      // Time without work does not count.
      const sinceMs = busy && isStill ? before.sinceMs : nowMs;
      if (busy) seen.set(id, { done, fed, sinceMs });
      if (nowMs - sinceMs >= limitMs)
        stalled ??= `${id} has finished nothing for ${Math.round((nowMs - sinceMs) / 1_000)} s`;
    }
    this.#seen = seen;
    return stalled === undefined ? { healthy: true } : { healthy: false, why: stalled };
  }
}
