// The event log: every event is signed, numbered without gaps and stored before it is published, and kept until a bound removes it.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { systemTimers, type Clock, type Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { AppError, describeError } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';
import {
  recognitionEventSchema,
  type EventDraft,
  type EventFilter,
  type EventReader,
  type EventSink,
  type RecognitionEvent,
} from './event.js';
import { readState, stateRecord } from './event-log-state.js';
import { EVENT_KEYS, searchEvents } from './event-records.js';
import type { HistoryRecord, HistorySource } from './history.js';

/** What the event log needs of the store. */
export type EventStore = Pick<SealedStore, 'openSpace' | 'write'>;

export interface EventLogOptions {
  store: EventStore;
  deviceId: string;
  /** The oldest events beyond any of these are removed, settled or not. */
  limits: { maxEvents: number; maxBytes: number; maxAgeHours: number };
  /** Who settles events, each with a mark of its own that outlives a restart; one that is new begins with the next event. */
  consumers: readonly string[];
  sign: (event: Omit<RecognitionEvent, 'keyId' | 'signature'>) => RecognitionEvent;
  clock: Clock;
  log: Log;
  /** Called with stored events, in order, before their emissions resolve. */
  onStored?: (events: readonly RecognitionEvent[]) => void;
  timers?: Timers;
  /** While the clock is not to be trusted, nothing is removed for its age: a leap forward must not empty the log. */
  trust?: TrustGuard;
  /** UUIDs, as node:crypto's randomUUID. */
  newId?: () => string;
}

export interface EventLogStats {
  /** Kept now, and their bytes. */
  stored: number;
  bytes: number;
  /** Events that a bound removed before every consumer had them. */
  dropped: number;
  /** Emissions turned away because too many waited for the disk. */
  refused: number;
}

/** The name it had when it held nothing but what was unpublished; the records of that time are read as they are. */
const SPACE = 'outbox';
/** At most so many emissions wait for the disk. */
const MAX_WAITING = 1_000;
/** Removals in one batch, where not more is added by it. */
const REMOVE_CHUNK = 100;

const draftSchema = recognitionEventSchema.omit({
  version: true,
  eventId: true,
  sequence: true,
  deviceId: true,
  keyId: true,
  signature: true,
});

interface Waiting {
  draft: EventDraft;
  resolve: (event: RecognitionEvent) => void;
  reject: (error: unknown) => void;
}

/**
 * The stored events are the numbers after `removed` up to `last`. These, the bytes and the marks of the consumers are written in the
 * batch that changes the events, so that neither a crash nor a refused write can make a gap or use a number twice.
 */
