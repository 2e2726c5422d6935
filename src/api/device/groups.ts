// Routes of the groups of an appKey, and what the routes of their people share.
import { z } from 'zod';
import { AppError, clientError } from '../../errors.js';
import type { GroupRef } from '../../gallery/gallery.types.js';
import { wholeNumberText } from '../core/parameters.js';
import { groupListAnswer } from './answers.js';
import { linkNextPage } from './parameters.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';
import type { DeviceServices } from './services.js';

/** Largest page of a list of groups or faces. */
export const MAX_PAGE = 200;

/** Schema of the name of an appKey. */
export const appKeyName = z
  .string()
  .min(1)
  .max(64)
  .default('default')
  .meta({ description: 'Name of the appKey that owns the group.' });

/** Schema of a page token. */
export const pageToken = z
  .string()
  .min(1)
  .max(2_048)
  .optional()
  .meta({ description: 'The `before` of the previous page; it is valid for ten minutes.' });

export const groupRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listGroups',
    summary: 'The groups of an appKey, in the order of their ids',
    method: 'GET',
    path: '/groups',
    query: z.strictObject({ appKey: appKeyName, limit: wholeNumberText(1, MAX_PAGE, 100), before: pageToken }),
    data: groupListAnswer,
    refusals: ['NOT_FOUND'],
    handle: async ({ gallery, findOwner, findPolicy, findScales }, { query }) => {
      const { appKey, limit, before: token } = query;
      const owner = requireOwner({ findOwner }, appKey);
      const page = await gallery.listGroups(owner, { limit, token }).catch(refuseToken);
      const groups = page.items.map(({ groupId, modelVersion, createdAtMs, faceCount }) => ({
        groupId,
        createdAt: new Date(createdAtMs).toISOString(),
        faces: faceCount,
        persons: gallery.people.count({ owner, groupId }),
        modelVersion,
        modelInstalled: findScales(modelVersion) !== undefined,
        policy: findPolicy(groupId),
      }));
      return { json: { groups, ...linkNextPage(`${DEVICE_BASE}/groups`, page.nextToken, query) } };
    },
  }),
];

/** Names a group of an appKey. @throws AppError NOT_FOUND: there is no valid appKey of this name */
export function findGroupRef(services: Pick<DeviceServices, 'findOwner'>, appKey: string, groupId: string): GroupRef {
  return { owner: requireOwner(services, appKey), groupId };
}

function requireOwner({ findOwner }: Pick<DeviceServices, 'findOwner'>, appKey: string): string {
  const owner = findOwner(appKey);
  if (owner === undefined) throw clientError('NOT_FOUND', 'There is no valid appKey of this name.');
  return owner;
}

/** @throws AppError INVALID_PARAM for a page token that is not valid; any other error as it is */
export function refuseToken(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'INVALID_TOKEN') throw error;
  throw clientError('INVALID_PARAM', 'The parameter before is not valid here or has expired.');
}
