// Route of enrolment from an uploaded picture.
import * as z from 'zod';
import { EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../../domain/ids.js';
import { EnrolmentRefused } from '../../enrolment/enrolment-refused.js';
import type { PictureEnrolmentRequest, PictureEnrolmentResult } from '../../enrolment/picture-enrolments.js';
import { clientError } from '../../errors.js';
import { numberText } from '../core/parameters.js';
import { describeRecognisability } from './answers.js';
import { pictureEnrolmentAnswer } from './enrol-answers.js';
import { describeClosest, describeReport } from './face-answers.js';
import { appKeyName, findGroupRef } from './groups.js';
import { enrolFields, textFlag } from './parameters.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import type { DeviceServices } from './services.js';

const pictureFile = z
  .custom<Uint8Array>((value) => value instanceof Uint8Array)
  .meta({ type: 'string', format: 'binary', description: 'A picture, JPEG or PNG; its bytes tell which.' });

export const enrolPictureRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'enrolFromPicture',
    summary: 'Enrol the only person of a picture',
    description:
      'The body is the picture file. The picture is judged as a frame of a camera is, and is not kept. Liveness cannot be judged on one ' +
      'picture: enrol before a camera where that matters.',
    method: 'POST',
    path: '/groups/:groupId/enrol',
    role: 'operator',
    query: z.strictObject({
      appKey: appKeyName,
      externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -'),
      minQuality: numberText(0, 1, 0.5),
      duplicateThreshold: numberText(1, 100, 90).meta({
        description:
          'Similarity from which on a face enrolled under another externalImageId counts as the same person.',
      }),
      enrolment: enrolFields.enrolment,
      dryRun: textFlag.meta({ description: 'True: the picture is only judged, and nobody is enrolled.' }),
    }),
    body: pictureFile,
    pictureTypes: ['image/jpeg', 'image/png', 'application/octet-stream'],
    data: pictureEnrolmentAnswer,
    refusals: [
      'NOT_FOUND',
      'GROUP_NOT_FOUND',
      'GROUP_READ_ONLY',
      'MODEL_VERSION_MISMATCH',
      'QUOTA_EXCEEDED',
      'IMAGE_TOO_LARGE',
      'INVALID_IMAGE_FORMAT',
      'INVALID_IMAGE_FILE',
      'ENROLMENT_REFUSED',
      'SERVER_BUSY',
      'STORE_UNAVAILABLE',
    ],
    handle: async (services, { params: { groupId }, query, body, actor, gone, isAllowed }) => {
      if (!GROUP_ID_PATTERN.test(groupId)) throw clientError('GROUP_NOT_FOUND', 'There is no such group.');
      const request: PictureEnrolmentRequest = { ...query, group: groupId };
      const call = { actor, signal: gone, isAllowed };
      try {
        const result = await services.pictureEnrolments.enrol(body, request, call);
        if (request.dryRun) await recordCheck(services, request, actor, 'fit');
        return { json: describeResult(request, result) };
      } catch (error) {
        if (error instanceof EnrolmentRefused) await recordCheck(services, request, actor, error.reason);
        throw error;
      }
    },
  }),
];

/** Records a picture that enrolled nobody, before its answer says whom it is like. @throws AppError STORE_UNAVAILABLE */
async function recordCheck(
  services: DeviceServices,
  { appKey, group, dryRun }: PictureEnrolmentRequest,
  actor: string,
  outcome: string,
): Promise<void> {
  const subject = { ...findGroupRef(services, appKey, group), outcome, dryRun };
  await services.audit.append({ action: 'picture.checked', actor, subject });
}

function describeResult(
  { externalImageId }: PictureEnrolmentRequest,
  { groupId, enrolled, report, closest }: PictureEnrolmentResult,
): z.output<typeof pictureEnrolmentAnswer> {
  const face = describeReport(report);
  return {
    groupId,
    externalImageId,
    enrolled: enrolled !== undefined,
    ...(enrolled && { faceId: enrolled.faceId, imageId: enrolled.imageId }),
    quality: face.quality.overall,
    ...describeRecognisability(report.condition),
    face,
    ...(closest && { closest: describeClosest(closest) }),
    liveness: 'not-judged',
  };
}
