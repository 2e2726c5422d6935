// The state record of the event log: its marks, as they are on the disk.
import { z } from 'zod';
import { AppError } from '../errors.js';
import type { Space } from '../store/sealed-store.js';
import { EVENT_KEYS } from './event-records.js';

const STATE_KEY = Buffer.from('state');

const stateSchema = z.strictObject({
  version: z.literal(2),
  /** The newest number that was given. */
  last: z.int().min(0),
  /** Everything up to here is removed. */
  removed: z.int().min(0),
  /** Of the events that are there. */
  bytes: z.int().min(0),
  /** By consumer: everything up to here is settled. */
  marks: z.record(z.string(), z.int().min(0)),
});
/** Of the time when the log held nothing but what was unpublished. */
const firstStateSchema = z.strictObject({ last: z.int().min(0), settled: z.int().min(0) });

export type EventLogState = Omit<z.infer<typeof stateSchema>, 'version'>;

/** @returns undefined where there is none yet @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
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
  // Once in the life of a device: from here on the state knows.
  for await (const [, value] of space.entries(EVENT_KEYS.range, () => undefined)) bytes += value.length;
  return { last, removed: settled, bytes, marks: { mqtt: settled } };
}

export function stateRecord(space: Space, { last, removed, bytes, marks }: EventLogState): ReturnType<Space['put']> {
  return space.put(STATE_KEY, Buffer.from(JSON.stringify({ version: 2, last, removed, bytes, marks })));
}
