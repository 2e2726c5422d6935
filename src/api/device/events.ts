// Route of the events that are stored on the device.
import { z } from 'zod';
import { DEVICE_ID_PATTERN, EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { EVENT_TYPES, type EventFilter, type RecognitionEvent } from '../../events/event.js';
import { wholeNumberText } from '../core/parameters.js';
import { eventListAnswer } from './answers.js';
import { linkNextPage, textSequence } from './parameters.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';

const PATH = '/events';

const types = z
  .string()
  .regex(new RegExp(`^(${EVENT_TYPES.join('|')})(,(${EVENT_TYPES.join('|')}))*$`), {
    error: `must be one or more of ${EVENT_TYPES.join(', ')}, separated by commas`,
  })
  .transform((text) => text.split(',') as RecognitionEvent['type'][]);

const time = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => Date.parse(text));

const eventsQuery = z.strictObject({
  limit: wholeNumberText(1, 1_000, 100),
  before: textSequence,
  type: types.optional().meta({ description: `One or more of ${EVENT_TYPES.join(', ')}, separated by commas.` }),
  camera: z.string().regex(DEVICE_ID_PATTERN, 'must be the id of a camera').optional(),
  externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must be an externalImageId').optional(),
  from: time.optional().meta({ description: 'Only events decided at this time or later.' }),
  to: time.optional().meta({ description: 'Only events decided before this time.' }),
});

type EventsQuery = z.output<typeof eventsQuery>;

function toFilter({ limit, before, type, camera, externalImageId, from, to }: EventsQuery): EventFilter {
  return {
    limit,
    ...(before !== undefined && { before }),
    ...(type !== undefined && { types: type }),
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
    query: eventsQuery,
    data: eventListAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async ({ events }, { query }) => {
      const page = await events.recent(toFilter(query));
      const { from, to, type, ...rest } = query;
      const next = linkNextPage(DEVICE_BASE + PATH, page.before, {
        ...rest,
        type: type?.join(','),
        from: from === undefined ? undefined : new Date(from).toISOString(),
        to: to === undefined ? undefined : new Date(to).toISOString(),
      });
      return { json: { events: page.events, ...next } };
    },
  }),
];
