// Routes of the privacy switch.
import { z } from 'zod';
import { AppError } from '../../errors.js';
import { privacyAnswer } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';

export const privacyRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showPrivacy',
    summary: 'Whether privacy is on',
    method: 'GET',
    path: '/privacy',
    data: privacyAnswer,
    handle: async ({ privacy }) => ({ json: { on: privacy.on, stored: privacy.stored } }),
  }),
  deviceRoute({
    name: 'setPrivacy',
    summary: 'Stop all capture at once, or allow it again',
    description:
      'On: the answer comes when every source is closed. Privacy stays on over restarts. It is switched on even when the disk refuses to ' +
      'store that; `stored` is false then. Off: the change is stored first, and refused when it cannot be stored.',
    method: 'PUT',
    path: '/privacy',
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
