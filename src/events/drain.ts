// Moves events from the outbox into one connection, in order, with a bounded number of them on the way.
import type { Clock } from '../domain/time.js';
import { deliveriesOf, type Delivery } from './delivery.js';
import type { EventSource } from './outbox.js';
import { WakeSignal } from './wake-signal.js';

export type Outcome = 'published' | 'expired' | 'unreadable';

export interface DrainOptions {
  source: EventSource;
  /** Resolves with the broker's PUBACK, rejects when there will be none. */
  publish: (delivery: Delivery) => Promise<void>;
  /** At most so many events await their PUBACK. */
  window: number;
  clock: Clock;
  /** Once for each event that is done with. */
  onSettled: (outcome: Outcome) => void;
}

interface Entry {
  sequence: number;
  outcome: Outcome;
  /** Deliveries without a PUBACK. */
  open: number;
}

/** Late events take no place in the window: a long backlog of them is read in stretches of this. */
const EXPIRED_STRETCH = 256;
/** Events held at once, those that are done but stand behind one without its PUBACK included. */
const MAX_ENTRIES = 1_024;

/**
 * One drain belongs to one connection and starts at the oldest event that is not settled. An event is settled when it and all before it
 * have their PUBACK; what had none when the connection ended is published again, once, by the next connection's drain.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #signal = new WakeSignal();
  /** In the order of the sequence. */
  readonly #entries: Entry[] = [];
  #awaitingAck = 0;
  #cursor = 0;
  #finishing = false;
  #failure: { error: unknown } | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Resolves after `finish` when nothing is left; rejects with the first failure, its own or one of `fail`. */
  async run(): Promise<void> {
    for (;;) {
      const caughtUp = await this.#fill();
      if (this.#failure) throw this.#failure.error;
      if (this.#finishing && caughtUp && this.#entries.length === 0) return;
      await this.#signal.wait();
    }
  }

  /** There may be something new in the source. */
  wake(): void {
    this.#signal.notify();
  }

  finish(): void {
    this.#finishing = true;
    this.#signal.notify();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#signal.notify();
  }

  /** True when the source had nothing more. */
  async #fill(): Promise<boolean> {
    const { source, window } = this.#options;
    let stretch = 0;
    while (!this.#failure && this.#awaitingAck < window && this.#entries.length < MAX_ENTRIES) {
      const places = window - this.#awaitingAck;
      const batch = await source.read(this.#cursor, Math.max(places, stretch));
      if (batch.length === 0) return true;
      const startedAt = this.#awaitingAck;
      for (const { sequence, event } of batch) {
        if (this.#failure || this.#awaitingAck >= window) break;
        this.#cursor = sequence;
        const deliveries = event ? deliveriesOf(event, this.#options.clock()) : [];
        this.#start(sequence, deliveries, event ? 'expired' : 'unreadable');
      }
      stretch = this.#awaitingAck === startedAt ? EXPIRED_STRETCH : 0;
      this.#settle();
    }
    return false;
  }

  #start(sequence: number, deliveries: readonly Delivery[], outcomeOfNone: Outcome): void {
    const entry: Entry = {
      sequence,
      outcome: deliveries.length === 0 ? outcomeOfNone : 'published',
      open: deliveries.length,
    };
    this.#entries.push(entry);
    if (entry.open === 0) return;
    this.#awaitingAck++;
    for (const delivery of deliveries) {
      this.#options.publish(delivery).then(
        () => this.#acknowledge(entry),
        (error: unknown) => this.fail(error),
      );
    }
  }

  #acknowledge(entry: Entry): void {
    entry.open--;
    // A PUBACK beside a failure does not count: the next drain starts from what is settled.
    if (entry.open > 0 || this.#failure) return;
    this.#awaitingAck--;
    this.#settle();
    this.#signal.notify();
  }

  #settle(): void {
    let settled: number | undefined;
    while (this.#entries.length > 0 && this.#entries[0].open === 0) {
      const entry = this.#entries.shift() as Entry;
      settled = entry.sequence;
      this.#options.onSettled(entry.outcome);
    }
    if (settled !== undefined) this.#options.source.settle(settled);
  }
}
