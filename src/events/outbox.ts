// The outbox: every event is stored before it is published, numbered without gaps, in order, and bounded by count.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, messageOf } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';
import { recognitionEventSchema, type EventDraft, type EventSink, type RecognitionEvent } from './event.js';

/** What the outbox needs of the store. */
export type OutboxStore = Pick<SealedStore, 'openSpace' | 'write'>;

export interface StoredEvent {
  sequence: number;
  /** Absent where the stored value cannot be read any more: to be passed over, and settled. */
  event?: RecognitionEvent;
}

/** The publisher's side of the outbox. */
export interface EventSource {
  /** Up to `limit` stored events after this sequence number, in order; what is settled or dropped is not among them. */
  read(afterSequence: number, limit: number): Promise<StoredEvent[]>;
  /** Everything up to this sequence number is done with; its removal is not awaited, so a crash may bring it back. */
  settle(throughSequence: number): void;
}

export interface OutboxOptions {
  store: OutboxStore;
  deviceId: string;
  /** The oldest events beyond this are dropped. */
  maxEvents: number;
  log: Log;
  /** UUIDs, as node:crypto's randomUUID. */
  newId?: () => string;
}

export interface OutboxStats {
  /** Stored and neither settled nor dropped. */
  pending: number;
  /** Unpublished events that made room for newer ones. */
  dropped: number;
  /** Emissions turned away because too many waited for the disk. */
  refused: number;
}

const SPACE = 'outbox';
/** At most so many emissions wait for the disk. */
const MAX_WAITING = 1_000;
/** Deletions in one batch. */
const DELETE_CHUNK = 1_000;
const STATE_KEY = Buffer.from('state');

const stateSchema = z.strictObject({ last: z.int().min(0), settled: z.int().min(0) });
const draftSchema = recognitionEventSchema.omit({ version: true, eventId: true, sequence: true, deviceId: true });

interface Waiting {
  draft: EventDraft;
  resolve: (event: RecognitionEvent) => void;
  reject: (error: unknown) => void;
}

/**
 * Events between the decision and the broker. The stored ones are the numbers after `settled` up to `last`; both marks are
 * written in the batch that changes the events, so that neither a crash nor a refused write can make a gap or use a number twice.
 */
export class Outbox implements Part, EventSink, EventSource {
  readonly name = 'outbox';
  readonly #options: OutboxOptions;
  readonly #waiting: Waiting[] = [];
  #space: Space | undefined;
  #running = false;
  #writer: Promise<void> | undefined;
  /** The newest number that was given. */
  #last = 0;
  /** Everything up to here is done with, as far as this process knows … */
  #settled = 0;
  /** … and as far as the disk knows. */
  #settledOnDisk = 0;
  #dropped = 0;
  #refused = 0;
  #storeFailure: string | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
  async start(): Promise<void> {
    this.#space = await this.#options.store.openSpace(SPACE);
    const stored = await this.#space.get(STATE_KEY);
    if (stored) {
      const state = stateSchema.safeParse(JSON.parse(stored.toString()));
      if (!state.success) throw new AppError('STORE_CORRUPT', 'the state of the outbox cannot be read');
      this.#last = state.data.last;
      this.#settled = this.#settledOnDisk = state.data.settled;
    }
    this.#running = true;
    this.#keepBound();
    await this.#write();
  }

