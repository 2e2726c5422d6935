// The event log: each event is signed, numbered without gaps and stored before it is published, and kept until a limit removes it.
import { randomUUID } from 'node:crypto';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { systemTimers, type Clock, type Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { AppError, describeError } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';
import { checkDraft, checkGrounds } from './drafts.js';
import type {
  EventDraft,
  EventFilter,
  EventPage,
  EventReader,
  EventSink,
  OpenedEvent,
  RecognitionEvent,
} from './event.js';
import { putState, readState } from './event-log-state.js';
import { EventChain, hashEvent, NO_HASH, type ChainLink } from './event-chain.js';
import { EVENT_KEYS, GROUNDS_KEYS, readEvent, readGrounds, searchEvents } from './event-records.js';
import { EventRetention, type EventLimits } from './event-retention.js';
import { makeGrounds, type GroundsDraft } from './grounds.js';
import type { EventFeed, Gap, GapReason, HistoryRecord, HistorySource } from './history.js';
import { SetAside, type SetAsideStore } from './set-aside.js';
import type { EventSigner } from './signing.js';

/** The part of the store that the event log uses. */
export type EventStore = Pick<SealedStore, 'openSpace' | 'write'>;

export interface EventLogOptions {
  store: EventStore;
  deviceId: string;
  /** The oldest events beyond any of these limits are removed, whether they are settled or not. */
  limits: EventLimits;
  /** Names of the consumers, which settle events. Each has a mark that outlives a restart; a new consumer starts with the next event. */
  consumers: readonly string[];
  signer: Pick<EventSigner, 'sign' | 'signObject'>;
  clock: Clock;
  log: Log;
  /** Called with stored events, in order, before their emissions resolve. */
  onStored?: (events: readonly RecognitionEvent[]) => void;
  timers?: Timers | undefined;
  /** While the clock cannot be trusted, no event is removed for its age. */
  trust?: TrustGuard | undefined;
  /** Makes UUIDs, as randomUUID of node:crypto. */
  newId?: () => string;
}

export interface EventLogStats {
  /** Number of events that are kept now. */
  stored: number;
  /** Bytes of these events, with their grounds. */
  bytes: number;
  /** Events that a limit removed before every consumer had settled them. */
  dropped: number;
  /** Emissions that were refused because too many waited for the disk. */
  refused: number;
}

/** Label of the space. It comes from the time when the log held only events that were not published yet. */
export const EVENTS_LABEL = 'outbox';
/** Number of emissions that may wait for the disk. */
const MAX_WAITING = 1_000;

/** An emission that waits for the disk. */
interface Emission {
  draft: EventDraft;
  grounds: GroundsDraft | undefined;
  resolve: (event: RecognitionEvent) => void;
  reject: (error: unknown) => void;
}

/**
 * The numbers, the bytes and the marks of the consumers are written in the batch that changes the events. Therefore neither a crash nor a
 * refused write can make a gap or use a number twice.
 */
export class EventLog implements Part, EventSink, EventReader, EventFeed {
  readonly name = 'event-log';
  readonly #options: EventLogOptions;
  readonly #retention: EventRetention;
  readonly #chain = new EventChain();
  readonly #setAside = new SetAside();
  readonly #waiting: Emission[] = [];
  readonly #watchers = new Set<() => void>();
  /** For each consumer, the number up to which it has settled every event. */
  readonly #marks = new Map<string, number>();
  /** False while the disk does not have the current marks. */
  #marksAreOnDisk = true;
  #space: Space | undefined;
  #running = false;
  #writer: Promise<void> | undefined;
  /** The newest sequence number that was used. */
  #last = 0;
  #refused = 0;
  #storeFailure: string | undefined;

  constructor(options: EventLogOptions) {
    this.#options = options;
    const { limits, clock, trust, timers = systemTimers, log } = options;
    const onAgeDue = (): void => void this.#write();
    this.#retention = new EventRetention({ limits, clock, trust, timers, log, onAgeDue });
  }

  /** Reads the state, and no event. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
  async start(): Promise<void> {
    this.#space = await this.#options.store.openSpace(EVENTS_LABEL, { check: 'later' });
    const state = await readState(this.#space);
    if (state) {
      this.#last = state.last;
      this.#retention.update(state);
      for (const [consumer, mark] of Object.entries(state.marks)) this.#marks.set(consumer, mark);
    }
    await this.#chain.load(this.#space, this.#last);
    await this.#setAside.load(this.#space);
    for (const consumer of this.#options.consumers) {
      if (this.#marks.has(consumer)) continue;
      this.#marks.set(consumer, this.#last);
      this.#chain.join(consumer);
      this.#marksAreOnDisk = false;
    }
    this.#running = true;
    this.#retention.startTimer();
    this.#retention.limitCount(this.#last, this.#settledByAll);
    // The first write is not awaited: it may have to remove many events.
    void this.#write();
  }

  /** Refuses new emissions, and waits until the others are stored. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#retention.stopTimer();
    await this.#write();
  }

  /**
   * Stores an event. When it rejects, the event is not stored and no number is used. Grounds that are not valid are left out: a door
   * must not stay shut for them.
   * @throws AppError STOPPED; STORE_UNAVAILABLE: the disk refuses; SERVER_BUSY: too many emissions wait for the disk
   * @throws TypeError for a draft that does not make a valid event
   */
  async emit(draft: EventDraft, grounds?: GroundsDraft): Promise<RecognitionEvent> {
    if (!this.#running) throw new AppError('STOPPED', 'the event log is not running');
    const checked = checkDraft(draft);
    if (this.#waiting.length >= MAX_WAITING) {
      this.#refused++;
      throw new AppError('SERVER_BUSY', 'too many events wait for the disk');
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ draft: checked, grounds: this.#checkGrounds(grounds), resolve, reject });
      void this.#write();
    });
  }

  /**
   * Lists events as EventReader says. One call examines 5,000 events at most: a page may hold fewer events than its limit, even none, and
   * still have a next page.
   */
  async recent(filter: EventFilter): Promise<EventPage> {
    return searchEvents(this.#requireSpace(), { after: this.#retention.removed, last: this.#last }, filter);
  }

  async open(sequence: number): Promise<OpenedEvent | undefined> {
    const space = this.#requireSpace();
    const [found, beside] = await Promise.all([readEvent(space, sequence), readGrounds(space, sequence)]);
    // Earlier versions of Lintel stored events of another shape.
    if (found?.event.version !== 2) return undefined;
    return { event: found.event, grounds: beside?.grounds };
  }

  /** Sequence number of the newest stored event; 0 before the first one. */
  get last(): number {
    return this.#last;
  }

  /** Reads like EventFeed.readAfter. The gaps are not linked. @throws AppError STORE_UNAVAILABLE, STOPPED */
  async readAfter(sequence: number, limit: number): Promise<HistoryRecord[]> {
    const from = Math.max(sequence, this.#retention.removed) + 1;
    const count = Math.max(0, Math.min(this.#last, from + limit - 1) - from + 1);
    const records = await Promise.all(Array.from({ length: count }, (_, i) => this.#readOne(from + i)));
    // Events may have been removed during the read.
    const removed = Math.min(this.#retention.removed, this.#last);
    if (removed <= sequence) return records;
    const gap: HistoryRecord = { sequence: removed, gap: makeGap(sequence + 1, removed, 'removed') };
    return [gap, ...records.filter((record) => record.sequence > removed)];
  }

  watch(listener: () => void): () => void {
    // One function may be given twice.
    const watcher = (): void => listener();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Returns the log as one consumer reads it. @param consumer one of the consumers in the options */
  source(consumer: string): HistorySource {
    return {
      read: (after, limit) => this.#read(consumer, after, limit),
      settle: (through) => this.#settle(consumer, through),
    };
  }

  /** The events that the broker did not take. */
  get setAside(): SetAsideStore {
    const change = (): void => {
      if (this.#running) void this.#write();
    };
    return {
      list: () => this.#setAside.list(),
      add: (entry) => {
        this.#setAside.add(entry);
        change();
      },
      remove: (sequence) => {
        if (this.#setAside.remove(sequence)) change();
      },
      read: async (sequence) => (await readEvent(this.#requireSpace(), sequence))?.event,
    };
  }

  /** Returns the newest events that a consumer has not settled, in order. @param limit largest number of events */
  async newest(consumer: string, limit: number): Promise<RecognitionEvent[]> {
    const records = await this.#read(consumer, this.#last - limit, limit);
    return records.flatMap((record) => ('event' in record ? [record.event] : []));
  }

  /** Returns the number of stored events that a consumer has not settled. */
  pending(consumer: string): number {
    return this.#last - Math.max(this.#readMark(consumer), this.#retention.removed);
  }

  /** The newest event on the disk. */
  get head(): ChainLink {
    return this.#chain.head;
  }

  stats(): EventLogStats {
    const { removed, bytes, dropped } = this.#retention;
    return { stored: this.#last - removed, bytes, dropped, refused: this.#refused };
  }

  /** Returns why the last write failed; undefined after a write that succeeded. */
  storeFailure(): string | undefined {
    return this.#storeFailure;
  }

  #checkGrounds(grounds: GroundsDraft | undefined): GroundsDraft | undefined {
    const checked = grounds && checkGrounds(grounds);
    if (!checked || 'grounds' in checked) return checked?.grounds;
    this.#options.log.error({ reason: checked.problem }, 'an event is stored without its grounds: they are not valid');
    return undefined;
  }

  #requireSpace(): Space {
    if (!this.#space) throw new AppError('STOPPED', 'the event log is not running');
    return this.#space;
  }

  #readMark(consumer: string): number {
    return this.#marks.get(consumer) ?? this.#last;
  }

  /** The number up to which every consumer has settled its events. */
  get #settledByAll(): number {
    return Math.min(...this.#options.consumers.map((consumer) => this.#readMark(consumer)));
  }

  async #read(consumer: string, after: number, limit: number): Promise<HistoryRecord[]> {
    return this.#chain.link(consumer, await this.readAfter(Math.max(after, this.#readMark(consumer)), limit));
  }

  async #readOne(sequence: number): Promise<HistoryRecord> {
    const found = await readEvent(this.#requireSpace(), sequence);
    if (found) return { sequence, event: found.event };
    if (sequence > this.#retention.removed) {
      this.#options.log.error({ sequence }, 'a stored event cannot be read: the history declares it missing');
    }
    return { sequence, gap: makeGap(sequence, sequence, 'unreadable') };
  }

  #settle(consumer: string, through: number): void {
    if (through <= this.#readMark(consumer)) return;
    this.#marks.set(consumer, Math.min(through, this.#last));
    this.#chain.settle(consumer, Math.min(through, this.#last));
    this.#marksAreOnDisk = false;
    if (this.#running) void this.#write();
  }

  /** Starts the one writer. Emissions that arrive while a batch is being written go into the next batch together. Never rejects. */
  #write(): Promise<void> {
    this.#writer ??= this.#writeAll();
    return this.#writer;
  }

  async #writeAll(): Promise<void> {
    // Emissions of the same moment share a batch.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#hasUnwritten || (this.#running && this.#retention.isDue(this.#last))) {
      const isStored = await this.#writeBatch(this.#waiting.splice(0));
      // After a failure marks and removals wait for the next occasion; an emission does not.
      if (!isStored && this.#waiting.length === 0) break;
    }
    // Nothing is awaited since the check above, so that no emission can be added in between and be forgotten.
    this.#writer = undefined;
  }

  /** True while the disk does not have the current marks, or what was set aside. */
  get #hasUnwritten(): boolean {
    return !this.#marksAreOnDisk || this.#setAside.hasChanges;
  }

  /** Writes the emissions, the removals and the marks in one batch. @returns false when the store refused */
  async #writeBatch(emissions: readonly Emission[]): Promise<boolean> {
    const { store, log, onStored, signer } = this.#options;
    const retention = this.#retention;
    const marksChanged = this.#hasUnwritten;
    let restoreSetAside: (() => void) | undefined;
    this.#marksAreOnDisk = true;
    const stored: { event: RecognitionEvent; resolve: Emission['resolve'] }[] = [];
    const puts: { key: Buffer; value: Buffer }[] = [];
    const last = this.#last + emissions.length;
    let removed: number;
    let bytes: number;
    let { head } = this.#chain;
    try {
      const space = this.#requireSpace();
      for (const { draft, grounds, resolve } of emissions) {
        const event = this.#complete(draft, head);
        const { sequence } = event;
        head = { sequence, hash: hashEvent(event) };
        stored.push({ event, resolve });
        puts.push({ key: EVENT_KEYS.encode(sequence), value: encodeJson(event) });
        if (!grounds) continue;
        const beside = makeGrounds(grounds, event, head.hash, signer.signObject);
        puts.push({ key: GROUNDS_KEYS.encode(sequence), value: encodeJson(beside) });
      }
      const found = retention.isDue(this.#last) ? await retention.findOldest(space, this.#last, stored.length) : [];
      const oldest = found ?? [];
      if (puts.length + oldest.length === 0 && !marksChanged) return found !== undefined;
      const { removedOnDisk } = retention;
      removed = removedOnDisk + oldest.length;
      bytes = puts.reduce((sum, { value }) => sum + value.length, retention.bytes);
      bytes = removed === last ? 0 : Math.max(0, bytes - oldest.reduce((sum, size) => sum + size, 0));
      // Before the write: a reader that does not find an event must see that it was removed.
      retention.removeThrough(removed, this.#settledByAll);
      if (oldest.length > 0) this.#setAside.removeThrough(removed);
      const setAside = this.#setAside.takeChanges(space);
      restoreSetAside = setAside.restore;
      const marks = Object.fromEntries(this.#marks);
      await store.write([
        ...puts.map(({ key, value }) => space.put(key, value)),
        ...oldest.flatMap((_, index) =>
          [EVENT_KEYS, GROUNDS_KEYS].map((keys) => space.delete(keys.encode(removedOnDisk + 1 + index))),
        ),
        putState(space, { last, removed, bytes, marks }),
        this.#chain.put(space, head),
        ...setAside.operations,
      ]);
    } catch (error) {
      restoreSetAside?.();
      this.#marksAreOnDisk = false;
      if (!this.#storeFailure) log.error({ reason: describeError(error) }, 'the event log cannot be written');
      this.#storeFailure = describeError(error);
      const refusal = new AppError('STORE_UNAVAILABLE', 'the event could not be stored', { cause: error });
      for (const { reject } of emissions) reject(refusal);
      return false;
    }
    this.#storeFailure = undefined;
    this.#last = last;
    this.#chain.advance(head);
    retention.update({ removed, bytes });
    retention.limitCount(last, this.#settledByAll);
    onStored?.(stored.map(({ event }) => event));
    for (const { event, resolve } of stored) resolve(event);
    if (stored.length > 0) for (const watcher of [...this.#watchers]) watcher();
    return true;
  }

  #complete(draft: EventDraft, { sequence, hash }: ChainLink): RecognitionEvent {
    const { deviceId, newId = randomUUID, signer } = this.#options;
    return signer.sign({ version: 2, eventId: newId(), sequence: sequence + 1, deviceId, previous: hash, ...draft });
  }
}

function encodeJson(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Makes a gap that is not linked yet. */
function makeGap(from: number, to: number, reason: GapReason): Gap {
  return { from, to, reason, previous: NO_HASH };
}
