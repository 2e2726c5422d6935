// Schemas of the answers of enrolments: from a camera, its lines of progress, and from a picture.
import * as z from 'zod';
import { ENROLMENT_REASONS, FRAME_REASONS, type FrameReason } from '../../enrolment/enrolment-refused.js';
import { errorAnswer, recognisability } from './answers.js';
import { boxAnswer, closestOtherAnswer, faceReportAnswer, poseAnswer, qualityAnswer } from './face-answers.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);

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
    face: faceReportAnswer.meta({ description: 'Measures of the best frame.' }),
    closest: closestOtherAnswer.optional(),
    framesSeen: count,
    framesUsed: count,
    hints: z.array(hint).meta({ description: 'Problems that frames had, the most frequent first.' }),
  })
  .meta({ id: 'Enrolment' });

/** One line of an enrolment with progress=true; the last line is `result` or `error`. */
export const progressLine = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('progress'),
      collected: count,
      wanted: count,
      reason: z.enum(Object.keys(FRAME_REASONS) as [FrameReason, ...FrameReason[]]).optional(),
      hint: z.string().optional().meta({ description: 'Hint for the person in front of the camera.' }),
      face: z
        .object({ bbox: boxAnswer, pose: poseAnswer, quality: qualityAnswer.optional() })
        .optional()
        .meta({ description: 'The face now; absent where there is none, or more than one.' }),
      poses: z
        .array(poseAnswer)
        .meta({ description: 'Different poses that are collected, the best one first; at most posesWanted.' }),
      posesWanted: count.meta({ description: 'Number of faces that were asked for.' }),
    }),
    z.object({ type: z.literal('result'), result: enrolmentAnswer }),
    z.object({ type: z.literal('error'), error: errorAnswer.shape.error }),
  ])
  .meta({ id: 'ProgressLine' });

export const pictureEnrolmentAnswer = z
  .object({
    groupId: z.string(),
    externalImageId: z.string(),
    enrolled: z.boolean().meta({ description: 'False for a dry run.' }),
    faceId: z.uuid().optional(),
    imageId: z.uuid().optional(),
    quality: fraction.meta({ description: 'Quality of the face.' }),
    recognisability,
    face: faceReportAnswer,
    closest: closestOtherAnswer.optional(),
    liveness: z
      .literal('not-judged')
      .meta({ description: 'One picture does not show whether the person was alive before it.' }),
  })
  .meta({ id: 'PictureEnrolment' });