  /** Waits for what is being stored; later emissions are refused. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await this.#write();
  }

  /**
   * @throws AppError STOPPED; STORE_UNAVAILABLE: not stored, no number used; SERVER_BUSY: too many wait for the disk
   * @throws TypeError for a draft that is no event
   */
  async emit(draft: EventDraft): Promise<RecognitionEvent> {
    if (!this.#running) throw new AppError('STOPPED', 'the outbox is not running');
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

  async read(afterSequence: number, limit: number): Promise<StoredEvent[]> {
    const first = Math.max(afterSequence, this.#settled) + 1;
    const last = Math.min(this.#last, first + limit - 1);
    const sequences = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
    const stored = await Promise.all(sequences.map((sequence) => this.#readOne(sequence)));
    // Dropped while this read was under way.
    return stored.filter(({ sequence }) => sequence > this.#settled);
  }

  settle(throughSequence: number): void {
    if (throughSequence <= this.#settled) return;
    this.#settled = Math.min(throughSequence, this.#last);
    if (this.#running) void this.#write();
  }

  stats(): OutboxStats {
    return { pending: this.#last - this.#settled, dropped: this.#dropped, refused: this.#refused };
  }

  /** Why the last write failed, until one succeeds. */
  storeFailure(): string | undefined {
    return this.#storeFailure;
  }

  get #opened(): Space {
    if (!this.#space) throw new AppError('STOPPED', 'the outbox is not running');
    return this.#space;
  }

  async #readOne(sequence: number): Promise<StoredEvent> {
    try {
      const value = await this.#opened.get(eventKey(sequence));
      if (value) return { sequence, event: JSON.parse(value.toString()) as RecognitionEvent };
      if (sequence <= this.#settled) return { sequence };
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'STORE_CORRUPT')) throw error;
    }
    this.#options.log.error({ sequence }, 'a stored event cannot be read and is passed over');
    return { sequence };
  }

  /** One writer at a time: what gathers while a batch is being synced goes into the next one together. Never rejects. */
  #write(): Promise<void> {
    this.#writer ??= this.#writeAll();
    return this.#writer;
  }

  async #writeAll(): Promise<void> {
    // Emissions of one moment share a batch.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#settledOnDisk < this.#settled) {
      const stored = await this.#writeBatch(this.#waiting.splice(0));
      // Deletions wait for the next occasion; an emission must not.
      if (!stored && this.#waiting.length === 0) break;
    }
    // In the same turn as the check above: nothing can be added between the two and be forgotten.
    this.#writer = undefined;
  }

  /** False when the store refused. */
  async #writeBatch(group: readonly Waiting[]): Promise<boolean> {
    const { store, log } = this.#options;
    const events = group.map(({ draft }, index) => this.#finish(draft, this.#last + 1 + index));
    const last = this.#last + events.length;
    const settled = Math.min(this.#settled, this.#settledOnDisk + DELETE_CHUNK);
    try {
      const space = this.#opened;
      const done = Array.from({ length: settled - this.#settledOnDisk }, (_, i) => this.#settledOnDisk + 1 + i);
      await store.write([
        ...events.map((event) => space.put(eventKey(event.sequence), Buffer.from(JSON.stringify(event)))),
        ...done.map((sequence) => space.delete(eventKey(sequence))),
        space.put(STATE_KEY, Buffer.from(JSON.stringify({ last, settled }))),
      ]);
    } catch (error) {
      if (!this.#storeFailure) log.error({ reason: messageOf(error) }, 'the outbox cannot be written');
      this.#storeFailure = messageOf(error);
      const refusal = new AppError('STORE_UNAVAILABLE', 'the event could not be stored', { cause: error });
      for (const { reject } of group) reject(refusal);
      return false;
    }
    this.#storeFailure = undefined;
    this.#last = last;
    this.#settledOnDisk = settled;
    this.#keepBound();
    group.forEach(({ resolve }, index) => resolve(events[index]));
    return true;
  }

  /** Drops the oldest events beyond the bound; the next batch deletes them. */
  #keepBound(): void {
    const surplus = this.#last - this.#options.maxEvents - this.#settled;
    if (surplus <= 0) return;
    this.#dropped += surplus;
    this.#settled += surplus;
  }

  #finish(draft: EventDraft, sequence: number): RecognitionEvent {
    const { deviceId, newId = randomUUID } = this.#options;
    return { version: 1, eventId: newId(), sequence, deviceId, ...draft };
  }
}

/** Sixteen digits, so that keys sort as numbers do. */
function eventKey(sequence: number): Buffer {
  return Buffer.from(`event/${String(sequence).padStart(16, '0')}`);
}
