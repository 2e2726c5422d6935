// Faces as the contract writes them: fractions of the picture, degrees, percent.
import { fraction, toFractionBox, LANDMARK_TYPES, rounded, type AnalysedImage, type Face } from '../../domain/face.js';
import type { EnrolledFace } from '../../gallery/gallery.types.js';
import type { EnrolledFaceDetail, FaceDetail } from './answers.js';

type Dimensions = Pick<AnalysedImage, 'widthPx' | 'heightPx'>;

/** Optional fields that the client asks for in every face. */
export interface FaceFields {
  orientation: boolean;
  mask: boolean;
  /** Liveness score below which a face counts as an attack; absent when the client does not ask for spoofing. */
  livenessThreshold?: number;
}

export function describeFace(face: Face, image: Dimensions, fields: FaceFields): FaceDetail {
  const [leftEye, rightEye, nose, leftLip, rightLip] = face.landmarksPx;
  const points = { leftEye, rightEye, nose, leftLip, rightLip };
  const detail: FaceDetail = {
    bbox: toFractionBox(face.boxPx, image),
    landmarks: LANDMARK_TYPES.map((type) => ({
      type,
      x: fraction(points[type].x, image.widthPx),
      y: fraction(points[type].y, image.heightPx),
    })),
    confidence: toPercent(face.detectionScore),
  };
  if (fields.orientation) {
    const { yaw, pitch, roll } = face.pose;
    detail.orientation = { x: rounded(yaw, 1e4), y: rounded(pitch, 1e4), z: rounded(roll, 1e4) };
  }
  if (fields.mask && face.masked !== undefined) detail.mask = face.masked;
  if (fields.livenessThreshold !== undefined) {
    // A face without a liveness score, and one whose score is not a number, counts as an attack.
    const isLive = (face.livenessScore ?? -Infinity) >= fields.livenessThreshold;
    detail.spoofing = !isLive;
  }
  return detail;
}

export function describeEnrolledFace(face: EnrolledFace): EnrolledFaceDetail {
  const { bbox, faceId, imageId, externalImageId, detectionScore } = face;
  return {
    bbox: toFractionBox(bbox, { widthPx: 1, heightPx: 1 }),
    faceId,
    imageId,
    ...(externalImageId !== undefined && { externalImageId }),
    confidence: toPercent(detectionScore),
  };
}

function toPercent(score: number): number {
  return rounded(Math.max(0, Math.min(100, score * 100)), 1e4);
}
