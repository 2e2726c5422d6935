// Schemas of the answers. The types of the code and the responses of the OpenAPI document are derived from them.
import { z } from 'zod';
import { HEAD_SIDES } from '../../domain/challenge.js';
import type { FaceCondition } from '../../domain/condition.js';
import { ENROLMENT_POLICIES } from '../../domain/enrolment-policy.js';
import { rounded } from '../../domain/face.js';
import { recognitionEventSchema } from '../../events/event.js';
import { ENROLMENT_REASONS, FRAME_REASONS, type FrameReason } from '../../enrolment/enrolment-refused.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);
const percent = z.number().min(0).max(100);
const recognisability = fraction.optional().meta({
  description:
    'Whether the embedding describes the person: low for a blurred, covered, dark or tiny face. Absent where the models have no measure of it.',
});
const time = z.iso.datetime();

export const healthOfPart = z
  .object({
    status: z.enum(['ok', 'degraded', 'failed']),
    detail: z.string().optional().meta({ description: 'Reason for a status that is not ok, for a person.' }),
    facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])).optional(),
  })
  .meta({ id: 'Health' });

export const cameraAnswer = z
  .object({
    id: z.string(),
    state: z.string().meta({ description: 'One of running, opening, lost, paused, private, ended, stopped.' }),
    health: healthOfPart,
    fault: z.string().optional().meta({ description: 'Problem of its picture, such as frozen or covered.' }),
    capturedFps: z
      .number()
      .optional()
      .meta({ description: 'Frames read per second since the last request; absent at the first one.' }),
    analysedFps: z.number(),
    frames: count.meta({ description: 'Frames read from the source since the start.' }),
    dropped: count.meta({ description: 'Frames that were replaced by newer ones before they were analysed.' }),
    damaged: count.meta({
      description: 'Pictures that were skipped because they are damaged, or rest on one that is missing.',
    }),
    streamChanges: count.meta({
      description: 'Number of times that the stream changed its size, codec, pixel format, range or rotation.',
    }),
    analysed: count,
    refused: count.meta({ description: 'Analyses that were refused because the queue was full.' }),
    errors: count,
    losses: count.meta({ description: 'Number of times that the source was lost or could not be opened.' }),
    lastFrameAt: time.optional(),
    widthPx: count.optional(),
    heightPx: count.optional(),
    groups: z.array(z.object({ appKey: z.string(), groupId: z.string() })),
    recognition: z.record(z.string(), z.number()).meta({ description: 'Counters since the start of the service.' }),
    viewers: count.meta({ description: 'Number of open live views.' }),
    challenges: z
      .array(
        z.object({
          trackId: z.int().min(1).meta({ description: 'Track id in the event that follows.' }),
          side: z
            .enum(HEAD_SIDES)
            .meta({ description: 'Side to which the person must turn the head, as they see it.' }),
          issuedAt: time,
          expiresAt: time.meta({ description: 'The person must have turned the head before this time.' }),
        }),
      )
      .meta({ description: 'Challenges that can still be answered, the oldest first (liveness: challenge).' }),
    enrolling: z.boolean().meta({ description: 'Whether an enrolment is running at this camera.' }),
  })
  .meta({ id: 'Camera' });

export const cameraListAnswer = z.object({ privacy: z.boolean(), cameras: z.array(cameraAnswer) });

const hint = z.object({
  reason: z.enum(ENROLMENT_REASONS),
  frames: z.int().min(1).meta({ description: 'Number of frames with this problem.' }),
});

export const enrolmentAnswer = z
  .object({
    groupId: z.string(),
    faceId: z.uuid(),
    imageId: z.uuid(),
    externalImageId: z.string(),
    quality: fraction.meta({ description: 'Quality of the best frame.' }),
    recognisability,
    faces: z
      .array(z.object({ faceId: z.uuid(), quality: fraction, recognisability }))
      .min(1)
      .meta({ description: 'All faces that were enrolled, the best one first.' }),
    framesSeen: count,
    framesUsed: count,
    hints: z.array(hint).meta({ description: 'Problems that frames had, the most frequent first.' }),
  })
  .meta({ id: 'Enrolment' });

