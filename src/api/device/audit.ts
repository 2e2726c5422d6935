// Routes of the audit log: its entries, and the check of the whole.
import * as z from 'zod';
import type { AuditCheckState } from '../../audit/audit-check.js';
import { AUDIT_ACTIONS } from '../../domain/audit.js';
import { clientError } from '../../errors.js';
import { wholeNumberText } from '../core/parameters.js';
import { auditCheckAnswer, auditListAnswer, auditRecordAnswer } from './audit-answers.js';
import { linkNextPage, parseSequence, textSequence } from './parameters.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';

const PATH = '/audit';

export const auditRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listAudit',
    summary: 'The audit log, newest first',
    method: 'GET',
    path: PATH,
    role: 'admin',
    query: z.strictObject({
      limit: wholeNumberText(1, 1_000, 100),
      before: textSequence,
      action: z.enum(AUDIT_ACTIONS).optional(),
      actor: z.string().min(1).max(128).optional().meta({ description: 'Such as admin:front or cli.' }),
      about: z
        .string()
        .min(1)
        .max(255)
        .optional()
        .meta({ description: 'Only entries whose subject has this value, such as a faceId or the id of a camera.' }),
    }),
    data: auditListAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async ({ auditLog }, { query }) => {
      const { limit, before, ...filter } = query;
      const page = await auditLog.list(filter, { limit, before });
      const entries = page.records.map(({ sequence, at, action, actor, subject, hash }) => {
        return { sequence, at, action, actor, subject, hash };
      });
      return { json: { entries, ...linkNextPage(DEVICE_BASE + PATH, page.nextBefore, query) } };
    },
  }),
  deviceRoute({
    name: 'showAuditCheck',
    summary: 'The newest check of the audit log since the service started',
    method: 'GET',
    path: `${PATH}/check`,
    role: 'admin',
    data: auditCheckAnswer,
    handle: async ({ auditLog }) => ({ json: describeCheck(auditLog.check.state) }),
  }),
  deviceRoute({
    name: 'beginAuditCheck',
    summary: 'Check the audit log: the numbers, the hashes and the head of all entries',
    description:
      'The check goes on in the background, and takes a small share of the time of the service; GET shows how far it is. While one is ' +
      'under way, no other begins. It cannot see that somebody with the master key wrote the whole log again: compare `head` with a copy ' +
      'that was noted elsewhere.',
    method: 'POST',
    path: `${PATH}/check`,
    role: 'admin',
    statuses: [202],
    data: auditCheckAnswer,
    handle: async ({ auditLog }) => {
      auditLog.check.begin();
      return { json: describeCheck(auditLog.check.state), status: 202 };
    },
  }),
  deviceRoute({
    name: 'showAuditEntry',
    summary: 'One entry of the audit log',
    method: 'GET',
    path: `${PATH}/:sequence`,
    role: 'admin',
    data: auditRecordAnswer,
    refusals: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async ({ auditLog }, { params }) => {
      const sequence = parseSequence(params.sequence);
      const record = sequence === undefined ? undefined : await auditLog.find(sequence);
      if (!record) throw clientError('NOT_FOUND', 'There is no such entry.');
      return { json: record };
    },
  }),
];

function describeCheck(check: AuditCheckState): z.output<typeof auditCheckAnswer> {
  if (check.state === 'none') return { state: 'none' };
  const startedAt = new Date(check.startedAtMs).toISOString();
  if (check.state === 'running') {
    const { state, examined, entries } = check;
    return { state, startedAt, examined, entries };
  }
  const endedAt = new Date(check.endedAtMs).toISOString();
  if (check.state === 'failed') return { state: check.state, startedAt, endedAt, detail: check.detail };
  return { state: check.state, startedAt, endedAt, report: check.report };
}
