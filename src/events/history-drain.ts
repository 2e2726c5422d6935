// Moves the history from the event log into one connection, in order, with a limited number of messages without a PUBACK.
import { systemTimers, type Timers } from '../domain/time.js';
import { Drain } from './drain.js';
import type { HistoryRecord, HistorySource } from './history.js';
import type { LiveFate } from './live-lane.js';
import type { SendWindow } from './send-window.js';

/** How a record of the history was settled: its event was live in time, it was late, or it is missing (each number of a gap counts). */
export type HistoryOutcome = 'inTime' | 'late' | 'gap';

export interface HistoryDrainOptions {
  source: HistorySource;
  window: SendWindow;
  /** Returns what became of an event on its live topic. The history waits for an event whose fate is still open. */
  readFate: (sequence: number) => LiveFate;
  /** Starts a publish. `acknowledged` resolves with the PUBACK, and rejects when there will be none; `bytes` count in the window. */
  publish: (record: HistoryRecord, late: boolean) => { bytes: number; acknowledged: Promise<void> };
  /** Called once for each record that is settled. */
  onSettled: (outcome: HistoryOutcome, count: number) => void;
  /** Called after each PUBACK: a place in the window is free. */
  onAcknowledged: () => void;
  timers?: Timers;
}

interface PublishedRecord {
  sequence: number;
  outcome: HistoryOutcome;
  count: number;
  isAcknowledged: boolean;
}

/** Greatest number of records that are read at once, and of records that are published and not settled yet. */
const MAX_READ = 32;
/** Longest time after which an open fate is read again, whatever the clock says. */
const MAX_RECHECK_MS = 1_000;

/**
 * Starts at the oldest record that is not settled. A record is settled when it and all records before it have their PUBACK. Records
 * without a PUBACK at the end of a connection are published again by the drain of the next connection.
 */
export class HistoryDrain extends Drain {
  readonly #options: HistoryDrainOptions;
  readonly #timers: Timers;
  /** Records that were read and not published yet. */
  #records: HistoryRecord[] = [];
  /** Records that were published and are not settled yet, in the order of their sequence. */
  readonly #published: PublishedRecord[] = [];
  /** Sequence number of the last record that was published. */
  #cursor = 0;
  #timer: unknown;

  constructor(options: HistoryDrainOptions) {
    super();
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  override async run(): Promise<void> {
    try {
      await super.run();
    } finally {
      this.#timers.clearTimeout(this.#timer);
    }
  }

  protected async advance(): Promise<boolean> {
    const isCaughtUp = await this.#publishAll();
    return isCaughtUp && this.#published.length === 0;
  }

  /** Publishes records while the window has room. @returns true when the source has no more records */
  async #publishAll(): Promise<boolean> {
    const { source, window } = this.#options;
    while (!this.hasFailed && window.historyIsFree && this.#published.length < MAX_READ) {
      const [next] = this.#records;
      if (!next) {
        this.#records = await source.read(this.#cursor, MAX_READ);
        if (this.#records.length === 0) return true;
        // During the read a live event may have taken the place in the window: check again.
        continue;
      }
      if (!this.#tryPublish(next)) return false;
      this.#records.shift();
    }
    return false;
  }

  /** Publishes a record. @returns false when it has to wait for the fate of its live event */
  #tryPublish(record: HistoryRecord): boolean {
    const { window, readFate, publish, onAcknowledged } = this.#options;
    const fate: LiveFate = 'gap' in record ? { state: 'late' } : readFate(record.sequence);
    if (fate.state === 'open') {
      this.#wakeAfter(fate.untilMs);
      return false;
    }
    const isLate = fate.state === 'late';
    const outcome = 'gap' in record ? 'gap' : isLate ? 'late' : 'inTime';
    const count = 'gap' in record ? record.gap.to - record.gap.from + 1 : 1;
    const published: PublishedRecord = { sequence: record.sequence, outcome, count, isAcknowledged: false };
    this.#cursor = record.sequence;
    this.#published.push(published);
    const { bytes, acknowledged } = publish(record, isLate);
    const release = window.takeHistory(bytes);
    acknowledged
      .then(() => this.#settle(published))
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        release();
        this.wake();
        onAcknowledged();
      });
    return true;
  }

  #wakeAfter(openMs: number): void {
    this.#timers.clearTimeout(this.#timer);
    const delayMs = Math.min(MAX_RECHECK_MS, Math.max(1, Math.ceil(openMs)));
    this.#timer = this.#timers.setTimeout(() => this.wake(), delayMs);
  }

  #settle(acknowledged: PublishedRecord): void {
    // After a failure a PUBACK does not count: the next drain starts from what is settled.
    if (this.hasFailed) return;
    acknowledged.isAcknowledged = true;
    let settled: number | undefined;
    for (let [first] = this.#published; first?.isAcknowledged; [first] = this.#published) {
      this.#published.shift();
      settled = first.sequence;
      this.#options.onSettled(first.outcome, first.count);
    }
    if (settled !== undefined) this.#options.source.settle(settled);
  }
}
