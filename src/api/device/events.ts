// Route of the events that are stored on the device.
import * as z from 'zod';
import { DEVICE_ID_PATTERN, EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { EVENT_TYPES, REASONS, type EventFilter, type Reason, type RecognitionEvent } from '../../events/event.js';
import { canonicalJson } from '../../platform/canonical-json.js';
import { clientError } from '../../errors.js';
import { parseNumber, wholeNumberText } from '../core/parameters.js';
import { eventListAnswer, openedEventAnswer } from './event-answers.js';
import { createEventSource } from './event-feed.js';
import { linkNextPage, parseSequence, textSequence, textTime } from './parameters.js';
import { SSE_TYPE } from './sse.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';

const PATH = '/events';
/** Interval in which a stream without events sends a comment, so that no proxy takes it for dead. */
const HEARTBEAT_MS = 15_000;

const types = z
  .string()
  .regex(new RegExp(`^(${EVENT_TYPES.join('|')})(,(${EVENT_TYPES.join('|')}))*$`), {
    error: `must be one or more of ${EVENT_TYPES.join(', ')}, separated by commas`,
  })
  .transform((text) => text.split(',') as RecognitionEvent['type'][]);

const REASON_NAMES = Object.keys(REASONS);
const reasons = z
  .string()
  .regex(new RegExp(`^(${REASON_NAMES.join('|')})(,(${REASON_NAMES.join('|')}))*$`), {
    error: 'must be one or more reasons of decisions, separated by commas',
  })
  .transform((text) => text.split(',') as Reason[]);

const eventsQuery = z.strictObject({
  limit: wholeNumberText(1, 1_000, 100),
  before: textSequence,
  type: types.optional().meta({ description: `One or more of ${EVENT_TYPES.join(', ')}, separated by commas.` }),
  reason: reasons.optional().meta({ description: `One or more of ${REASON_NAMES.join(', ')}, separated by commas.` }),
  camera: z.string().regex(DEVICE_ID_PATTERN, 'must be the id of a camera').optional(),
  externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must be an externalImageId').optional(),
  from: textTime.optional().meta({ description: 'Only events decided at this time or later.' }),
  to: textTime.optional().meta({ description: 'Only events decided before this time.' }),
});

type EventsQuery = z.output<typeof eventsQuery>;

function toFilter({ limit, before, type, reason, camera, externalImageId, from, to }: EventsQuery): EventFilter {
  return {
    limit,
    ...(before !== undefined && { before }),
    ...(type !== undefined && { types: type }),
    ...(reason !== undefined && { reasons: reason }),
    ...(camera !== undefined && { cameraId: camera }),
    ...(externalImageId !== undefined && { externalImageId }),
    ...(from !== undefined && { fromMs: from }),
    ...(to !== undefined && { toMs: to }),
  };
}

export const eventRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listEvents',
    summary: 'The events that are stored on the device, newest first',
    method: 'GET',
    path: PATH,
    role: 'viewer',
    query: eventsQuery,
    data: eventListAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async ({ events }, { query }) => {
      const page = await events.recent(toFilter(query));
      const { from, to, type, reason, ...rest } = query;
      const next = linkNextPage(DEVICE_BASE + PATH, page.before, {
        ...rest,
        type: type?.join(','),
        reason: reason?.join(','),
        from: from === undefined ? undefined : new Date(from).toISOString(),
        to: to === undefined ? undefined : new Date(to).toISOString(),
      });
      return { json: { events: page.events, ...next } };
    },
  }),
  deviceRoute({
    name: 'streamEvents',
    summary: 'The events as they come (server-sent events), after those that the client has missed',
    description:
      'The id of a message is the sequence number of its event; a client that connects again sends the last one as Last-Event-ID. A ' +
      'message `gap` (from, to, reason) stands for events that cannot be sent: `removed`, `unreadable`, or `too-many` missed ones. The ' +
      'stream ends when the admin key is revoked and when the service stops. A slow client is cut off.',
    method: 'GET',
    path: `${PATH}/stream`,
    role: 'viewer',
    query: z.strictObject({
      after: z.preprocess(
        parseNumber,
        z
          .int()
          .min(0)
          .optional()
          .meta({ description: 'Sequence number of the last event that the client has; by default only new ones.' }),
      ),
    }),
    media: [SSE_TYPE],
    refusals: ['SERVER_BUSY', 'STORE_UNAVAILABLE'],
    handle: async ({ events, feeds }, { query, lastEventId, actor, isAllowed, gone }) => {
      const source = createEventSource(events, parseLastEventId(lastEventId) ?? query.after);
      const stream = feeds.open(source, { actor, isAllowed, intervalMs: HEARTBEAT_MS });
      if (gone.aborted) stream.destroy();
      return { stream, contentType: SSE_TYPE };
    },
  }),
  deviceRoute({
    name: 'showEvent',
    summary: 'One event, and everything that led to it',
    description:
      'The grounds are stored beside the event and are not published. They name the most similar people of each shot, also where the event ' +
      'names nobody. Event and grounds are signed with the key of GET /signing-key, unless that key was changed since: see `keyId`.',
    method: 'GET',
    path: `${PATH}/:sequence`,
    role: 'viewer',
    data: openedEventAnswer,
    refusals: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async ({ events }, { params }) => {
      const sequence = parseSequence(params.sequence);
      const opened = sequence === undefined ? undefined : await events.open(sequence);
      if (!opened) throw clientError('NOT_FOUND', 'There is no such event, or it is not stored any more.');
      const { event, grounds } = opened;
      const beside = grounds && { grounds, signedGrounds: writeSignedForm(grounds) };
      return { json: { event, signed: writeSignedForm(event), ...beside } };
    },
  }),
];

/** Returns the text that a signature covers. */
function writeSignedForm(signed: object): string {
  return canonicalJson({ ...signed, signature: undefined });
}

/** @throws AppError INVALID_PARAM: it is not a sequence number */
function parseLastEventId(text: string | undefined): number | undefined {
  // A browser that has had no message yet sends an empty one.
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw clientError('INVALID_PARAM', 'The header Last-Event-ID must be a sequence number.');
  return Number(text);
}
