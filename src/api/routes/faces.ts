// Enrolled faces: list, delete.
import type { EnrolledFace, GroupRef, Page, PageRequest } from '../../gallery/gallery.types.js';
import { enrolledFaceDetail } from '../face-details.js';
import { pageQuery } from '../parameters.js';
import { route, type Route } from '../route.js';
import { requireFace, requireGroup, type Services } from '../services.js';

/** Newest first. @throws AppError GROUP_NOT_FOUND, INVALID_TOKEN */
export async function listFaces(
  services: Services,
  ref: GroupRef,
  page: PageRequest,
): Promise<Page<EnrolledFace> & { modelVersion: string }> {
  const { modelVersion } = requireGroup(services, ref);
  return { modelVersion, ...(await services.gallery.listFaces(ref, page)) };
}

/** @throws AppError GROUP_NOT_FOUND, FACE_NOT_FOUND */
export async function deleteFace(services: Services, ref: GroupRef, faceId: string): Promise<void> {
  requireGroup(services, ref);
  requireFace(services, ref, faceId);
  await services.gallery.deleteFace(ref, faceId);
}

export const faceRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/groups/:groupId/faces',
    query: pageQuery,
    handle: async (services, { owner, params, query }) => {
      const page = await listFaces(services, { owner, groupId: params.groupId }, query);
      const faces = page.items.map(enrolledFaceDetail);
      const { modelVersion, nextToken } = page;
      return { data: { modelVersion, faceCount: faces.length, faces, nextToken } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/groups/:groupId/faces/:faceId',
    handle: async (services, { owner, params }) => {
      await deleteFace(services, { owner, groupId: params.groupId }, params.faceId);
      return {};
    },
  }),
];
