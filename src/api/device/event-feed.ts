// The stored events as a source of server-sent events: first those that a client has missed, then each new one.
import type { EventFeed, HistoryRecord } from '../../events/history.js';
import { clientError } from '../../errors.js';
import { encodeMessage, type SseSource } from './sse.js';

/** Events that a client gets at most of those it has missed; GET /events has the older ones. */
export const MAX_MISSED = 10_000;
/** Events of one reading. An event has up to some 100 kB with its picture. */
const EVENTS_PER_READ = 20;

/**
 * Creates the source.
 * @param after sequence number of the last event that the client has; undefined: only new events are sent
 * @throws AppError INVALID_PARAM: the events do not reach this number
 */
export function createEventSource(events: EventFeed, after: number | undefined): SseSource {
  const { last } = events;
  let position = after ?? last;
  if (position > last) {
    const detail = `The events of this device end with the sequence number ${last}; begin again without the parameter.`;
    throw clientError('INVALID_PARAM', detail);
  }
  return {
    async read() {
      let text = '';
      const first = Math.max(position, events.last - MAX_MISSED);
      if (first > position) {
        text += encodeMessage({ from: position + 1, to: first, reason: 'too-many' }, { event: 'gap', id: first });
        position = first;
      }
      while (text === '' && position < events.last) {
        const records = await events.readAfter(position, EVENTS_PER_READ);
        for (const record of records) text += encodeRecord(record);
        position = records.at(-1)?.sequence ?? events.last;
      }
      return text;
    },
    idle: () => ': nothing new\n\n',
    watch: (listener) => events.watch(listener),
  };
}

function encodeRecord(record: HistoryRecord): string {
  if ('gap' in record) {
    const { from, to, reason } = record.gap;
    return encodeMessage({ from, to, reason }, { event: 'gap', id: to });
  }
  // Earlier versions of Lintel stored events of another shape; GET /events leaves them out as well.
  return record.event.version === 2 ? encodeMessage(record.event, { id: record.sequence }) : '';
}