export class EventLog implements Part, EventSink, EventReader {
  readonly name = 'event-log';
  readonly #options: EventLogOptions;
  readonly #timers: Timers;
  readonly #waiting: Waiting[] = [];
  /** As far as this process knows … */
  readonly #marks = new Map<string, number>();
  /** … and whether the disk knows that as well. */
  #marksAreOnDisk = true;
  #space: Space | undefined;
  #running = false;
  #writer: Promise<void> | undefined;
  /** The newest number that was given. */
  #last = 0;
  /** Everything up to here is removed, or about to be … */
  #removed = 0;
  /** … and is gone from the disk. */
  #removedOnDisk = 0;
  #bytes = 0;
  #ageIsDue = false;
  #oldestIsOld = false;
  #ageTimer: unknown;
  #dropped = 0;
  #refused = 0;
  #storeFailure: string | undefined;

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Reads no event, however many there are. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
  async start(): Promise<void> {
    this.#space = await this.#options.store.openSpace(SPACE);
    await this.#readState(this.#space);
    for (const consumer of this.#options.consumers) {
      if (this.#marks.has(consumer)) continue;
      this.#marks.set(consumer, this.#last);
      this.#marksAreOnDisk = false;
    }
    this.#running = true;
    this.#ageIsDue = true;
    this.#keepCount();
    // Not awaited: what a bound has to remove may be much.
    void this.#write();
    this.#watchAge();
  }

  /** Waits for what is being stored; later emissions are refused. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#timers.clearTimeout(this.#ageTimer);
    await this.#write();
  }

  /**
   * @throws AppError STOPPED; STORE_UNAVAILABLE: not stored, no number used; SERVER_BUSY: too many wait for the disk
   * @throws TypeError for a draft that is no event
   */
  async emit(draft: EventDraft): Promise<RecognitionEvent> {
    if (!this.#running) throw new AppError('STOPPED', 'the event log is not running');
    const checked = draftSchema.safeParse(draft);
    if (!checked.success) throw new TypeError(`not an event: ${z.prettifyError(checked.error)}`);
    if (this.#waiting.length >= MAX_WAITING) {
      this.#refused++;
      throw new AppError('SERVER_BUSY', 'too many events wait for the disk');
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ draft: checked.data, resolve, reject });
      void this.#write();
    });
  }

  /** As EventReader says; a page may hold less than its limit, and even nothing, and still not be the last: one call looks at 5,000 events. */
  async recent(filter: EventFilter): Promise<{ events: RecognitionEvent[]; before?: number }> {
    return searchEvents(this.#opened, { after: this.#removed, last: this.#last }, filter);
  }

  /** @param consumer one of those in the options */
  source(consumer: string): HistorySource {
    return {
      read: (after, limit) => this.#read(consumer, after, limit),
      settle: (through) => this.#settle(consumer, through),
    };
  }

  /** The newest events that this consumer has not settled, at most so many, in order. */
  async newest(consumer: string, limit: number): Promise<RecognitionEvent[]> {
    const records = await this.#read(consumer, this.#last - limit, limit);
    return records.flatMap((record) => ('event' in record ? [record.event] : []));
  }

  /** Events that this consumer has not settled, those that were removed not among them. */
  pending(consumer: string): number {
    return this.#last - Math.max(this.#markOf(consumer), this.#removed);
  }

  stats(): EventLogStats {
    const stored = this.#last - this.#removed;
    return { stored, bytes: this.#bytes, dropped: this.#dropped, refused: this.#refused };
  }

  /** Why the last write failed, until one succeeds. */
  storeFailure(): string | undefined {
    return this.#storeFailure;
  }

  get #opened(): Space {
    if (!this.#space) throw new AppError('STOPPED', 'the event log is not running');
    return this.#space;
  }

  #markOf(consumer: string): number {
    return this.#marks.get(consumer) ?? this.#last;
  }

  async #readState(space: Space): Promise<void> {
    const state = await readState(space);
    if (!state) return;
    this.#last = state.last;
    this.#removed = this.#removedOnDisk = state.removed;
    this.#bytes = state.bytes;
    for (const [consumer, mark] of Object.entries(state.marks)) this.#marks.set(consumer, mark);
  }

  async #read(consumer: string, after: number, limit: number): Promise<HistoryRecord[]> {
    const first = Math.max(after, this.#markOf(consumer)) + 1;
    const from = Math.max(first, this.#removed + 1);
    const count = Math.max(0, Math.min(this.#last, from + limit - 1) - from + 1);
    const records = await Promise.all(Array.from({ length: count }, (_, i) => this.#readOne(from + i)));
    // Some may have been removed while this read was under way.
    const removed = Math.min(this.#removed, this.#last);
    if (removed < first) return records;
    const gap: HistoryRecord = { sequence: removed, gap: { from: first, to: removed, reason: 'removed' } };
    return [gap, ...records.filter(({ sequence }) => sequence > removed)];
  }

  async #readOne(sequence: number): Promise<HistoryRecord> {
    try {
      const value = await this.#opened.get(EVENT_KEYS.encode(sequence));
      if (value) return { sequence, event: JSON.parse(value.toString()) as RecognitionEvent };
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'STORE_CORRUPT')) throw error;
    }
    if (sequence > this.#removed) {
      this.#options.log.error({ sequence }, 'a stored event cannot be read and is passed over');
    }
    return { sequence, gap: { from: sequence, to: sequence, reason: 'unreadable' } };
  }

  #settle(consumer: string, through: number): void {
    if (through <= this.#markOf(consumer)) return;
    this.#marks.set(consumer, Math.min(through, this.#last));
    this.#marksAreOnDisk = false;
    if (this.#running) void this.#write();
  }

  /** One writer at a time: what gathers while a batch is being synced goes into the next one together. Never rejects. */
  #write(): Promise<void> {
    this.#writer ??= this.#writeAll();
    return this.#writer;
  }

  async #writeAll(): Promise<void> {
    // Emissions of one moment share a batch.
    await Promise.resolve();
    while (this.#waiting.length > 0 || !this.#marksAreOnDisk || (this.#running && this.#mustRemove)) {
      const stored = await this.#writeBatch(this.#waiting.splice(0));
      // Marks and removals wait for the next occasion; an emission must not.
      if (!stored && this.#waiting.length === 0) break;
    }
    // In the same turn as the check above: nothing can be added between the two and be forgotten.
    this.#writer = undefined;
  }

  /** False when the store refused. */
  async #writeBatch(group: readonly Waiting[]): Promise<boolean> {
    const { store, log, onStored } = this.#options;
    const last = this.#last + group.length;
    const marksChanged = !this.#marksAreOnDisk;
    this.#marksAreOnDisk = true;
    let events: RecognitionEvent[];
    let removed: number;
    let bytes: number;
    try {
      const space = this.#opened;
      events = group.map(({ draft }, index) => this.#finish(draft, this.#last + 1 + index));
      const values = events.map((event) => Buffer.from(JSON.stringify(event)));
      const found = this.#mustRemove ? await this.#tryOldest(Math.max(REMOVE_CHUNK, group.length)) : [];
      const old = found ?? [];
      if (group.length + old.length === 0 && !marksChanged) return found !== undefined;
      removed = this.#removedOnDisk + old.length;
      bytes = values.reduce((sum, value) => sum + value.length, this.#bytes);
      bytes = removed === last ? 0 : Math.max(0, bytes - old.reduce((sum, size) => sum + size, 0));
      // Before the write: who finds no event there must know why.
      this.#removeThrough(removed);
      const marks = Object.fromEntries(this.#marks);
      await store.write([
        ...events.map((event, index) => space.put(EVENT_KEYS.encode(event.sequence), values[index])),
        ...old.map((_, index) => space.delete(EVENT_KEYS.encode(this.#removedOnDisk + 1 + index))),
        stateRecord(space, { last, removed, bytes, marks }),
      ]);
    } catch (error) {
      this.#marksAreOnDisk = false;
      if (!this.#storeFailure) log.error({ reason: describeError(error) }, 'the event log cannot be written');
      this.#storeFailure = describeError(error);
      const refusal = new AppError('STORE_UNAVAILABLE', 'the event could not be stored', { cause: error });
      for (const { reject } of group) reject(refusal);
      return false;
    }
    this.#storeFailure = undefined;
    this.#last = last;
    this.#removedOnDisk = removed;
    this.#bytes = bytes;
    this.#keepCount();
    onStored?.(events);
    group.forEach(({ resolve }, index) => resolve(events[index]));
    return true;
  }

  get #mustRemove(): boolean {
    return this.#removedOnDisk < this.#last && (this.#ageIsDue || !this.#ageIsAlone);
  }

  /** Neither the count nor the bytes are beyond their bounds. */
  get #ageIsAlone(): boolean {
    return this.#removedOnDisk >= this.#removed && this.#bytes <= this.#options.limits.maxBytes;
  }

  /** A disk that cannot be read is no reason to refuse an emission. @returns undefined then */
  async #tryOldest(limit: number): Promise<number[] | undefined> {
    try {
      return await this.#oldest(limit);
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'old events cannot be read to be removed');
      return undefined;
    }
  }

  /** Bytes of the oldest events that are to go, at most so many. What cannot be read counts as none. */
  async #oldest(limit: number): Promise<number[]> {
    const { limits, clock, trust } = this.#options;
    const first = this.#removedOnDisk + 1;
    const isMany = this.#bytes > limits.maxBytes || (this.#ageIsDue && this.#oldestIsOld);
    // The oldest alone tells whether any is too old.
    const wanted = isMany ? limit : Math.min(limit, Math.max(1, this.#removed - this.#removedOnDisk));
    const count = Math.min(wanted, this.#last - this.#removedOnDisk);
    // Before the first wait: it may be due again meanwhile.
    this.#ageIsDue = false;
    const isClockRight = trust?.problem() === undefined;
    const tooOldMs = isClockRight ? clock() - limits.maxAgeHours * 3_600_000 : -Infinity;
    const found = await Promise.all(Array.from({ length: count }, (_, i) => this.#sizeOf(first + i)));
    const sizes: number[] = [];
    let bytes = this.#bytes;
    for (const [index, { size, decidedAtMs }] of found.entries()) {
      const isTooOld = decidedAtMs < tooOldMs;
      this.#oldestIsOld = isTooOld;
      if (first + index > this.#removed && bytes <= limits.maxBytes && !isTooOld) return sizes;
      bytes -= size;
      sizes.push(size);
    }
    // There may be more of them behind.
    if (this.#oldestIsOld) this.#ageIsDue = true;
    return sizes;
  }

  async #sizeOf(sequence: number): Promise<{ size: number; decidedAtMs: number }> {
    try {
      const value = await this.#opened.get(EVENT_KEYS.encode(sequence));
      if (!value) return { size: 0, decidedAtMs: 0 };
      const { decidedAt } = JSON.parse(value.toString()) as RecognitionEvent;
      return { size: value.length, decidedAtMs: Date.parse(decidedAt) };
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'STORE_CORRUPT')) throw error;
      return { size: 0, decidedAtMs: 0 };
    }
  }

  /** Gives up the oldest events beyond the count; the next batch removes them. */
  #keepCount(): void {
    this.#removeThrough(this.#last - this.#options.limits.maxEvents);
  }

  #removeThrough(sequence: number): void {
    if (sequence <= this.#removed) return;
    const settled = Math.min(...this.#options.consumers.map((consumer) => this.#markOf(consumer)));
    this.#dropped += Math.max(0, sequence - Math.max(this.#removed, settled));
    this.#removed = sequence;
  }

  #watchAge(): void {
    // A tenth of the age, between a second and a minute.
    const delayMs = Math.min(60_000, Math.max(1_000, this.#options.limits.maxAgeHours * 360_000));
    this.#ageTimer = this.#timers.setTimeout(() => {
      if (!this.#running) return;
      this.#ageIsDue = true;
      void this.#write();
      this.#watchAge();
    }, delayMs);
  }

  #finish(draft: EventDraft, sequence: number): RecognitionEvent {
    const { deviceId, newId = randomUUID, sign } = this.#options;
    return sign({ version: 2, eventId: newId(), sequence, deviceId, ...draft });
  }
}