export const errorAnswer = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string().meta({ description: 'One sentence for a person.' }),
      reason: z.enum(ENROLMENT_REASONS).optional().meta({ description: 'Reason of a refused enrolment.' }),
      enrolledAs: z
        .object({ faceId: z.uuid(), externalImageId: z.string().optional(), similarity: percent })
        .optional()
        .meta({
          description:
            'The face under which the person is already enrolled, or the face of another person under this externalImageId, when that ' +
            'is the reason.',
        }),
    }),
  })
  .meta({ id: 'Error' });

/** One line of an enrolment with progress=true; the last line is `result` or `error`. */
export const progressLine = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('progress'),
      collected: count,
      wanted: count,
      reason: z.enum(Object.keys(FRAME_REASONS) as [FrameReason, ...FrameReason[]]).optional(),
      hint: z.string().optional().meta({ description: 'Hint for the person in front of the camera.' }),
    }),
    z.object({ type: z.literal('result'), result: enrolmentAnswer }),
    z.object({ type: z.literal('error'), error: errorAnswer.shape.error }),
  ])
  .meta({ id: 'ProgressLine' });

const next = z.string().optional().meta({ description: 'Path of the next page; absent on the last page.' });

export const eventListAnswer = z.object({
  events: z.array(recognitionEventSchema.meta({ id: 'RecognitionEvent' })),
  before: z.int().optional().meta({ description: 'Value of `before` for the next page.' }),
  next,
});

export const auditListAnswer = z.object({
  entries: z.array(
    z.object({
      sequence: z.int().min(1),
      at: time,
      action: z.string(),
      actor: z.string(),
      subject: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      hash: z.string().meta({ description: 'Chained to the previous entry: see lintel audit verify.' }),
    }),
  ),
  before: z.int().optional().meta({ description: 'Value of `before` for the next page.' }),
  next,
});

export const signingKeyAnswer = z.object({
  keyId: z.string(),
  algorithm: z.string(),
  publicKeyPem: z.string().meta({ description: 'SPKI.' }),
  publicKeyJwk: z.record(z.string(), z.string()).meta({ description: 'RFC 8037.' }),
});

export const privacyAnswer = z.object({
  on: z.boolean(),
  stored: z.boolean().meta({
    description: 'False: privacy is on, but the disk refused to store that, so privacy would be off after a restart.',
  }),
});

export const unknownFaceListAnswer = z.object({
  faces: z.array(
    z.object({
      id: z.uuid(),
      cameraId: z.string(),
      trackId: count.meta({ description: 'Track id in the event of this person.' }),
      capturedAt: time,
      expiresAt: time.meta({ description: 'Time at which the face is deleted.' }),
      quality: fraction,
      recognisability,
    }),
  ),
  before: z.string().optional().meta({ description: 'Value of `before` for the next page.' }),
  next,
});

export const unknownFaceEnrolmentAnswer = z.object({
  groupId: z.string(),
  faceId: z.uuid(),
  imageId: z.uuid(),
  externalImageId: z.string(),
});

/** The entry of the audit log that records a change. */
const proof = z
  .object({ sequence: z.int().min(1), hash: z.string() })
  .meta({ description: 'Entry of the audit log that records it: see GET /audit.' });

export const groupListAnswer = z.object({
  groups: z.array(
    z.object({
      groupId: z.string(),
      createdAt: time,
      faces: count,
      persons: count.meta({ description: 'People by externalImageId; faces without one are not counted.' }),
      modelVersion: z.string(),
      modelInstalled: z.boolean().meta({ description: 'False: the group is kept, but nobody in it is recognised.' }),
      policy: z.enum(ENROLMENT_POLICIES),
    }),
  ),
  before: z.string().optional().meta({ description: 'Value of `before` for the next page.' }),
  next,
});

