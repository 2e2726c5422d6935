// Schemas of the answers. The types of the code and the responses of the OpenAPI document are derived from them.
import * as z from 'zod';
import { HEAD_SIDES } from '../../domain/challenge.js';
import type { FaceCondition } from '../../domain/condition.js';
import { rounded } from '../../domain/face.js';
import { ROLES } from '../../domain/role.js';
import { HISTORY_SPANS } from '../../ops/history.js';
import { CAMERA_LINES, SERVICE_LINES } from '../../ops/vitals.js';
import { ENROLMENT_REASONS } from '../../enrolment/enrolment-refused.js';
import { faceReportAnswer } from './face-answers.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);
const percent = z.number().min(0).max(100);
export const recognisability = fraction.optional().meta({
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
    groups: z.array(
      z.object({
        appKey: z.string(),
        groupId: z.string(),
        copyOf: z.string().optional().meta({ description: 'Authority of the fleet whose group this is a copy of.' }),
      }),
    ),
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
      face: faceReportAnswer
        .optional()
        .meta({ description: 'The largest face of an uploaded picture that is refused.' }),
    }),
  })
  .meta({ id: 'Error' });

const next = z.string().optional().meta({ description: 'Path of the next page; absent on the last page.' });

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

export const privacyStateAnswer = privacyAnswer.extend({
  changedAt: time.optional().meta({ description: 'Time of the last change; absent where the audit log has none.' }),
  changedBy: z.string().optional().meta({ description: 'Who made it, as the audit log names them.' }),
  retention: z
    .object({
      unknownFacesHours: z.number().meta({ description: 'Time for which faces of strangers are kept; 0: none is.' }),
      unknownFacesMax: count,
      eventsHours: z.number().meta({ description: 'Time for which events are kept.' }),
      eventsMax: count,
    })
    .meta({ description: 'Limits of what is kept of the people before the cameras, from the configuration.' }),
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
    lastEvent: count.meta({ description: 'Sequence number of the newest event; 0 where there is none.' }),
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
      machineMemoryBytes: count.meta({ description: 'Memory of the whole machine.' }),
      machineMemoryFreeBytes: count.meta({ description: 'Memory of the machine that programs can still get.' }),
      diskFreeBytes: count
        .optional()
        .meta({ description: 'Space of the file system of the data that can still be written.' }),
      temperatureCelsius: z
        .number()
        .optional()
        .meta({ description: 'Hottest sensor of the device; absent where it has none.' }),
      loopLagMs: z.number().meta({ description: 'Longest delay of the event loop in the last ten seconds.' }),
      gallery: z.object({ groups: count, faces: count }),
      events: z.object({ stored: count, pending: count, published: count, dropped: count }),
      vision: z.object({ workers: count, busy: count, queued: count, completed: count }),
      models: z
        .array(z.object({ task: z.string(), precision: z.string(), provider: z.string() }))
        .meta({ description: 'Loaded models, with the form and the execution provider that each runs in.' }),
    }),
  })
  .meta({ id: 'StatusMessage' });

const lineValues = z
  .array(z.number().nullable())
  .meta({ description: 'One value for each step, the oldest first; null where nothing was measured.' });

const describeLines = <Name extends string>(names: readonly Name[]) =>
  z.object(Object.fromEntries(names.map((name) => [name, lineValues])) as Record<Name, typeof lineValues>);

export const historyAnswer = z
  .object({
    span: z.enum(HISTORY_SPANS),
    stepSeconds: z.int().min(1),
    endsAt: time.meta({ description: 'Time at which the last step ended.' }),
    bytes: count.meta({ description: 'Memory that the values of both spans take in the service; it does not grow.' }),
    service: describeLines(SERVICE_LINES),
    cameras: z.array(z.object({ id: z.string(), lines: describeLines(CAMERA_LINES) })),
  })
  .meta({ id: 'History' });

export const doctorAnswer = z
  .object({
    version: z.string(),
    at: time,
    counts: z.object({ ok: count, warn: count, fail: count }),
    checks: z.array(
      z.object({
        title: z.string(),
        findings: z.array(z.object({ level: z.enum(['ok', 'warn', 'fail']), text: z.string() })),
      }),
    ),
  })
  .meta({ id: 'DoctorReport' });

export const configurationAnswer = z.object({
  configuration: z
    .record(z.string(), z.unknown().meta({ description: 'A section, with the keys of the configuration file.' }))
    .meta({ description: 'All values in force, defaults included.' }),
});

export const configurationCheckAnswer = z.object({
  valid: z.boolean(),
  problems: z.array(z.string()).meta({ description: 'Each names the key, the rule that it breaks, and its line.' }),
});

export const keyAnswer = z.object({
  kind: z.enum(['app', 'admin']),
  id: z.uuid(),
  name: z.string(),
  fingerprint: z.string().meta({ description: 'The audit log names the key by it.' }),
  role: z.enum(ROLES).optional().meta({ description: 'What an admin key may do; an appKey has no role.' }),
  createdAt: time,
  revokedAt: time.optional().meta({ description: 'Absent while the key is valid.' }),
  current: z.boolean().meta({ description: 'Whether it is the key of this request, or of its session.' }),
});

export const keyListAnswer = z.object({ keys: z.array(keyAnswer) });

export const newKeyAnswer = keyAnswer.extend({
  key: z.string().meta({ description: 'The key itself, which cannot be shown again.' }),
  secretKey: z.string().optional().meta({ description: 'Only of an appKey: v2.0 of the REST API asks for it.' }),
});

export const revokedKeyAnswer = keyAnswer;

const sessionFields = {
  id: z.uuid().meta({ description: 'Names the session, and opens nothing.' }),
  name: z.string().meta({ description: 'Name of the admin key; console@device for a one-time link.' }),
  role: z.enum(ROLES),
  expiresAt: time.meta({ description: 'The session ends then at the latest.' }),
};

export const sessionAnswer = z.object({
  ...sessionFields,
  idleSeconds: count.meta({ description: 'Time until the session ends, unless the user does something.' }),
});

export const ownSessionAnswer = sessionAnswer.partial().extend({
  signedIn: z
    .boolean()
    .meta({ description: 'False: the request has neither a cookie nor a key, and the other fields are absent.' }),
});

export const sessionListAnswer = z.object({
  sessions: z.array(
    z.object({
      ...sessionFields,
      address: z.string().meta({ description: 'Network address that signed in.' }),
      openedAt: time,
      activeAt: time.meta({ description: 'Last time at which the user did something.' }),
      current: z.boolean().meta({ description: 'Whether it is the session of this request.' }),
    }),
  ),
});

export const signedOutAnswer = z.object({ id: z.uuid() });

export const versionAnswer = z.object({ version: z.string(), deviceId: z.string(), modelVersion: z.string() });

/** Returns the field `recognisability` of an answer, rounded; nothing for a face without a condition. */
export function describeRecognisability(condition: FaceCondition | undefined): { recognisability?: number } {
  return condition ? { recognisability: rounded(condition.recognisability, 1e4) } : {};
}
