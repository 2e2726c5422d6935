// Types of a guided enrolment: the request, the caller, the progress and the result.
import type { EnrolmentPolicy } from '../domain/enrolment-policy.js';
import type { Pose, Quality } from '../domain/face.js';
import type { EnrolledFace } from '../gallery/gallery.types.js';
import type { EnrolmentReason, FrameReason } from './enrolment-refused.js';
import type { ClosestOther, FaceReport } from './face-report.types.js';

export interface EnrolmentRequest {
  group: string;
  /** Name of the appKey; defaults to that of the camera. */
  appKey?: string | undefined;
  externalImageId: string;
  /** Number of shots to choose from. Where the camera requires liveness, at least three are collected. */
  frames: number;
  timeoutMs: number;
  /** Minimum of `Quality.overall`, 0..1. */
  minQuality: number;
  /** Similarity (0..100) from which an enrolled face counts as the same person. */
  duplicateThreshold: number;
  /** Policy for this enrolment; that of the group applies where it is stricter. */
  enrolment: EnrolmentPolicy;
  /** Number of faces to enrol; several of them differ in pose. Shots are collected until there are as many poses, or until the deadline. */
  faces: number;
}

export interface EnrolmentResult {
  groupId: string;
  imageId: string;
  /** Enrolled faces, best quality first; at least one. */
  faces: { face: EnrolledFace; quality: number }[];
  /** Report of the best one. */
  report: FaceReport;
  closest?: ClosestOther;
  framesSeen: number;
  framesUsed: number;
  /** Reasons for which frames were not used, most frequent first. */
  hints: { reason: EnrolmentReason; frames: number }[];
}

export interface EnrolmentProgress {
  collected: number;
  wanted: number;
  /** Reason for which the newest frame was not used. */
  reason?: FrameReason;
  /** The only face of the newest frame. */
  face?: Pick<FaceReport, 'bbox' | 'pose'> & { quality?: Quality };
  /** Different poses that are collected, the best shot first; at most as many as faces are wanted. */
  poses: readonly Pose[];
  /** Number of different poses that are wanted. */
  posesWanted: number;
}

export interface EnrolmentCall {
  /** Name for the audit log, as in AuditEntry. */
  actor: string;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
  /** Returns whether the key of the caller is still valid. */
  isAllowed: () => boolean;
  onProgress: (progress: EnrolmentProgress) => void;
}
