// Types of what an enrolment tells about the face and its person: the measures, and who is most like them.
import type { FaceCondition } from '../domain/condition.js';
import type { Box, FaceFlaw, Pose, Quality } from '../domain/face.js';
import type { ClosestPerson } from '../gallery/person.types.js';

/** A face that an enrolment judged, without its picture. */
export interface FaceReport {
  /** Fractions of the picture, 0..1. */
  bbox: Box;
  pose: Pose;
  quality: Quality;
  /** 0..1 */
  detectionScore: number;
  /** Verdict of the mask model, where there is one. */
  masked?: boolean;
  condition?: FaceCondition;
  /** See Face.flaw. */
  flaw?: FaceFlaw;
}

/** The person of another externalImageId who is most like the one that is enrolled. */
export interface ClosestOther extends ClosestPerson {
  /** Lowest similarity from which a camera that watches the group recognises somebody, 0..100. */
  threshold: number;
  /** True where the similarity is near the threshold, or above it: a camera may take the two for one person. */
  isLookalike: boolean;
}
