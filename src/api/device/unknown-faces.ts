// The faces of strangers, where the configuration keeps them for a while.
import { z } from 'zod';
import { DEVICE_ID_PATTERN } from '../../domain/ids.js';
import { AppError, describeError } from '../../errors.js';
import { deletedAnswer, unknownFaceEnrolmentAnswer, unknownFaceListAnswer } from './answers.js';
import { wholeNumberText } from '../core/parameters.js';
import { enrolFields, nextPage } from './inputs.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';
import { noteDone } from './services.js';

const PATH = '/unknown-faces';

export const unknownFaceRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listUnknownFaces',
    summary: 'The faces of strangers that are kept, newest first',
    method: 'GET',
    path: PATH,
    query: z.strictObject({
      limit: wholeNumberText(1, 1_000, 100),
      before: z.uuid('must be the id of a face').optional().meta({ description: 'The `before` of the page before.' }),
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
      const faces = page.faces.map(({ capturedAtMs, expiresAtMs, id, cameraId, trackId, quality }) => {
        const [capturedAt, expiresAt] = [capturedAtMs, expiresAtMs].map((ms) => new Date(ms).toISOString());
        return { id, cameraId, trackId, capturedAt, expiresAt, quality };
      });
      const more = page.before === undefined ? {} : { before: page.before };
      return { json: { faces, ...more, ...nextPage(DEVICE_BASE + PATH, page.before, query) } };
    },
  }),
  deviceRoute({
    name: 'showUnknownFace',
    summary: 'The face of a stranger as JPEG',
    method: 'GET',
    path: `${PATH}/:faceId`,
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
    summary: 'Delete the face of a stranger',
    method: 'DELETE',
    path: `${PATH}/:faceId`,
    data: deletedAnswer,
    refusals: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async (services, { params: { faceId }, actor }) => {
      if (!(await services.unknownFaces.delete(faceId))) throw notFound();
      await noteDone(services, { action: 'unknown-face.deleted', actor, subject: { unknownFaceId: faceId } });
      return { json: { deleted: 1 } };
    },
  }),
  deviceRoute({
    name: 'enrolUnknownFace',
    summary: 'Enrol a stranger whose face is kept; it is kept as a stranger’s no longer',
    description: 'Refused where the camera requires liveness: let the person stand before it instead.',
    method: 'POST',
    path: `${PATH}/:faceId/enrol`,
    body: z.strictObject(enrolFields),
    data: unknownFaceEnrolmentAnswer,
    refusals: [
      'NOT_FOUND',
      'CAMERA_NOT_FOUND',
      'GROUP_NOT_FOUND',
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
          await noteDone(services, { action: 'unknown-face.deleted', actor, subject: { unknownFaceId: id } });
        }
      } catch (error) {
        log.warn(
          { unknownFaceId: id, reason: describeError(error) },
          'an enrolled stranger could not be deleted as one',
        );
      }
      return { json: { groupId, faceId: face.faceId, imageId, externalImageId: body.externalImageId } };
    },
  }),
  deviceRoute({
    name: 'deleteUnknownFaces',
    summary: 'Delete the faces of all strangers',
    method: 'DELETE',
    path: PATH,
    data: deletedAnswer,
    refusals: ['STORE_UNAVAILABLE'],
    handle: async (services, { actor }) => {
      const deleted = await services.unknownFaces.deleteAll();
      await noteDone(services, { action: 'unknown-face.deleted', actor, subject: { faces: deleted } });
      return { json: { deleted } };
    },
  }),
];

function notFound(): AppError {
  return new AppError('NOT_FOUND', 'there is no such face');
}
