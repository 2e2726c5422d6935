// Routes of the groups of an appKey, and what the routes of their people share.
import * as z from 'zod';
import { AppError, clientError } from '../../errors.js';
import { GROUP_ID_PATTERN } from '../../domain/ids.js';
import type { GroupInfo, GroupRef } from '../../gallery/gallery.types.js';
import type { AuditProof } from '../../gallery/audit-proof.js';
import { wholeNumberText } from '../core/parameters.js';
import { linkNextPage } from './parameters.js';
import {
  appKeyListAnswer,
  groupAnswer,
  groupCreatedAnswer,
  groupDeletedAnswer,
  groupListAnswer,
} from './people-answers.js';
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
    name: 'listAppKeys',
    summary: 'The names of the valid appKeys, which own the groups',
    method: 'GET',
    path: '/app-keys',
    role: 'viewer',
    data: appKeyListAnswer,
    handle: async ({ keys }) => {
      const valid = keys.app.list().filter(({ revokedAt }) => revokedAt === undefined);
      return { json: { appKeys: [...new Set(valid.map(({ name }) => name))] } };
    },
  }),
  deviceRoute({
    name: 'listGroups',
    summary: 'The groups of an appKey, in the order of their ids',
    method: 'GET',
    path: '/groups',
    role: 'viewer',
    query: z.strictObject({ appKey: appKeyName, limit: wholeNumberText(1, MAX_PAGE, 100), before: pageToken }),
    data: groupListAnswer,
    refusals: ['NOT_FOUND'],
    handle: async (services, { query }) => {
      const { appKey, limit, before: token } = query;
      const owner = requireOwner(services, appKey);
      const page = await services.gallery.listGroups(owner, { limit, token }).catch(refuseToken);
      const groups = page.items.map((group) => describeGroup(services, owner, group));
      return { json: { groups, ...linkNextPage(`${DEVICE_BASE}/groups`, page.nextToken, query) } };
    },
  }),
  deviceRoute({
    name: 'showGroup',
    summary: 'A group: its counts, models and policy',
    method: 'GET',
    path: '/groups/:groupId',
    role: 'viewer',
    query: z.strictObject({ appKey: appKeyName }),
    data: groupAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND'],
    handle: async (services, { params: { groupId }, query: { appKey } }) => {
      const ref = findGroupRef(services, appKey, groupId);
      return { json: describeGroup(services, ref.owner, services.gallery.group(ref)) };
    },
  }),
  deviceRoute({
    name: 'createGroup',
    summary: 'Create a group under the models in use, which it then keeps',
    method: 'POST',
    path: '/groups',
    role: 'operator',
    body: z.strictObject({
      appKey: appKeyName,
      groupId: z.string().regex(GROUP_ID_PATTERN, 'must have 1 to 255 of: a to z, 0 to 9, -'),
    }),
    data: groupCreatedAnswer,
    refusals: ['NOT_FOUND', 'DUPLICATED_GROUP', 'QUOTA_EXCEEDED', 'STORE_UNAVAILABLE'],
    handle: async (services, { body: { appKey, groupId }, actor }) => {
      const { modelVersion } = services.info();
      const { proof } = await services.gallery.createGroup(
        findGroupRef(services, appKey, groupId),
        modelVersion,
        actor,
      );
      return { json: { groupId, modelVersion, audit: requireProof(proof) } };
    },
  }),
  deviceRoute({
    name: 'deleteGroup',
    summary: 'Delete a group and all its faces',
    description:
      'The key that sealed its faces is destroyed. The answer names the entry of the audit log that records it.',
    method: 'DELETE',
    path: '/groups/:groupId',
    role: 'admin',
    query: z.strictObject({ appKey: appKeyName }),
    data: groupDeletedAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND', 'GROUP_READ_ONLY', 'STORE_UNAVAILABLE'],
    handle: async (services, { params: { groupId }, query: { appKey }, actor }) => {
      const ref = findGroupRef(services, appKey, groupId);
      const { faceCount } = services.gallery.group(ref);
      const { proof } = await services.gallery.deleteGroup(ref, actor);
      return { json: { deleted: faceCount, audit: requireProof(proof) } };
    },
  }),
];

/** Returns the entry of the audit log that records a change. @throws TypeError: there is none */
export function requireProof(proof: AuditProof | undefined): AuditProof {
  if (!proof) throw new TypeError('a change of a group has no entry in the audit log');
  return proof;
}

function describeGroup(
  {
    gallery,
    findPolicy,
    findScales,
    takesProposals,
  }: Pick<DeviceServices, 'gallery' | 'findPolicy' | 'findScales' | 'takesProposals'>,
  owner: string,
  { groupId, modelVersion, createdAtMs, faceCount, copyOf }: GroupInfo,
): z.output<typeof groupAnswer> {
  return {
    groupId,
    createdAt: new Date(createdAtMs).toISOString(),
    faces: faceCount,
    persons: gallery.people.count({ owner, groupId }),
    modelVersion,
    modelInstalled: findScales(modelVersion) !== undefined,
    policy: findPolicy(groupId),
    ...(copyOf && { copyOf: { authority: copyOf.authority, takesProposals } }),
  };
}

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
