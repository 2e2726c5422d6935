// The records of the event log in their space: keys, and the search backwards through them.
import type { Space } from '../store/sealed-store.js';
import { decimalSequenceKeys } from '../store/sequence-keys.js';
import type { EventFilter, RecognitionEvent } from './event.js';

/** Keys of the stored events. */
export const EVENT_KEYS = decimalSequenceKeys('event/');

/** Events that one search looks at: some 100 ms of this thread, in pieces. */
const MAX_LOOKED_AT = 5_000;

/** @param stored the numbers that are there: after the one, up to the other; the rest as EventReader.recent */
export async function searchEvents(
  space: Pick<Space, 'entries'>,
  stored: { after: number; last: number },
  filter: EventFilter,
): Promise<{ events: RecognitionEvent[]; before?: number }> {
  const { before = Infinity, limit } = filter;
  if (!(limit >= 1 && limit <= 1_000)) throw new TypeError('limit must be 1..1000');
  const newest = Math.min(before - 1, stored.last);
  const oldest = Math.max(stored.after + 1, newest - MAX_LOOKED_AT + 1);
  const events: RecognitionEvent[] = [];
  if (newest < oldest) return { events };
  const range = { gte: EVENT_KEYS.encode(oldest), lte: EVENT_KEYS.encode(newest), reverse: true };
  let lowest = oldest;
  // A record that does not open is passed over; the drain has said so.
  for await (const [, value] of space.entries(range, () => undefined)) {
    const event = JSON.parse(value.toString()) as RecognitionEvent;
    if (!isWanted(event, filter)) continue;
    events.push(event);
    if (events.length < limit) continue;
    lowest = event.sequence;
    break;
  }
  return lowest > stored.after + 1 ? { events, before: lowest } : { events };
}

function isWanted(event: RecognitionEvent, filter: EventFilter): boolean {
  const { types, cameraId, externalImageId, fromMs = -Infinity, toMs = Infinity } = filter;
  // What an earlier Lintel stored is of another shape.
  if (event.version !== 2) return false;
  if (types && !types.includes(event.type)) return false;
  if (cameraId !== undefined && event.cameraId !== cameraId) return false;
  if (externalImageId !== undefined && event.externalImageId !== externalImageId) return false;
  const decidedAtMs = Date.parse(event.decidedAt);
  return decidedAtMs >= fromMs && decidedAtMs < toMs;
}
