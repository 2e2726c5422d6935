// Groups: create, list, show, delete.
import * as z from 'zod';
import { GROUP_ID_PATTERN } from '../../../domain/ids.js';
import { formatContractTime } from '../../../domain/time.js';
import { clientError } from '../../../errors.js';
import type { GroupInfo, GroupRef, Page, PageRequest } from '../../../gallery/gallery.types.js';
import { groupDetailsAnswer, groupDetailsAnswerV2, groupListAnswer, groupListAnswerV2 } from '../answers.js';
import { pageQuery } from '../parameters.js';
import { route, type Route } from '../route.js';
import { requireGroup, type Services } from '../services.js';

/** Creates a group under the model version in use, which it then keeps. @throws AppError INVALID_GROUP_ID, DUPLICATED_GROUP, QUOTA_EXCEEDED */
export async function createGroup(services: Services, ref: GroupRef, actor: string): Promise<void> {
  if (!GROUP_ID_PATTERN.test(ref.groupId)) {
    throw clientError('INVALID_GROUP_ID', 'The field groupId must have 1 to 255 of: a to z, 0 to 9, -.');
  }
  await services.gallery.createGroup(ref, services.vision.modelVersion, actor);
}

/** @throws AppError INVALID_TOKEN */
export async function listGroups(services: Services, owner: string, page: PageRequest): Promise<Page<GroupInfo>> {
  return services.gallery.listGroups(owner, page);
}

/** @throws AppError GROUP_NOT_FOUND */
export async function deleteGroup(services: Services, ref: GroupRef, actor: string): Promise<void> {
  requireGroup(services, ref);
  await services.gallery.deleteGroup(ref, actor);
}

const createGroupRoute = route({
  name: 'createGroup',
  summary: 'Create a group',
  method: 'POST',
  path: '/groups',
  body: z.object({ groupId: z.string().meta({ description: '1 to 255 of: a to z, 0 to 9, -' }) }),
  handle: async (services, { owner, actor, body }) => {
    await createGroup(services, { owner, groupId: body.groupId }, actor);
    return {};
  },
});

const deleteGroupRoute = route({
  name: 'deleteGroup',
  summary: 'Delete a group and its faces',
  method: 'DELETE',
  path: '/groups/:groupId',
  handle: async (services, { owner, actor, params }) => {
    await deleteGroup(services, { owner, groupId: params.groupId }, actor);
    return {};
  },
});

function describeGroup({ groupId, createdAtMs, faceCount }: GroupInfo): z.output<typeof groupDetailsAnswerV2> {
  return { groupId, createTime: formatContractTime(createdAtMs), faceCount };
}

export const groupRoutes: readonly Route[] = [
  createGroupRoute,
  route({
    name: 'listGroups',
    summary: 'List the groups of the appKey',
    method: 'GET',
    path: '/groups',
    query: pageQuery,
    data: groupListAnswer,
    handle: async (services, { owner, query }) => {
      const { items, nextToken } = await listGroups(services, owner, query);
      const groups = items.map(({ groupId, modelVersion }) => ({ groupId, modelVersion }));
      return { data: { groupCount: groups.length, groups, ...(nextToken !== undefined && { nextToken }) } };
    },
  }),
  route({
    name: 'showGroup',
    summary: 'Show a group',
    method: 'GET',
    path: '/groups/:groupId',
    data: groupDetailsAnswer,
    handle: async (services, { owner, params }) => {
      const group = requireGroup(services, { owner, groupId: params.groupId });
      const { groupId, ...rest } = describeGroup(group);
      return { data: { groupCount: 1 as const, groups: [{ groupId, modelVersion: group.modelVersion, ...rest }] } };
    },
  }),
  deleteGroupRoute,
];

export const groupRoutesV2: readonly Route[] = [
  createGroupRoute,
  route({
    name: 'listGroups',
    summary: 'List the groups of the appKey',
    method: 'GET',
    path: '/groups',
    query: pageQuery,
    data: groupListAnswerV2,
    handle: async (services, { owner, query }) => {
      const { items, nextToken } = await listGroups(services, owner, query);
      const groups = items.map(({ groupId }) => ({ groupId }));
      return { data: { groupCount: groups.length, groups, ...(nextToken !== undefined && { nextToken }) } };
    },
  }),
  route({
    name: 'showGroup',
    summary: 'Show a group',
    method: 'GET',
    path: '/groups/:groupId',
    data: groupDetailsAnswerV2,
    handle: async (services, { owner, params }) => ({
      data: describeGroup(requireGroup(services, { owner, groupId: params.groupId })),
    }),
  }),
  deleteGroupRoute,
];
