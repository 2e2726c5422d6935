// What the broker did not take: the events that were set aside, on disk until they are sent again or removed.
import * as z from 'zod';
import type { Operation, Space } from '../store/sealed-store.js';
import { makeDecimalSequenceKeys } from '../store/sequence-keys.js';
import { OMISSION_REASONS, type RecognitionEvent } from './event.js';

export const setAsideEntrySchema = z.strictObject({
  /** Number of the event. */
  sequence: z.int().min(1),
  /** `snapshot`: the history has the event without its snapshot. `event`: the history declares it as a gap. */
  what: z.enum(['snapshot', 'event']),
  reason: z.enum(OMISSION_REASONS),
  /** The reason in words. */
  detail: z.string(),
  topic: z.string(),
  /** Size of the whole message, as an MQTT packet. */
  bytes: z.int().min(0),
  /** Largest packet that the broker announced then; absent where it announced none. */
  limitBytes: z.int().optional(),
  /** Time at which it was set aside, epoch milliseconds. */
  atMs: z.number(),
});

export type SetAsideEntry = z.infer<typeof setAsideEntrySchema>;

const KEYS = makeDecimalSequenceKeys('aside/');
/** Number of entries that are kept. Beyond it the oldest ones are dropped: their events stay in the log, and the history declares them. */
const MAX_ENTRIES = 10_000;

/** The entries are in memory as well. Changes are written with the next batch of the event log. */
export class SetAside {
  readonly #entries = new Map<number, SetAsideEntry>();
  /** Numbers whose record on the disk is not the one in memory. */
  #changed = new Set<number>();

  /** Reads the entries. @throws AppError STORE_UNAVAILABLE */
  async load(space: Pick<Space, 'entries'>): Promise<void> {
    for await (const [, value] of space.entries(KEYS.range, () => undefined)) {
      const entry = setAsideEntrySchema.safeParse(JSON.parse(value.toString())).data;
      if (entry) this.#entries.set(entry.sequence, entry);
    }
  }

  /** The entries, oldest event first. */
  list(): SetAsideEntry[] {
    return [...this.#entries.values()].sort((a, b) => a.sequence - b.sequence);
  }

  add(entry: SetAsideEntry): void {
    this.#entries.delete(entry.sequence);
    this.#entries.set(entry.sequence, entry);
    this.#changed.add(entry.sequence);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > MAX_ENTRIES && oldest !== undefined) this.remove(oldest);
  }

  /** @returns false when there is no such entry */
  remove(sequence: number): boolean {
    if (!this.#entries.delete(sequence)) return false;
    this.#changed.add(sequence);
    return true;
  }

  /** Removes the entries of events that the log does not have any more. */
  removeThrough(sequence: number): void {
    for (const number of this.#entries.keys()) if (number <= sequence) this.remove(number);
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** Makes the writes of all changes, which count as written from now on. @returns the function that takes that back */
  takeChanges(space: Pick<Space, 'put' | 'delete'>): { operations: Operation[]; restore: () => void } {
    const changed = this.#changed;
    this.#changed = new Set();
    const operations = [...changed].map((sequence) => {
      const entry = this.#entries.get(sequence);
      const key = KEYS.encode(sequence);
      return entry ? space.put(key, Buffer.from(JSON.stringify(entry))) : space.delete(key);
    });
    return {
      operations,
      restore: () => {
        for (const sequence of changed) this.#changed.add(sequence);
      },
    };
  }
}

/** The events that were set aside, as the publisher uses them. */
export interface SetAsideStore {
  /** Oldest event first. */
  list(): SetAsideEntry[];
  add(entry: SetAsideEntry): void;
  remove(sequence: number): void;
  /** Reads one event of the log. @returns undefined when the log does not have it @throws AppError STORE_UNAVAILABLE */
  read(sequence: number): Promise<RecognitionEvent | undefined>;
}
