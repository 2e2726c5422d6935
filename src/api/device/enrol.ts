// Enrolment of a person before a camera.
import { Readable } from 'node:stream';
import { z } from 'zod';
import { enrolmentAnswer, type progressLine } from './answers.js';
import { requireCamera } from './cameras.js';
import { FRAME_REASONS } from '../../enrolment/enrolment-refused.js';
import type { EnrolmentProgress, EnrolmentRequest, EnrolmentResult } from '../../enrolment/enrolment.types.js';
import { enrolFields, textFlag } from './inputs.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import { describeRefusal } from './statuses.js';

/** Lines of progress that a slow client may have waiting; the others are dropped, but for the last one. */
const MAX_WAITING_BYTES = 65_536;
const NDJSON = 'application/x-ndjson';

const enrolBody = z.strictObject({
  ...enrolFields,
  frames: z.int().min(1).max(30).default(10).meta({ description: 'Fit frames to choose from.' }),
  timeoutMs: z.int().min(1_000).max(120_000).default(15_000),
  minQuality: z.number().min(0).max(1).default(0.5),
  faces: z.literal([1, 3]).default(1).meta({ description: '3: up to three, of different pose.' }),
});

export const enrolRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'enrolFromCamera',
    summary: 'Enrol the person before a camera, from the best of some frames',
    description:
      'With progress=true the answer is lines of JSON (ProgressLine) while the person is guided, the last one result or error. One ' +
      'enrolment at a time at a camera; it ends when the client goes away or the admin key is revoked.',
    method: 'POST',
    path: '/cameras/:cameraId/enrol',
    query: z.strictObject({ progress: textFlag }),
    body: enrolBody,
    data: enrolmentAnswer,
    media: [NDJSON],
    refusals: [
      'CAMERA_NOT_FOUND',
      'NOT_FOUND',
      'GROUP_NOT_FOUND',
      'CAMERA_UNAVAILABLE',
      'PRIVACY_ON',
      'MODEL_VERSION_MISMATCH',
      'QUOTA_EXCEEDED',
      'ENROLMENT_REFUSED',
      'SERVER_BUSY',
      'STORE_UNAVAILABLE',
    ],
    handle: async (services, { params: { cameraId }, query, body, actor, gone, isAllowed }) => {
      requireCamera(services, cameraId);
      const begin = (onProgress: (progress: EnrolmentProgress) => void): Promise<EnrolmentResult> =>
        services.enrolments.begin(cameraId, body, { actor, signal: gone, isAllowed, onProgress });
      if (!query.progress) return { json: enrolmentData(body, await begin(() => undefined)) };
      const lines = new ProgressLines();
      const outcome = begin((progress) => lines.progress(progress));
      outcome.then(
        (done) => lines.last({ type: 'result', result: enrolmentData(body, done) }),
        (error: unknown) => {
          const { body: answer, isForeseen } = describeRefusal(error, 'not known');
          if (!isForeseen) services.log.error({ cameraId, err: error }, 'an enrolment failed for an unforeseen reason');
          lines.last({ type: 'error', error: answer.error });
        },
      );
      return { stream: lines, contentType: NDJSON };
    },
  }),
];

function enrolmentData(request: EnrolmentRequest, result: EnrolmentResult): z.output<typeof enrolmentAnswer> {
  const { groupId, imageId, faces, framesSeen, framesUsed, hints } = result;
  const all = faces.map(({ face: { faceId }, quality }) => ({ faceId, quality: Math.round(quality * 1e4) / 1e4 }));
  const [{ faceId, quality }] = all;
  const { externalImageId } = request;
  return { groupId, faceId, imageId, externalImageId, quality, faces: all, framesSeen, framesUsed, hints };
}

/** Lines of JSON for one client. */
class ProgressLines extends Readable {
  override _read(): void {
    // Lines come when there is something to tell.
  }

  progress({ collected, wanted, reason }: EnrolmentProgress): void {
    if (this.readableLength > MAX_WAITING_BYTES) return;
    const help = reason === undefined ? {} : { reason, hint: FRAME_REASONS[reason].hint };
    this.#tell({ type: 'progress', collected, wanted, ...help });
  }

  last(line: z.output<typeof progressLine>): void {
    this.#tell(line);
    if (!this.destroyed) this.push(null);
  }

  #tell(line: z.output<typeof progressLine>): void {
    if (!this.destroyed) this.push(`${JSON.stringify(line)}\n`);
  }
}
