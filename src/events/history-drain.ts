// Moves the history from the log into one connection, in order, with a bounded part of it on the way.
import { systemTimers, type Timers } from '../domain/time.js';
import type { HistoryRecord, HistorySource } from './history.js';
import type { Fate } from './live-lane.js';
import type { SendWindow } from './send-window.js';
import { WakeSignal } from '../platform/waiting.js';

/** What an event of the history was when it was settled; the numbers of a gap count one by one. */
export type Outcome = 'inTime' | 'late' | 'gap';

export interface HistoryDrainOptions {
  source: HistorySource;
  window: SendWindow;
  /** What became of the event on the live topic; what is not decided yet holds up the history. */
  fateOf: (sequence: number) => Fate;
  /** Resolves with the broker's PUBACK, rejects when there will be none. `bytes`, for the window, are known before. */
  publish: (record: HistoryRecord, late: boolean) => { bytes: number; acknowledged: Promise<void> };
  /** Once for each record that is done with. */
  onSettled: (outcome: Outcome, count: number) => void;
  /** After each PUBACK: places in the window are free. */
  onAcknowledged: () => void;
  timers?: Timers;
}

interface Entry {
  sequence: number;
  outcome: Outcome;
  count: number;
  done: boolean;
}

/** Read at once, and held at once. */
const MAX_READ = 32;
/** A fate that is not decided is looked at again after this, whatever the clock says. */
const LOOK_AGAIN_MS = 1_000;

/**
 * One drain belongs to one connection and starts at the oldest record that is not settled. A record is settled when it and all before it
 * have their PUBACK; what had none when the connection ended is published again by the next connection's drain.
 */
export class HistoryDrain {
  readonly #options: HistoryDrainOptions;
  readonly #timers: Timers;
  readonly #signal = new WakeSignal();
  /** Read, and not published yet. */
  #records: HistoryRecord[] = [];
  /** Published, and not settled yet; in the order of the sequence. */
  readonly #entries: Entry[] = [];
  #cursor = 0;
  #timer: unknown;
  #finishing = false;
  #failure: { error: unknown } | undefined;

  constructor(options: HistoryDrainOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Resolves after `finish` when nothing is left; rejects with the first failure, its own or one of `fail`. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const caughtUp = await this.#fill();
        if (this.#failure) throw this.#failure.error;
        if (this.#finishing && caughtUp && this.#entries.length === 0) return;
        await this.#signal.wait();
      }
    } finally {
      this.#timers.clearTimeout(this.#timer);
    }
  }

  /** There may be something new in the source, a place in the window, or a fate that is decided. */
  wake(): void {
    this.#signal.wake();
  }

  finish(): void {
    this.#finishing = true;
    this.#signal.wake();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#signal.wake();
  }

  /** True when the source had nothing more. */
  async #fill(): Promise<boolean> {
    const { source, window } = this.#options;
    while (!this.#failure && window.historyIsFree && this.#entries.length < MAX_READ) {
      if (this.#records.length === 0) {
        this.#records = await source.read(this.#cursor, MAX_READ);
        if (this.#records.length === 0) return true;
        // The place may be taken meanwhile.
        continue;
      }
      if (!this.#publishNext(this.#records[0])) return false;
      this.#records.shift();
    }
    return false;
  }

  /** False when it has to wait. */
  #publishNext(record: HistoryRecord): boolean {
    const { window, fateOf, publish, onAcknowledged } = this.#options;
    const fate: Fate = 'gap' in record ? { state: 'late' } : fateOf(record.sequence);
    if (fate.state === 'open') {
      this.#lookAgain(fate.untilMs);
      return false;
    }
    const isLate = fate.state === 'late';
    const outcome = 'gap' in record ? 'gap' : isLate ? 'late' : 'inTime';
    const count = 'gap' in record ? record.gap.to - record.gap.from + 1 : 1;
    const entry: Entry = { sequence: record.sequence, outcome, count, done: false };
    this.#cursor = record.sequence;
    this.#entries.push(entry);
    const { bytes, acknowledged } = publish(record, isLate);
    const giveBack = window.takeHistory(bytes);
    acknowledged
      .then(
        () => this.#settle(entry),
        (error: unknown) => this.fail(error),
      )
      .finally(() => {
        giveBack();
        this.#signal.wake();
        onAcknowledged();
      });
    return true;
  }

  #lookAgain(untilMs: number): void {
    this.#timers.clearTimeout(this.#timer);
    const delayMs = Math.min(LOOK_AGAIN_MS, Math.max(1, Math.ceil(untilMs)));
    this.#timer = this.#timers.setTimeout(() => this.#signal.wake(), delayMs);
  }

  #settle(entry: Entry): void {
    // A PUBACK beside a failure does not count: the next drain starts from what is settled.
    if (this.#failure) return;
    entry.done = true;
    let settled: number | undefined;
    while (this.#entries.length > 0 && this.#entries[0].done) {
      const { sequence, outcome, count } = this.#entries.shift() as Entry;
      settled = sequence;
      this.#options.onSettled(outcome, count);
    }
    if (settled !== undefined) this.#options.source.settle(settled);
  }
}
