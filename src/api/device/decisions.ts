// Route of the stored decisions: how many there were by type and reason, and what each was decided by.
import * as z from 'zod';
import { DEVICE_ID_PATTERN, GROUP_ID_PATTERN } from '../../domain/ids.js';
import type { EventFilter, EventReader, RecognitionEvent } from '../../events/event.js';
import { wholeNumberText } from '../core/parameters.js';
import { linkNextPage, textSequence, textTime } from './parameters.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';
import { decisionListAnswer } from './trust-answers.js';

const PATH = '/decisions';
/** Events of one reading: they are held in memory with their pictures. */
const EVENTS_PER_READ = 100;
/** Readings of one page. Each examines up to 5,000 events. */
const MAX_READS = 20;

type Answer = z.output<typeof decisionListAnswer>;
type Decision = Answer['decisions'][number];

export const decisionRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listDecisions',
    summary: 'The decisions of the stored events: counts by type and reason, and what each was decided by',
    description:
      'Newest first, without pictures. A page may have fewer entries than its limit; the last page has no `next`.',
    role: 'viewer',
    method: 'GET',
    path: PATH,
    query: z.strictObject({
      limit: wholeNumberText(1, 1_000, 1_000),
      before: textSequence,
      camera: z.string().regex(DEVICE_ID_PATTERN, 'must be the id of a camera').optional(),
      group: z.string().regex(GROUP_ID_PATTERN, 'must have 1 to 255 of: a to z, 0 to 9, -').optional(),
      from: textTime.optional().meta({ description: 'Only events decided at this time or later.' }),
      to: textTime.optional().meta({ description: 'Only events decided before this time.' }),
    }),
    data: decisionListAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async ({ events }, { query, gone }) => {
      const { limit, before, camera, group, from, to } = query;
      const filter = {
        ...(camera !== undefined && { cameraId: camera }),
        ...(from !== undefined && { fromMs: from }),
        ...(to !== undefined && { toMs: to }),
      };
      const page = await readDecisions(events, filter, { limit, before, group, gone });
      const next = linkNextPage(DEVICE_BASE + PATH, page.before, {
        limit,
        camera,
        group,
        from: from === undefined ? undefined : new Date(from).toISOString(),
        to: to === undefined ? undefined : new Date(to).toISOString(),
      });
      return { json: { counts: countDecisions(page.decisions), decisions: page.decisions, ...next } };
    },
  }),
];

interface PageBounds {
  limit: number;
  before: number | undefined;
  group: string | undefined;
  gone: AbortSignal;
}

/** Reads events in small portions, and drops their pictures at once. */
async function readDecisions(
  events: Pick<EventReader, 'recent'>,
  filter: Omit<EventFilter, 'limit' | 'before'>,
  { limit, before: newest, group, gone }: PageBounds,
): Promise<{ decisions: Decision[]; before?: number }> {
  const decisions: Decision[] = [];
  let before = newest;
  for (let reads = 0; reads < MAX_READS && decisions.length < limit && !gone.aborted; reads++) {
    const portion = Math.min(EVENTS_PER_READ, limit - decisions.length);
    const page = await events.recent({ ...filter, limit: portion, ...(before !== undefined && { before }) });
    for (const event of page.events) {
      if (group === undefined || event.groupId === group) decisions.push(describeDecision(event));
    }
    if (page.before === undefined) return { decisions };
    before = page.before;
    // The reading examined as many events as one may.
    if (page.events.length < portion) break;
  }
  return before === undefined ? { decisions } : { decisions, before };
}

function describeDecision(event: RecognitionEvent): Decision {
  const { sequence, decidedAt, cameraId, groupId, type, reason, threshold } = event;
  const { externalImageId, similarity, liveness } = event;
  return {
    sequence,
    decidedAt,
    cameraId,
    groupId,
    type,
    reason,
    ...(externalImageId !== undefined && { externalImageId }),
    ...(similarity !== undefined && { similarity }),
    threshold,
    ...(liveness && { liveness: { mode: liveness.mode, verdict: liveness.verdict } }),
  };
}

function countDecisions(decisions: readonly Decision[]): Answer['counts'] {
  const counts = new Map<string, Answer['counts'][number]>();
  for (const { cameraId, groupId, type, reason } of decisions) {
    const key = [cameraId, groupId, type, reason].join(' ');
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { cameraId, groupId, type, reason, count: 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}
