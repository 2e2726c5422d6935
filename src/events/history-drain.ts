// Moves the history from the event log into one connection, in order, with a limited number of messages without a PUBACK.
import { systemTimers, type Timers } from '../domain/time.js';
import { Backoff } from '../platform/backoff.js';
import { Drain } from './drain.js';
import type { HistoryRecord, HistorySource } from './history.js';
import type { LiveFate } from './live-lane.js';
import type { SendWindow } from './send-window.js';

/** How a record of the history was settled: its event was live in time, it was late, or it is missing (each number of a gap counts). */
export type HistoryOutcome = 'inTime' | 'late' | 'gap';

/**
 * `taken`: the broker took the record, or what stands for it; `isGap` says that this was a gap. `blocked`: the broker takes nothing on the
 * topic now.
 */
export type HistoryReceipt = { state: 'taken'; isGap: boolean } | { state: 'blocked' };

export interface HistorySending {
  /** Bytes that count in the window. */
  bytes: number;
  /** True when the message takes no place in the window, because it is not on the connection of everything else. */
  isAside: boolean;
  /** Rejects when the connection ends before there is an answer. */
  receipt: Promise<HistoryReceipt>;
}

export interface HistoryDrainOptions {
  source: HistorySource;
  window: SendWindow;
  /** Returns what became of an event on its live topic. The history waits for an event whose fate is still open. */
  readFate: (sequence: number) => LiveFate;
  /** Starts a publish. */
  publish: (record: HistoryRecord, late: boolean) => HistorySending;
  /** Returns whether a record may have ended a connection: it is then sent while no other record waits for its answer. */
  isSuspect?: (sequence: number) => boolean;
  /** Called once for each record that is settled. */
  onSettled: (outcome: HistoryOutcome, count: number) => void;
  /** Called after each answer: a place in the window is free. */
  onAcknowledged: () => void;
  timers?: Timers;
}

interface PublishedRecord {
  record: HistoryRecord;
  isLate: boolean;
  outcome: HistoryOutcome;
  count: number;
  isAcknowledged: boolean;
}

/** Greatest number of records that are read at once, and of records that are published and not settled yet. */
const MAX_READ = 32;
/** Longest time after which an open fate is read again, whatever the clock says. */
const MAX_RECHECK_MS = 1_000;
/** First and longest pause after a broker that takes nothing on the topic. */
const BLOCKED_FIRST_MS = 1_000;
const BLOCKED_MAX_MS = 60_000;

/**
 * Starts at the oldest record that is not settled. A record is settled when it and all records before it have their PUBACK. Records
 * without a PUBACK at the end of a connection are published again by the drain of the next connection.
 */
export class HistoryDrain extends Drain {
  readonly #options: HistoryDrainOptions;
  readonly #timers: Timers;
  readonly #backoff = new Backoff({ firstMs: BLOCKED_FIRST_MS, maxMs: BLOCKED_MAX_MS, random: () => 0 });
  /** Records that were read and not published yet. */
  #records: HistoryRecord[] = [];
  /** Records that were published and are not settled yet, in the order of their sequence. */
  readonly #published: PublishedRecord[] = [];
  /** Those among them that the broker did not take, and that are published again after a pause. */
  readonly #blocked = new Set<PublishedRecord>();
  /** Number of records that wait for their answer. */
  #waiting = 0;
  /** True while a suspect waits for its answer: nothing else is published. */
  #isCareful = false;
  #isPausing = false;
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
    if (this.#blocked.size > 0) {
      this.#publishBlocked();
      // What a broker does not take cannot be waited for at the end.
      return this.#waiting === 0;
    }
    const isCaughtUp = await this.#publishAll();
    return isCaughtUp && this.#published.length === 0;
  }

  /** Publishes records while the window has room. @returns true when the source has no more records */
  async #publishAll(): Promise<boolean> {
    const { source, window } = this.#options;
    while (!this.hasFailed && !this.#isHeld && window.historyIsFree && this.#published.length < MAX_READ) {
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

  get #isHeld(): boolean {
    return this.#isCareful || this.#blocked.size > 0;
  }

  /** Publishes a record. @returns false when it has to wait for the fate of its live event, or until nothing else waits for an answer */
  #tryPublish(record: HistoryRecord): boolean {
    const { readFate, isSuspect } = this.#options;
    const fate: LiveFate = 'gap' in record ? { state: 'late' } : readFate(record.sequence);
    if (fate.state === 'open') {
      this.#wakeAfter(Math.min(MAX_RECHECK_MS, fate.untilMs));
      return false;
    }
    if (isSuspect?.(record.sequence)) {
      if (this.#waiting > 0) return false;
      this.#isCareful = true;
    }
    const isLate = fate.state === 'late';
    const outcome = 'gap' in record ? 'gap' : isLate ? 'late' : 'inTime';
    const count = 'gap' in record ? record.gap.to - record.gap.from + 1 : 1;
    const published: PublishedRecord = { record, isLate, outcome, count, isAcknowledged: false };
    this.#cursor = record.sequence;
    this.#published.push(published);
    this.#publish(published);
    return true;
  }

  #publish(published: PublishedRecord): void {
    const { window, publish, onAcknowledged } = this.#options;
    const { bytes, isAside, receipt } = publish(published.record, published.isLate);
    const release = isAside ? undefined : window.takeHistory(bytes);
    this.#waiting++;
    receipt
      .then((answer) => this.#receive(published, answer))
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        release?.();
        this.#waiting--;
        if (this.#waiting === 0) this.#isCareful = false;
        this.wake();
        onAcknowledged();
      });
  }

  /** Publishes the first record that the broker did not take, when the pause is over. */
  #publishBlocked(): void {
    const [first] = this.#blocked;
    if (this.hasFailed || !first || this.#isPausing || this.#waiting > 0 || !this.#options.window.historyIsFree) return;
    this.#publish(first);
  }

  #receive(published: PublishedRecord, answer: HistoryReceipt): void {
    // After a failure a PUBACK does not count: the next drain starts from what is settled.
    if (this.hasFailed) return;
    if (answer.state === 'blocked') {
      this.#block(published);
      return;
    }
    this.#blocked.delete(published);
    this.#backoff.reset();
    if (answer.isGap) published.outcome = 'gap';
    published.isAcknowledged = true;
    this.#settle();
  }

  #block(published: PublishedRecord): void {
    this.#blocked.add(published);
    // The records that follow may be answered earlier: the oldest one is tried first.
    const inOrder = this.#published.filter((one) => this.#blocked.has(one));
    this.#blocked.clear();
    for (const one of inOrder) this.#blocked.add(one);
    if (this.#isPausing) return;
    this.#isPausing = true;
    this.#timers.clearTimeout(this.#timer);
    this.#timer = this.#timers.setTimeout(() => {
      this.#isPausing = false;
      this.wake();
    }, this.#backoff.next());
  }

  #wakeAfter(delayMs: number): void {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = this.#timers.setTimeout(() => this.wake(), Math.max(1, Math.ceil(delayMs)));
  }

  #settle(): void {
    let settled: number | undefined;
    for (let [first] = this.#published; first?.isAcknowledged; [first] = this.#published) {
      this.#published.shift();
      settled = first.record.sequence;
      this.#options.onSettled(first.outcome, first.count);
    }
    if (settled !== undefined) this.#options.source.settle(settled);
  }
}
