// Schemas of a judged face and of the closest other person, as the answers of enrolments have them.
import * as z from 'zod';
import { rounded } from '../../domain/face.js';
import type { ClosestOther, FaceReport } from '../../enrolment/face-report.types.js';

const fraction = z.number().min(0).max(1);
const percent = z.number().min(0).max(100);
const degrees = z.number().min(-180).max(180);

/** Steps of a fraction, and of a degree. */
const FRACTION_STEPS = 1e4;
const DEGREE_STEPS = 10;

export const boxAnswer = z
  .object({ x0: fraction, y0: fraction, x1: fraction, y1: fraction })
  .meta({ description: 'Fractions of the width and the height of the picture.' });

export const poseAnswer = z.object({ yaw: degrees, pitch: degrees, roll: degrees }).meta({
  description:
    'Degrees. Yaw above 0: the face turns to the right of the picture; pitch above 0: up; roll above 0: clockwise.',
});

export const qualityAnswer = z
  .object({
    size: fraction,
    sharpness: fraction,
    pose: fraction,
    exposure: fraction,
    detection: fraction.meta({ description: 'The detection score, on the scale of the others.' }),
    overall: fraction.meta({ description: 'All of them together.' }),
  })
  .meta({ description: '1 is best.' });

export const faceReportAnswer = z
  .object({
    bbox: boxAnswer,
    pose: poseAnswer,
    quality: qualityAnswer,
    detectionScore: fraction,
    masked: z.boolean().optional().meta({ description: 'Absent without a mask model.' }),
    recognisability: fraction.optional().meta({
      description: 'Whether the embedding describes the person. Absent where the models have no measure of it.',
    }),
    flaw: z
      .enum(['dark', 'bright', 'blurred', 'covered', 'turned'])
      .optional()
      .meta({ description: 'Best explanation of a low recognisability.' }),
  })
  .meta({ id: 'FaceReport' });

export const closestOtherAnswer = z
  .object({
    externalImageId: z
      .string()
      .optional()
      .meta({ description: 'Absent for a face without one, which is a person of its own.' }),
    faceId: z.uuid(),
    similarity: percent,
    threshold: percent.meta({
      description: 'Lowest similarity from which a camera that watches the group recognises somebody.',
    }),
    lookalike: z.boolean().meta({
      description:
        'The similarity is less than 10 below the threshold, or above it: a camera may take the two for one person.',
    }),
  })
  .meta({
    id: 'ClosestOther',
    description: 'The person of another externalImageId who is most like this one; absent where there is nobody else.',
  });

export function describePose({ yaw, pitch, roll }: FaceReport['pose']): z.output<typeof poseAnswer> {
  return {
    yaw: rounded(yaw, DEGREE_STEPS),
    pitch: rounded(pitch, DEGREE_STEPS),
    roll: rounded(roll, DEGREE_STEPS),
  };
}

export function describeQuality(quality: FaceReport['quality']): z.output<typeof qualityAnswer> {
  const { size, sharpness, pose, exposure, detection, overall } = quality;
  return {
    size: rounded(size, FRACTION_STEPS),
    sharpness: rounded(sharpness, FRACTION_STEPS),
    pose: rounded(pose, FRACTION_STEPS),
    exposure: rounded(exposure, FRACTION_STEPS),
    detection: rounded(detection, FRACTION_STEPS),
    overall: rounded(overall, FRACTION_STEPS),
  };
}

export function describeReport(report: FaceReport): z.output<typeof faceReportAnswer> {
  const { bbox, pose, quality, detectionScore, masked, condition, flaw } = report;
  return {
    bbox,
    pose: describePose(pose),
    quality: describeQuality(quality),
    detectionScore: rounded(detectionScore, FRACTION_STEPS),
    ...(masked === undefined ? {} : { masked }),
    ...(condition && { recognisability: rounded(condition.recognisability, FRACTION_STEPS) }),
    ...(flaw && { flaw }),
  };
}

export function describeClosest({ isLookalike, ...rest }: ClosestOther): z.output<typeof closestOtherAnswer> {
  return { ...rest, threshold: rounded(rest.threshold, FRACTION_STEPS), lookalike: isLookalike };
}
