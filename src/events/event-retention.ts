// The limits of the event log: which of the oldest events are removed, by their number, their bytes and their age.
import type { Log } from '../domain/log.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { describeError } from '../errors.js';
import type { Space } from '../store/sealed-store.js';
import { readEvent, readGrounds } from './event-records.js';

export interface EventLimits {
  maxEvents: number;
  maxBytes: number;
  maxAgeHours: number;
}

export interface EventRetentionOptions {
  limits: EventLimits;
  clock: Clock;
  /** While the clock cannot be trusted, no event is removed for its age: a clock that jumps forward must not empty the log. */
  trust?: TrustGuard | undefined;
  timers: Timers;
  log: Log;
  /** Called when it is time to look for events that are too old. */
  onAgeDue: () => void;
}

/** Number of events that one batch removes at most, unless it adds more. */
const REMOVE_CHUNK = 100;
const HOUR_MS = 3_600_000;

/** The log gives numbers from 1 without gaps; the stored events are those after `removed`. */
export class EventRetention {
  readonly #options: EventRetentionOptions;
  /** Every event up to this number is removed, or will be removed by the next batch. */
  #removed = 0;
  /** Every event up to this number is gone from the disk. */
  #removedOnDisk = 0;
  /** Bytes of the events on the disk, with their grounds. */
  #bytes = 0;
  /** Number of events that were removed before every consumer had settled them. */
  #dropped = 0;
  #ageIsDue = false;
  /** True when the oldest event that was looked at last was too old. */
  #oldestIsOld = false;
  #ageTimer: unknown;

  constructor(options: EventRetentionOptions) {
    this.#options = options;
  }

  get removed(): number {
    return this.#removed;
  }

  get removedOnDisk(): number {
    return this.#removedOnDisk;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Takes over what a batch has written, or what the state record says at a start. */
  update({ removed, bytes }: { removed: number; bytes: number }): void {
    this.#removedOnDisk = removed;
    this.#removed = Math.max(this.#removed, removed);
    this.#bytes = bytes;
  }

  /** Starts to look for events that are too old: now, and then at intervals of a tenth of the age, from a second to a minute. */
  startTimer(): void {
    this.#ageIsDue = true;
    const intervalMs = Math.min(60_000, Math.max(1_000, (this.#options.limits.maxAgeHours * HOUR_MS) / 10));
    const startOne = (): void => {
      this.#ageTimer = this.#options.timers.setTimeout(() => {
        this.#ageIsDue = true;
        this.#options.onAgeDue();
        startOne();
      }, intervalMs);
    };
    startOne();
  }

  stopTimer(): void {
    this.#options.timers.clearTimeout(this.#ageTimer);
  }

  /** Returns whether the next batch must look for events to remove. @param last the newest number */
  isDue(last: number): boolean {
    if (this.#removedOnDisk >= last) return false;
    return this.#ageIsDue || this.#removedOnDisk < this.#removed || this.#bytes > this.#options.limits.maxBytes;
  }

  /** Gives up the oldest events beyond the number that may be kept. The next batch removes them. */
  limitCount(last: number, settled: number): void {
    this.removeThrough(last - this.#options.limits.maxEvents, settled);
  }

  /** Gives up every event up to this number. @param settled the number up to which every consumer has settled its events */
  removeThrough(sequence: number, settled: number): void {
    if (sequence <= this.#removed) return;
    this.#dropped += Math.max(0, sequence - Math.max(this.#removed, settled));
    this.#removed = sequence;
  }

  /**
   * Finds the oldest events that must be removed, those after `removedOnDisk`.
   * @param last the newest number on the disk
   * @param added number of events that the same batch adds
   * @returns the bytes of each; undefined when the disk cannot be read, which is no reason to refuse an event
   */
  async findOldest(space: Space, last: number, added: number): Promise<number[] | undefined> {
    try {
      return await this.#findOldest(space, last, Math.max(REMOVE_CHUNK, added));
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'old events cannot be read, and are not removed yet');
      return undefined;
    }
  }

  async #findOldest(space: Space, last: number, limit: number): Promise<number[]> {
    const { limits, clock, trust } = this.#options;
    const first = this.#removedOnDisk + 1;
    const isMany = this.#bytes > limits.maxBytes || (this.#ageIsDue && this.#oldestIsOld);
    // When only the age may be exceeded, the oldest event alone shows whether any event is too old.
    const wanted = isMany ? limit : Math.min(limit, Math.max(1, this.#removed - this.#removedOnDisk));
    const count = Math.min(wanted, last - this.#removedOnDisk);
    // Before the first await: the timer may set it again meanwhile.
    this.#ageIsDue = false;
    const isClockRight = trust?.problem() === undefined;
    const tooOldMs = isClockRight ? clock() - limits.maxAgeHours * HOUR_MS : -Infinity;
    const found = await Promise.all(Array.from({ length: count }, (_, i) => measureEvent(space, first + i)));
    const sizes: number[] = [];
    let bytes = this.#bytes;
    for (const [index, { size, decidedAtMs }] of found.entries()) {
      const isTooOld = decidedAtMs < tooOldMs;
      this.#oldestIsOld = isTooOld;
      if (first + index > this.#removed && bytes <= limits.maxBytes && !isTooOld) return sizes;
      bytes -= size;
      sizes.push(size);
    }
    // All of them go: the events behind them may be too old as well.
    if (this.#oldestIsOld) this.#ageIsDue = true;
    return sizes;
  }
}

/**
 * Reads the bytes of an event with its grounds, and its time. What cannot be read counts as empty, and an event then as very old.
 */
async function measureEvent(space: Space, sequence: number): Promise<{ size: number; decidedAtMs: number }> {
  const [found, beside] = await Promise.all([readEvent(space, sequence), readGrounds(space, sequence)]);
  return {
    size: (found?.bytes ?? 0) + (beside?.bytes ?? 0),
    decidedAtMs: found ? Date.parse(found.event.decidedAt) : 0,
  };
}
