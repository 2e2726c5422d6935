// The state record of the event log on the disk: its numbers, its bytes, and the marks of its consumers.
import * as z from 'zod';
import { AppError } from '../errors.js';
import type { Operation, Space } from '../store/sealed-store.js';
import { EVENT_KEYS } from './event-records.js';

const STATE_KEY = Buffer.from('state');

const stateSchema = z.strictObject({
  version: z.literal(2),
  /** The newest sequence number that was used. */
  last: z.int().min(0),
  /** Every event up to this number is removed. */
  removed: z.int().min(0),
  /** Bytes of the stored events, with their grounds. */
  bytes: z.int().min(0),
  /** For each consumer, the number up to which it has settled every event. */
  marks: z.record(z.string(), z.int().min(0)),
});
/** The first form of the record, from the time when the log held only events that were not published yet. */
const firstStateSchema = z.strictObject({ last: z.int().min(0), settled: z.int().min(0) });

export type EventLogState = Omit<z.infer<typeof stateSchema>, 'version'>;

/** Reads the state. @returns undefined when there is none yet @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
export async function readState(space: Space): Promise<EventLogState | undefined> {
  const stored = await space.get(STATE_KEY);
  if (!stored) return undefined;
  const json: unknown = JSON.parse(stored.toString());
  const state = stateSchema.safeParse(json);
  if (state.success) return state.data;
  const first = firstStateSchema.safeParse(json);
  if (!first.success) throw new AppError('STORE_CORRUPT', 'the state of the event log cannot be read');
  const { last, settled } = first.data;
  let bytes = 0;
  // This happens once in the life of a device: the next state record holds the bytes.
  for await (const [, value] of space.entries(EVENT_KEYS.range, () => undefined)) bytes += value.length;
  return { last, removed: settled, bytes, marks: { mqtt: settled } };
}

/** Makes the write of a state. */
export function putState(space: Space, { last, removed, bytes, marks }: EventLogState): Operation {
  return space.put(STATE_KEY, Buffer.from(JSON.stringify({ version: 2, last, removed, bytes, marks })));
}
