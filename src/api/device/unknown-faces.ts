// Routes of unknown faces, which are kept for some hours when the configuration says so.
import * as z from 'zod';
import { DEVICE_ID_PATTERN } from '../../domain/ids.js';
import { AppError, describeError } from '../../errors.js';
import {
  deletedAnswer,
  describeRecognisability,
  unknownFaceEnrolmentAnswer,
  unknownFaceListAnswer,
} from './answers.js';
import { wholeNumberText } from '../core/parameters.js';
import { enrolFields, linkNextPage } from './parameters.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';
import { recordDone } from './services.js';

const PATH = '/unknown-faces';

export const unknownFaceRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listUnknownFaces',
    summary: 'The kept faces of unknown people, newest first',
    method: 'GET',
    path: PATH,
    role: 'admin',
    query: z.strictObject({
      limit: wholeNumberText(1, 1_000, 100),
      before: z.uuid('must be the id of a face').optional().meta({ description: 'The `before` of the previous page.' }),
      camera: z.string().regex(DEVICE_ID_PATTERN, 'must be the id of a camera').optional(),
    }),
    data: unknownFaceListAnswer,
    refusals: ['NOT_FOUND'],
    handle: async ({ unknownFaces }, { query }) => {
      const { limit, before, camera } = query;
      const page = await unknownFaces.list(
        { limit, ...(before !== undefined && { before }) },
        camera === undefined ? {} : { cameraId: camera },
      );
      const faces = page.faces.map(({ capturedAtMs, expiresAtMs, id, cameraId, trackId, quality, condition }) => {
        const capturedAt = new Date(capturedAtMs).toISOString();
        const expiresAt = new Date(expiresAtMs).toISOString();
        return { id, cameraId, trackId, capturedAt, expiresAt, quality, ...describeRecognisability(condition) };
      });
      return { json: { faces, ...linkNextPage(DEVICE_BASE + PATH, page.before, query) } };
    },
  }),
  deviceRoute({
    name: 'showUnknownFace',
    summary: 'The face of an unknown person as JPEG',
    method: 'GET',
    path: `${PATH}/:faceId`,
    role: 'admin',
    media: ['image/jpeg'],
    refusals: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async ({ unknownFaces, audit }, { params: { faceId }, actor }) => {
      const jpeg = await unknownFaces.picture(faceId);
      if (!jpeg) throw notFound();
      await audit.append({ action: 'unknown-face.viewed', actor, subject: { unknownFaceId: faceId } });
      return { bytes: jpeg, contentType: 'image/jpeg' };
    },
  }),
  deviceRoute({
    name: 'deleteUnknownFace',
    summary: 'Delete the face of an unknown person',
    method: 'DELETE',
    path: `${PATH}/:faceId`,
    role: 'admin',
    data: deletedAnswer,
    refusals: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async (services, { params: { faceId }, actor }) => {
      if (!(await services.unknownFaces.delete(faceId))) throw notFound();
      await recordDone(services, { action: 'unknown-face.deleted', actor, subject: { unknownFaceId: faceId } });
      return { json: { deleted: 1 } };
    },
  }),
  deviceRoute({
    name: 'enrolUnknownFace',
    summary: 'Enrol an unknown person whose face is kept, and delete that face',
    description: 'Refused when the camera requires liveness; the person must then be enrolled in front of it.',
    method: 'POST',
    path: `${PATH}/:faceId/enrol`,
    role: 'admin',
    body: z.strictObject(enrolFields),
    data: unknownFaceEnrolmentAnswer,
    refusals: [
      'NOT_FOUND',
      'CAMERA_NOT_FOUND',
      'GROUP_NOT_FOUND',
      'GROUP_READ_ONLY',
      'MODEL_VERSION_MISMATCH',
      'QUOTA_EXCEEDED',
      'ENROLMENT_REFUSED',
      'STORE_UNAVAILABLE',
    ],
    handle: async (services, { params: { faceId: id }, body, actor }) => {
      const { unknownFaces, enrolments, log } = services;
      const { groupId, imageId, face } = await enrolments.enrolKept(await unknownFaces.get(id), body, actor);
      try {
        if (await unknownFaces.delete(id)) {
          await recordDone(services, { action: 'unknown-face.deleted', actor, subject: { unknownFaceId: id } });
        }
      } catch (error) {
        log.warn(
          { unknownFaceId: id, reason: describeError(error) },
          'the kept face of a person who is now enrolled could not be deleted',
        );
      }
      return { json: { groupId, faceId: face.faceId, imageId, externalImageId: body.externalImageId } };
    },
  }),
  deviceRoute({
    name: 'deleteUnknownFaces',
    summary: 'Delete the faces of all unknown people',
    method: 'DELETE',
    path: PATH,
    role: 'admin',
    data: deletedAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async (services, { actor }) => {
      const deleted = await services.unknownFaces.deleteAll();
      await recordDone(services, { action: 'unknown-face.deleted', actor, subject: { faces: deleted } });
      return { json: { deleted } };
    },
  }),
];

function notFound(): AppError {
  return new AppError('NOT_FOUND', 'there is no such face');
}
