// Faces as the contract writes them: fractions of the picture, degrees, percent.
import { fraction, fractionBox, LANDMARK_TYPES, rounded, type AnalysedImage, type Face } from '../../domain/face.js';
import type { EnrolledFace } from '../../gallery/gallery.types.js';
import type { EnrolledFaceDetail, FaceDetail } from './answers.js';

type Dimensions = Pick<AnalysedImage, 'widthPx' | 'heightPx'>;

/** Which optional fields the client wants of every face. */
export interface FaceFields {
  orientation: boolean;
  mask: boolean;
  /** A face whose liveness score is below it is an attack; undefined: the field is left out. */
  livenessThreshold?: number;
}

export function faceDetail(face: Face, image: Dimensions, fields: FaceFields): FaceDetail {
  const detail: FaceDetail = {
    bbox: fractionBox(face.boxPx, image),
    landmarks: face.landmarksPx.map((point, i) => ({
      type: LANDMARK_TYPES[i],
      x: fraction(point.x, image.widthPx),
      y: fraction(point.y, image.heightPx),
    })),
    confidence: percent(face.detectionScore),
  };
  if (fields.orientation) {
    const { yaw, pitch, roll } = face.pose;
    detail.orientation = { x: rounded(yaw, 1e4), y: rounded(pitch, 1e4), z: rounded(roll, 1e4) };
  }
  if (fields.mask && face.masked !== undefined) detail.mask = face.masked;
  if (fields.livenessThreshold !== undefined) {
    // A face that could not be scored is no living one.
    detail.spoofing = !((face.livenessScore ?? -Infinity) >= fields.livenessThreshold);
  }
  return detail;
}

export function enrolledFaceDetail(face: EnrolledFace): EnrolledFaceDetail {
  const { bbox, faceId, imageId, externalImageId, detectionScore } = face;
  return {
    bbox: fractionBox(bbox, { widthPx: 1, heightPx: 1 }),
    faceId,
    imageId,
    ...(externalImageId === undefined ? {} : { externalImageId }),
    confidence: percent(detectionScore),
  };
}

function percent(score: number): number {
  return rounded(Math.max(0, Math.min(100, score * 100)), 1e4);
}
