// Route of guided enrolment: enrols the person in front of a camera.
import { Readable } from 'node:stream';
import * as z from 'zod';
import { rounded } from '../../domain/face.js';
import { FRAME_REASONS } from '../../enrolment/enrolment-refused.js';
import type { EnrolmentProgress, EnrolmentRequest, EnrolmentResult } from '../../enrolment/enrolment.types.js';
import { describeRecognisability } from './answers.js';
import { requireCamera } from './cameras.js';
import { enrolmentAnswer, type progressLine } from './enrol-answers.js';
import { describeClosest, describePose, describeQuality, describeReport } from './face-answers.js';
import { enrolFields, textFlag } from './parameters.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import { describeRefusal } from './statuses.js';

/** Bytes of progress lines that may wait for a slow client. Beyond them progress is dropped; the last line is always sent. */
const MAX_WAITING_BYTES = 65_536;
const NDJSON = 'application/x-ndjson';
/** Hint of a frame that is fit, and shows no other pose than the shots so far. */
const TURN_HINT = 'turn the head a little to one side, then to the other';

const enrolBody = z.strictObject({
  ...enrolFields,
  frames: z.int().min(1).max(30).default(10).meta({ description: 'Number of good frames to choose from.' }),
  timeoutMs: z.int().min(1_000).max(120_000).default(15_000),
  minQuality: z.number().min(0).max(1).default(0.5),
  faces: z.literal([1, 3]).default(1).meta({
    description:
      '3: up to three faces, of different pose. Frames are collected until there are three poses, or until the deadline.',
  }),
});

export const enrolRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'enrolFromCamera',
    summary: 'Enrol the person in front of a camera, from the best of several frames',
    description:
      'With progress=true the answer is a stream of JSON lines (ProgressLine) that guide the person; the last line is the result or ' +
      'the error. Each camera runs one enrolment at a time. It ends when the client closes the connection or the admin key is revoked.',
    method: 'POST',
    path: '/cameras/:cameraId/enrol',
    role: 'operator',
    query: z.strictObject({ progress: textFlag }),
    body: enrolBody,
    data: enrolmentAnswer,
    media: [NDJSON],
    refusals: [
      'CAMERA_NOT_FOUND',
      'NOT_FOUND',
      'GROUP_NOT_FOUND',
      'GROUP_READ_ONLY',
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
      if (!query.progress) return { json: describeEnrolment(body, await begin(() => undefined)) };
      const lines = new ProgressLines();
      begin((progress) => lines.addProgress(progress))
        .then((result) => lines.addLast({ type: 'result', result: describeEnrolment(body, result) }))
        .catch((error: unknown) => {
          const { body: answer, isForeseen } = describeRefusal(error, 'not known');
          if (!isForeseen) services.log.error({ cameraId, err: error }, 'an enrolment failed for an unforeseen reason');
          lines.addLast({ type: 'error', error: answer.error });
        });
      return { stream: lines, contentType: NDJSON };
    },
  }),
];

function describeEnrolment(request: EnrolmentRequest, result: EnrolmentResult): z.output<typeof enrolmentAnswer> {
  const { groupId, imageId, report, closest, framesSeen, framesUsed, hints } = result;
  const faces = result.faces.map(({ face: { faceId, condition }, quality }) => ({
    faceId,
    quality: rounded(quality, 1e4),
    ...describeRecognisability(condition),
  }));
  const [best] = faces;
  if (!best) throw new TypeError('an enrolment has at least one face');
  const { externalImageId } = request;
  return {
    groupId,
    imageId,
    externalImageId,
    ...best,
    faces,
    face: describeReport(report),
    ...(closest && { closest: describeClosest(closest) }),
    framesSeen,
    framesUsed,
    hints,
  };
}

/** Stream of JSON lines to one client. */
class ProgressLines extends Readable {
  override _read(): void {
    // Lines are pushed when they are added.
  }

  addProgress({ collected, wanted, reason, face, poses, posesWanted }: EnrolmentProgress): void {
    if (this.readableLength > MAX_WAITING_BYTES) return;
    const isTurnMissing = collected >= wanted && poses.length < posesWanted;
    const hint = reason ? FRAME_REASONS[reason].hint : isTurnMissing ? TURN_HINT : undefined;
    const { bbox, pose, quality } = face ?? {};
    this.#write({
      type: 'progress',
      collected,
      wanted,
      ...(reason && { reason }),
      ...(hint !== undefined && { hint }),
      ...(bbox &&
        pose && { face: { bbox, pose: describePose(pose), ...(quality && { quality: describeQuality(quality) }) } }),
      poses: poses.map(describePose),
      posesWanted,
    });
  }

  /** Adds the line that ends the stream. */
  addLast(line: z.output<typeof progressLine>): void {
    this.#write(line);
    if (!this.destroyed) this.push(null);
  }

  #write(line: z.output<typeof progressLine>): void {
    if (!this.destroyed) this.push(`${JSON.stringify(line)}\n`);
  }
}
