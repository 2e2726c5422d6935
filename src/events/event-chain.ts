// The chain of the events: each one carries the hash of the one before it, so that nobody can leave one out, add one or change their order.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson } from '../platform/canonical-json.js';
import type { Operation, Space } from '../store/sealed-store.js';
import { readEvent } from './event-records.js';
import type { RecognitionEvent } from './event.js';
import type { HistoryRecord } from './history.js';

/** Stands for the hash of an event that does not exist or that nobody knows: 32 zero bytes. */
export const NO_HASH = 'A'.repeat(43);

/** An event of the chain. */
export interface ChainLink {
  sequence: number;
  /** Hash of the event with this number. */
  hash: string;
}

/** Computes the hash of an event: SHA-256 of its canonical JSON (RFC 8785), with its signature, in base64url. */
export function hashEvent(event: RecognitionEvent): string {
  return createHash('sha256').update(canonicalJson(event)).digest('base64url');
}

/** Returns the hash that the next event repeats: that of the event with its snapshot, also where the snapshot was left out. */
export function readChainHash(event: RecognitionEvent): string {
  return event.snapshotOmitted?.hash ?? hashEvent(event);
}

const KEY = Buffer.from('chain');

const linkSchema = z.strictObject({ sequence: z.int().min(0), hash: z.string().length(43) });
const recordSchema = z.strictObject({
  version: z.literal(1),
  head: linkSchema,
  /** For each consumer, the last event that it has settled. */
  settled: z.record(z.string(), linkSchema),
});

/**
 * The newest event of the chain, and for each consumer the last one that it has settled. Its record is written in the batch that writes the
 * events, so that the chain goes on after a crash.
 */
export class EventChain {
  #head: ChainLink = { sequence: 0, hash: NO_HASH };
  readonly #settled = new Map<string, ChainLink>();
  /** For each consumer, the hashes of the events that it has read and not settled. */
  readonly #read = new Map<string, Map<number, string>>();

  /** The newest event. */
  get head(): ChainLink {
    return this.#head;
  }

  /** Reads the record. @param last the newest sequence number @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT */
  async load(space: Space, last: number): Promise<void> {
    const stored = await space.get(KEY);
    const record = stored && recordSchema.safeParse(JSON.parse(stored.toString())).data;
    for (const [consumer, link] of Object.entries(record?.settled ?? {})) this.#settled.set(consumer, link);
    if (record?.head.sequence === last) {
      this.#head = record.head;
      return;
    }
    // Earlier versions of Lintel wrote events without this record.
    const event = last > 0 ? (await readEvent(space, last))?.event : undefined;
    this.#head = { sequence: last, hash: event ? hashEvent(event) : NO_HASH };
  }

  /** Makes the write of the record with a new head, which becomes valid with `advance`. */
  put(space: Space, head: ChainLink): Operation {
    const settled = Object.fromEntries(this.#settled);
    return space.put(KEY, Buffer.from(JSON.stringify({ version: 1, head, settled })));
  }

  /** The events up to this one are on the disk. */
  advance(head: ChainLink): void {
    this.#head = head;
  }

  /** A consumer starts behind the newest event. */
  join(consumer: string): void {
    this.#settled.set(consumer, this.#head);
  }

  /** Adds to each gap among the records that a consumer has read the hash of the event before it. */
  link(consumer: string, records: readonly HistoryRecord[]): HistoryRecord[] {
    const read = this.#read.get(consumer) ?? new Map<number, string>();
    this.#read.set(consumer, read);
    return records.map((record) => {
      if ('event' in record) {
        read.set(record.sequence, hashEvent(record.event));
        return record;
      }
      const before = record.gap.from - 1;
      const settled = this.#settled.get(consumer);
      const previous = read.get(before) ?? (settled?.sequence === before ? settled.hash : NO_HASH);
      return { ...record, gap: { ...record.gap, previous } };
    });
  }

  /** A consumer has settled everything up to this number. */
  settle(consumer: string, through: number): void {
    const read = this.#read.get(consumer);
    this.#settled.set(consumer, { sequence: through, hash: read?.get(through) ?? NO_HASH });
    for (const sequence of read?.keys() ?? []) if (sequence <= through) read?.delete(sequence);
  }
}
