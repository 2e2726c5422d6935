// The filter of the list of events: read from the address of the page, written to the query of the API, and applied to live events.
import type { RecognitionEvent } from '../../../events/event.js';

export const FILTER_KEYS = ['type', 'reason', 'camera', 'person', 'from', 'to'] as const;
export type ListFilter = Readonly<Record<(typeof FILTER_KEYS)[number], string>>;

/** Reads the filter. Times are those of a field of the type datetime-local; a missing value is an empty text. */
export function readFilter(query: URLSearchParams): ListFilter {
  return Object.fromEntries(FILTER_KEYS.map((key) => [key, query.get(key) ?? ''])) as ListFilter;
}

/** Returns whether an id may be that of a person. An empty text is no filter. */
export function isPersonId(text: string): boolean {
  return /^[A-Za-z0-9_.:-]{0,255}$/.test(text);
}

/** Makes the query of GET /events. */
export function makeEventsQuery({ type, reason, camera, person, from, to }: ListFilter) {
  return {
    type: type || undefined,
    reason: reason || undefined,
    camera: camera || undefined,
    externalImageId: person || undefined,
    from: readTime(from),
    to: readTime(to),
  };
}

/** Returns whether a live event passes the filter. */
export function passesFilter(event: RecognitionEvent, { type, reason, camera, person, from, to }: ListFilter): boolean {
  const decidedAt = Date.parse(event.decidedAt);
  return (
    (type === '' || event.type === type) &&
    (reason === '' || event.reason === reason) &&
    (camera === '' || event.cameraId === camera) &&
    (person === '' || event.externalImageId === person) &&
    decidedAt >= Date.parse(readTime(from) ?? '1970-01-01') &&
    decidedAt < Date.parse(readTime(to) ?? '9999-01-01')
  );
}

/** Returns a local time as ISO 8601 in UTC; undefined for a text that is none. */
function readTime(text: string): string | undefined {
  const time = new Date(text);
  return text === '' || Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
