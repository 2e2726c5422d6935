// The live lane: events on their way to the topics that doors listen to, while they are fresh, and never later.
import type { Clock } from '../domain/time.js';
import { lifeLeftMs, type RecognitionEvent } from './event.js';

/**
 * What became of an event on the live topic. `acknowledged`: the broker took it before its expiry. `late`: it did not, and it will not be
 * sent there any more. `open`: not decided yet, at the latest `untilMs` from now.
 */
export type Fate = { state: 'acknowledged' | 'late' } | { state: 'open'; untilMs: number };

/** An event that shall be published now; one of the two is called, once. */
export interface LiveDelivery {
  event: RecognitionEvent;
  acknowledged(this: void): void;
  /** The connection ended first: it is published again by the next one, if it is fresh then. */
  failed(this: void): void;
}

export interface LiveLaneOptions {
  clock: Clock;
  /** Milliseconds that only go forward, as performance.now: a clock that is set back must not make an event fresh again. */
  monotonic: Clock;
  /** Events that may wait here; the oldest beyond it go to the history only. */
  maxEvents?: number;
  maxBytes?: number;
}

export interface LiveStats {
  /** Acknowledged in time. */
  live: number;
  /** Not acknowledged in time. */
  late: number;
}

interface Entry {
  event: RecognitionEvent;
  bytes: number;
  expiresAtMs: number;
  /** The same on the monotonic clock. */
  deadlineMs: number;
  sent: boolean;
}

/** No message leaves when less of its life is left: the way to the door takes time as well. */
export const EXPIRY_GUARD_MS = 100;
/** Numbers that are remembered while the history does not get on. */
const MAX_ACKNOWLEDGED = 100_000;

/** Outlives the connections; forgets with the process. */
export class LiveLane {
  readonly #options: LiveLaneOptions;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  /** Undecided, by sequence, in order. */
  readonly #open = new Map<number, Entry>();
  /** Acknowledged in time, and not settled in the history yet. */
  readonly #acknowledged = new Set<number>();
  #bytes = 0;
  #live = 0;
  #late = 0;

  constructor(options: LiveLaneOptions) {
    this.#options = options;
    this.#maxEvents = options.maxEvents ?? 1_000;
    this.#maxBytes = options.maxBytes ?? 20_000_000;
  }

  /** In the order of the sequence. */
  add(event: RecognitionEvent): void {
    const expiresAtMs = Date.parse(event.expiresAt);
    const deadlineMs = this.#options.monotonic() + lifeLeftMs(event, this.#options.clock());
    const entry: Entry = { event, bytes: JSON.stringify(event).length, expiresAtMs, deadlineMs, sent: false };
    if (!(this.#leftMs(entry) > 0)) {
      this.#late++;
      return;
    }
    this.#open.set(event.sequence, entry);
    this.#bytes += entry.bytes;
    for (const sequence of this.#open.keys()) {
      if (this.#open.size <= this.#maxEvents && this.#bytes <= this.#maxBytes) return;
      this.#giveUp(sequence);
    }
  }

  /** The next one to be published, marked as under way; undefined when there is none. */
  take(): LiveDelivery | undefined {
    for (const [sequence, entry] of this.#open) {
      if (this.#isOver(entry)) {
        this.#giveUp(sequence);
        continue;
      }
      if (entry.sent) continue;
      entry.sent = true;
      return {
        event: entry.event,
        acknowledged: () => this.#acknowledge(sequence, entry),
        failed: () => {
          entry.sent = false;
        },
      };
    }
    return undefined;
  }

  /** Whether take() would find one. */
  get waiting(): boolean {
    for (const entry of this.#open.values()) if (!entry.sent && !this.#isOver(entry)) return true;
    return false;
  }

  /** Once it is not open any more it stays what it is, until the history settles it. */
  fateOf(sequence: number): Fate {
    if (this.#acknowledged.has(sequence)) return { state: 'acknowledged' };
    const entry = this.#open.get(sequence);
    if (!entry) return { state: 'late' };
    if (!this.#isOver(entry)) return { state: 'open', untilMs: this.#leftMs(entry) };
    this.#giveUp(sequence);
    return { state: 'late' };
  }

  /** The history has everything up to here: nothing of it is published any more. */
  settle(throughSequence: number): void {
    for (const sequence of this.#acknowledged) {
      if (sequence > throughSequence) break;
      this.#acknowledged.delete(sequence);
    }
  }

  stats(): LiveStats {
    return { live: this.#live, late: this.#late };
  }

  #acknowledge(sequence: number, entry: Entry): void {
    if (this.#open.get(sequence) !== entry) return;
    if (this.#isOver(entry)) {
      this.#giveUp(sequence);
      return;
    }
    this.#forget(sequence, entry);
    this.#live++;
    this.#acknowledged.add(sequence);
    for (const oldest of this.#acknowledged) {
      if (this.#acknowledged.size <= MAX_ACKNOWLEDGED) break;
      this.#acknowledged.delete(oldest);
    }
  }

  #giveUp(sequence: number): void {
    const entry = this.#open.get(sequence);
    if (!entry) return;
    this.#forget(sequence, entry);
    this.#late++;
  }

  #forget(sequence: number, entry: Entry): void {
    this.#open.delete(sequence);
    this.#bytes -= entry.bytes;
  }

  /** By either clock; what is under way has until the expiry itself. */
  #isOver(entry: Entry): boolean {
    // Negated, so that a time that cannot be read counts as late.
    return !(this.#leftMs(entry) > 0);
  }

  #leftMs({ expiresAtMs, deadlineMs, sent }: Entry): number {
    const { clock, monotonic } = this.#options;
    return Math.min(expiresAtMs - clock(), deadlineMs - monotonic()) - (sent ? 0 : EXPIRY_GUARD_MS);
  }
}
