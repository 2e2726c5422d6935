// Route of the audit log.
import { z } from 'zod';
import { AUDIT_ACTIONS } from '../../domain/audit.js';
import { wholeNumberText } from '../core/parameters.js';
import { auditListAnswer } from './answers.js';
import { linkNextPage, textSequence } from './parameters.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';

const PATH = '/audit';

export const auditRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listAudit',
    summary: 'The audit log, newest first',
    method: 'GET',
    path: PATH,
    query: z.strictObject({
      limit: wholeNumberText(1, 1_000, 100),
      before: textSequence,
      action: z.enum(AUDIT_ACTIONS).optional(),
      actor: z.string().min(1).max(128).optional().meta({ description: 'Such as admin:front or cli.' }),
    }),
    data: auditListAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async ({ auditLog }, { query }) => {
      const { limit, before, action, actor } = query;
      const filter = { ...(action !== undefined && { action }), ...(actor !== undefined && { actor }) };
      const page = await auditLog.list(filter, { limit, ...(before !== undefined && { before }) });
      const entries = page.records.map(({ sequence, at, action, actor, subject, hash }) => {
        return { sequence, at, action, actor, subject, hash };
      });
      return { json: { entries, ...linkNextPage(DEVICE_BASE + PATH, page.nextBefore, query) } };
    },
  }),
];
