// The live lane: fresh events on their way to the topics that doors listen to. An event that is late does not leave it.
import type { Clock } from '../domain/time.js';
import { computeLifeLeftMs, type RecognitionEvent } from './event.js';

/**
 * Fate of an event on its live topic. `acknowledged`: the broker took it before its expiry. `late`: the broker did not, and the event will
 * not be sent there any more. `open`: not decided yet, but at the latest in `untilMs` milliseconds.
 */
export type LiveFate = { state: 'acknowledged' | 'late' } | { state: 'open'; untilMs: number };

/** An event that must be published now. The caller calls exactly one of the functions, once. */
export interface LiveDelivery {
  event: RecognitionEvent;
  acknowledged(this: void): void;
  /** There was no PUBACK: the event is published again if it is still fresh. */
  failed(this: void): void;
  /** The broker does not take the event: it goes to the history only. */
  refused(this: void): void;
}

export interface LiveLaneOptions {
  clock: Clock;
  /** Milliseconds that never go back, as performance.now: when the clock is set back, an old event must not become fresh again. */
  monotonic: Clock;
  /** Number of events that may wait. Beyond it the oldest events go to the history only. */
  maxEvents?: number;
  /** Like maxEvents, in bytes of JSON. */
  maxBytes?: number;
}

export interface LiveStats {
  /** Events that were acknowledged in time. */
  live: number;
  /** Events that were not acknowledged in time. */
  late: number;
}

interface OpenEvent {
  event: RecognitionEvent;
  bytes: number;
  expiresAtMs: number;
  /** The expiry on the monotonic clock. */
  deadlineMs: number;
  isSent: boolean;
}

/**
 * An event with less life left than this is not sent, because the way to the door takes time as well; of an event that lives for less than a
 * second, with less than a tenth of its life. With the least `eventTtlMs`, 100, no event would ever be sent otherwise.
 */
export const EXPIRY_GUARD_MS = 100;
/** Number of acknowledged events that are remembered while the history is behind. */
const MAX_ACKNOWLEDGED = 100_000;

/** The lane outlives the connections. It is kept in memory only. */
export class LiveLane {
  readonly #options: LiveLaneOptions;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  /** Events whose fate is open, by sequence number and in that order. */
  readonly #open = new Map<number, OpenEvent>();
  /** Sequence numbers of events that were acknowledged in time and are not settled in the history yet. */
  readonly #acknowledged = new Set<number>();
  #bytes = 0;
  #live = 0;
  #late = 0;

  constructor(options: LiveLaneOptions) {
    this.#options = options;
    this.#maxEvents = options.maxEvents ?? 1_000;
    this.#maxBytes = options.maxBytes ?? 20_000_000;
  }

  /** Adds an event. Events must come in the order of their sequence numbers. */
  add(event: RecognitionEvent): void {
    const expiresAtMs = Date.parse(event.expiresAt);
    const deadlineMs = this.#options.monotonic() + computeLifeLeftMs(event, this.#options.clock());
    const open: OpenEvent = { event, bytes: JSON.stringify(event).length, expiresAtMs, deadlineMs, isSent: false };
    if (!this.#isFresh(open)) {
      this.#late++;
      return;
    }
    this.#open.set(event.sequence, open);
    this.#bytes += open.bytes;
    for (const sequence of this.#open.keys()) {
      if (this.#open.size <= this.#maxEvents && this.#bytes <= this.#maxBytes) return;
      this.#giveUp(sequence);
    }
  }

  /** Returns the next event to publish and marks it as sent; undefined when there is none. */
  take(): LiveDelivery | undefined {
    for (const [sequence, open] of this.#open) {
      if (!this.#isFresh(open)) {
        this.#giveUp(sequence);
        continue;
      }
      if (open.isSent) continue;
      open.isSent = true;
      return {
        event: open.event,
        acknowledged: () => this.#acknowledge(sequence, open),
        failed: () => {
          open.isSent = false;
        },
        refused: () => {
          if (this.#open.get(sequence) === open) this.#giveUp(sequence);
        },
      };
    }
    return undefined;
  }

  /** True when take() would return an event. */
  get hasWaiting(): boolean {
    for (const open of this.#open.values()) if (!open.isSent && this.#isFresh(open)) return true;
    return false;
  }

  /** Returns the fate of an event. A fate that is decided does not change until the history settles the event. */
  readFate(sequence: number): LiveFate {
    if (this.#acknowledged.has(sequence)) return { state: 'acknowledged' };
    const open = this.#open.get(sequence);
    if (!open) return { state: 'late' };
    if (this.#isFresh(open)) return { state: 'open', untilMs: this.#leftMs(open) };
    this.#giveUp(sequence);
    return { state: 'late' };
  }

  /** The history has settled everything up to this number, so that the fates of these events are not needed any more. */
  settle(throughSequence: number): void {
    for (const sequence of this.#acknowledged) {
      if (sequence > throughSequence) break;
      this.#acknowledged.delete(sequence);
    }
  }

  stats(): LiveStats {
    return { live: this.#live, late: this.#late };
  }

  #acknowledge(sequence: number, open: OpenEvent): void {
    if (this.#open.get(sequence) !== open) return;
    if (!this.#isFresh(open)) {
      this.#giveUp(sequence);
      return;
    }
    this.#remove(sequence, open);
    this.#live++;
    this.#acknowledged.add(sequence);
    for (const oldest of this.#acknowledged) {
      if (this.#acknowledged.size <= MAX_ACKNOWLEDGED) break;
      this.#acknowledged.delete(oldest);
    }
  }

  #giveUp(sequence: number): void {
    const open = this.#open.get(sequence);
    if (!open) return;
    this.#remove(sequence, open);
    this.#late++;
  }

  #remove(sequence: number, open: OpenEvent): void {
    this.#open.delete(sequence);
    this.#bytes -= open.bytes;
  }

  /** Returns whether an event is still fresh; false for a time that cannot be parsed, because comparisons with NaN are false. */
  #isFresh(open: OpenEvent): boolean {
    return this.#leftMs(open) > 0;
  }

  /** Milliseconds until the event is late, by the stricter of the two clocks. A sent event has until its expiry. */
  #leftMs({ event, expiresAtMs, deadlineMs, isSent }: OpenEvent): number {
    const { clock, monotonic } = this.#options;
    const lifeMs = expiresAtMs - Math.min(Date.parse(event.capturedAt), Date.parse(event.decidedAt));
    const guardMs = Math.min(EXPIRY_GUARD_MS, lifeMs / 10);
    return Math.min(expiresAtMs - clock(), deadlineMs - monotonic()) - (isSent ? 0 : guardMs);
  }
}
