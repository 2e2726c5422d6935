// Enrolled faces: list, delete.
import type { z } from 'zod';
import type { EnrolledFace, FaceFilter, GroupRef, Page, PageRequest } from '../../../gallery/gallery.types.js';
import { faceListAnswer, faceListAnswerV2 } from '../answers.js';
import { describeEnrolledFace } from '../face-details.js';
import { filteredPageQuery, pageQuery } from '../parameters.js';
import { route, type Route } from '../route.js';
import { requireFace, requireGroup, type Services } from '../services.js';

/** Returns the newest faces first. @throws AppError GROUP_NOT_FOUND, INVALID_TOKEN */
export async function listFaces(
  services: Services,
  ref: GroupRef,
  page: PageRequest,
  filter?: FaceFilter,
): Promise<Page<EnrolledFace> & { modelVersion: string }> {
  const { modelVersion } = requireGroup(services, ref);
  return { modelVersion, ...(await services.gallery.listFaces(ref, page, filter)) };
}

/** @throws AppError GROUP_NOT_FOUND, FACE_NOT_FOUND */
export async function deleteFace(services: Services, ref: GroupRef, faceId: string, actor: string): Promise<void> {
  requireGroup(services, ref);
  requireFace(services, ref, faceId);
  await services.gallery.deleteFace(ref, faceId, actor);
}

function describePage({ items, nextToken }: Page<EnrolledFace>): z.output<typeof faceListAnswerV2> {
  const faces = items.map(describeEnrolledFace);
  return { faceCount: faces.length, faces, ...(nextToken !== undefined && { nextToken }) };
}

const deleteFaceRoute = route({
  name: 'deleteFace',
  summary: 'Delete an enrolled face',
  method: 'DELETE',
  path: '/groups/:groupId/faces/:faceId',
  handle: async (services, { owner, actor, params }) => {
    await deleteFace(services, { owner, groupId: params.groupId }, params.faceId, actor);
    return {};
  },
});

export const faceRoutes: readonly Route[] = [
  route({
    name: 'listFaces',
    summary: 'List the faces of a group, newest first',
    method: 'GET',
    path: '/groups/:groupId/faces',
    query: pageQuery,
    data: faceListAnswer,
    handle: async (services, { owner, params, query }) => {
      const page = await listFaces(services, { owner, groupId: params.groupId }, query);
      return { data: { modelVersion: page.modelVersion, ...describePage(page) } };
    },
  }),
  deleteFaceRoute,
];

export const faceRoutesV2: readonly Route[] = [
  route({
    name: 'listFaces',
    summary: 'List the faces of a group, newest first, all or those that a filter names',
    method: 'GET',
    path: '/groups/:groupId/faces',
    query: filteredPageQuery,
    data: faceListAnswerV2,
    handle: async (services, { owner, params, query }) => {
      const { filter, ...page } = query;
      return { data: describePage(await listFaces(services, { owner, groupId: params.groupId }, page, filter)) };
    },
  }),
  deleteFaceRoute,
];
