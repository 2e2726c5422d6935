// Routes of the privacy switch.
import * as z from 'zod';
import { AppError, describeError } from '../../errors.js';
import { privacyAnswer, privacyStateAnswer } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import type { DeviceServices } from './services.js';

export const privacyRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showPrivacy',
    summary: 'Whether privacy is on, since when, and for how long events and faces are kept',
    method: 'GET',
    path: '/privacy',
    role: 'viewer',
    data: privacyStateAnswer,
    handle: async (services) => {
      const { privacy, retention } = services;
      const change = await findLastChange(services);
      return { json: { on: privacy.on, stored: privacy.stored, ...change, retention: retention() } };
    },
  }),
  deviceRoute({
    name: 'setPrivacy',
    summary: 'Stop all capture at once, or allow it again',
    description:
      'On: the answer comes when every source is closed. Privacy stays on over restarts. It is switched on even when the disk refuses to ' +
      'store that; `stored` is false then. Off: the change is stored first, and refused when it cannot be stored.',
    method: 'PUT',
    path: '/privacy',
    role: 'operator',
    body: z.strictObject({ on: z.boolean() }),
    data: privacyAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async ({ privacy, views, enrolments }, { body: { on }, actor }) => {
      const change = privacy.set(on, actor);
      if (on) {
        views.end();
        enrolments.cancel(new AppError('PRIVACY_ON', 'privacy is on'));
      }
      const { stored } = await change;
      return { json: { on: privacy.on, stored } };
    },
  }),
];

/** Returns who changed the switch last; nothing where the audit log has no such entry, or cannot be read. */
async function findLastChange({
  auditLog,
  log,
}: Pick<DeviceServices, 'auditLog' | 'log'>): Promise<{ changedAt?: string; changedBy?: string }> {
  try {
    const [last] = (await auditLog.list({ action: 'privacy.changed' }, { limit: 1 })).records;
    return last ? { changedAt: last.at, changedBy: last.actor } : {};
  } catch (error) {
    // Whether privacy is on must be known even when the disk fails.
    log.warn({ reason: describeError(error) }, 'the audit log cannot be read for the last change of privacy');
    return {};
  }
}