const bestAndWorst = z.object({ best: fraction, worst: fraction });

export const personListAnswer = z.object({
  persons: z.array(
    z
      .object({
        externalImageId: z.string(),
        faces: z.int().min(1),
        masked: count.meta({ description: 'Number of faces with a mask.' }),
        detectionScore: bestAndWorst,
        recognisability: bestAndWorst
          .optional()
          .meta({ description: 'Absent where the models have no measure of it.' }),
      })
      .meta({ id: 'Person' }),
  ),
  after: z.string().optional().meta({ description: 'Value of `after` for the next page.' }),
  next,
});

export const personFacesAnswer = z.object({
  faces: z.array(
    z.object({
      faceId: z.uuid(),
      imageId: z.uuid(),
      detectionScore: fraction,
      recognisability,
      masked: z.boolean().optional().meta({ description: 'Absent where it is not known.' }),
    }),
  ),
  before: z.string().optional().meta({ description: 'Value of `before` for the next page.' }),
  next,
});

export const closestPersonAnswer = z.object({
  closest: z
    .object({
      externalImageId: z
        .string()
        .optional()
        .meta({ description: 'Absent for a face without one, which is a person of its own.' }),
      faceId: z.uuid(),
      similarity: percent,
    })
    .optional()
    .meta({ description: 'Absent where nobody else is enrolled, or where no face of the person is recognisable.' }),
});

export const personDeletedAnswer = z.object({ deleted: z.int().min(1), audit: proof });

export const personChangedAnswer = z.object({
  faces: z.int().min(1).meta({ description: 'Number of faces that were changed.' }),
  merged: z.boolean().meta({ description: 'Whether they joined a person who was there already.' }),
  audit: proof,
});

export const deletedAnswer = z.object({ deleted: count });

export const healthAnswer = z.object({
  status: z.enum(['ok', 'degraded', 'failed']),
  ready: z.boolean(),
  parts: z.record(z.string(), healthOfPart.extend({ required: z.boolean() })),
});

/** One message of the stream of the status. */
export const statusMessage = z
  .object({
    at: time,
    privacy: z.boolean(),
    health: healthAnswer,
    cameras: z.array(
      z.object({
        id: z.string(),
        state: z.string(),
        analysedFps: z.number(),
        analysed: count,
        fault: z.string().optional(),
      }),
    ),
    figures: z.object({
      uptimeSeconds: z.number(),
      memoryBytes: count.meta({ description: 'Resident memory of the service.' }),
      gallery: z.object({ groups: count, faces: count }),
      events: z.object({ stored: count, pending: count, published: count, dropped: count }),
      vision: z.object({ workers: count, busy: count, queued: count, completed: count }),
    }),
  })
  .meta({ id: 'StatusMessage' });

export const configurationAnswer = z.object({
  configuration: z
    .record(z.string(), z.unknown().meta({ description: 'A section, with the keys of the configuration file.' }))
    .meta({ description: 'All values in force, defaults included.' }),
});

export const keyListAnswer = z.object({
  keys: z.array(
    z.object({
      kind: z.enum(['app', 'admin']),
      name: z.string(),
      fingerprint: z.string().meta({ description: 'The audit log names the key by it.' }),
      createdAt: time,
      revokedAt: time.optional().meta({ description: 'Absent while the key is valid.' }),
    }),
  ),
});

export const versionAnswer = z.object({ version: z.string(), deviceId: z.string(), modelVersion: z.string() });

/** Returns the field `recognisability` of an answer, rounded; nothing for a face without a condition. */
export function describeRecognisability(condition: FaceCondition | undefined): { recognisability?: number } {
  return condition ? { recognisability: rounded(condition.recognisability, 1e4) } : {};
}
