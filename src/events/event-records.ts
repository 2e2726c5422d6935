// The records of the event log in their space: their keys, the reading of one event, and the search from the newest to the oldest.
import { AppError } from '../errors.js';
import type { Space } from '../store/sealed-store.js';
import { makeDecimalSequenceKeys } from '../store/sequence-keys.js';
import type { EventFilter, EventPage, RecognitionEvent } from './event.js';
import type { DecisionGrounds } from './grounds.js';

/** Keys of the stored events. */
export const EVENT_KEYS = makeDecimalSequenceKeys('event/');
/** Keys of the grounds of the events, by the number of the event. */
export const GROUNDS_KEYS = makeDecimalSequenceKeys('grounds/');

/** Number of events that one search examines at most: about 100 ms of this thread, with pauses in between. */
const MAX_EXAMINED = 5_000;

/**
 * Reads one event.
 * @returns undefined when the event is missing or damaged
 * @throws AppError STORE_UNAVAILABLE
 */
export async function readEvent(
  space: Pick<Space, 'get'>,
  sequence: number,
): Promise<{ event: RecognitionEvent; bytes: number } | undefined> {
  const value = await readRecord(space, EVENT_KEYS.encode(sequence));
  return value && { event: parseEvent(value), bytes: value.length };
}

/**
 * Reads the grounds of one event.
 * @returns undefined when there are none, or they are damaged
 * @throws AppError STORE_UNAVAILABLE
 */
export async function readGrounds(
  space: Pick<Space, 'get'>,
  sequence: number,
): Promise<{ grounds: DecisionGrounds; bytes: number } | undefined> {
  const value = await readRecord(space, GROUNDS_KEYS.encode(sequence));
  return value && { grounds: JSON.parse(value.toString()) as DecisionGrounds, bytes: value.length };
}

/** Reads a record. @returns undefined when it is missing or damaged @throws AppError STORE_UNAVAILABLE */
async function readRecord(space: Pick<Space, 'get'>, key: Buffer): Promise<Buffer | undefined> {
  try {
    return await space.get(key);
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_CORRUPT') return undefined;
    throw error;
  }
}

/**
 * Lists stored events, newest first, as EventReader.recent does.
 * @param stored the numbers of the stored events: those after `after`, up to and including `last`
 */
export async function searchEvents(
  space: Pick<Space, 'entries'>,
  stored: { after: number; last: number },
  filter: EventFilter,
): Promise<EventPage> {
  const { before = Infinity, limit } = filter;
  if (!(limit >= 1 && limit <= 1_000)) throw new TypeError('limit must be 1..1000');
  const newest = Math.min(before - 1, stored.last);
  const oldest = Math.max(stored.after + 1, newest - MAX_EXAMINED + 1);
  const events: RecognitionEvent[] = [];
  if (newest < oldest) return { events };
  const range = { gte: EVENT_KEYS.encode(oldest), lte: EVENT_KEYS.encode(newest), reverse: true };
  let lowest = oldest;
  // A damaged record is skipped without a log line: the history drain logs it.
  for await (const [, value] of space.entries(range, () => undefined)) {
    const event = parseEvent(value);
    if (!matches(event, filter)) continue;
    events.push(event);
    if (events.length < limit) continue;
    lowest = event.sequence;
    break;
  }
  return lowest > stored.after + 1 ? { events, before: lowest } : { events };
}

/** The log wrote the record itself and the store has authenticated it, so that its members are not checked again. */
function parseEvent(value: Buffer): RecognitionEvent {
  return JSON.parse(value.toString()) as RecognitionEvent;
}

function matches(event: RecognitionEvent, filter: EventFilter): boolean {
  const { types, reasons, cameraId, externalImageId, fromMs = -Infinity, toMs = Infinity } = filter;
  // Earlier versions of Lintel stored events of another shape.
  if (event.version !== 2) return false;
  if (types && !types.includes(event.type)) return false;
  if (reasons && !reasons.includes(event.reason)) return false;
  if (cameraId !== undefined && event.cameraId !== cameraId) return false;
  if (externalImageId !== undefined && event.externalImageId !== externalImageId) return false;
  const decidedAtMs = Date.parse(event.decidedAt);
  return decidedAtMs >= fromMs && decidedAtMs < toMs;
}
