// Values of a face in one picture, in pixels of the upright picture in which it was detected.
import type { FaceCondition } from './condition.js';

export interface Point {
  x: number;
  y: number;
}

/** An axis-parallel rectangle. x1 and y1 are the far edges: width = x1 - x0. */
export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/**
 * Landmark types in the order of the API and of the detector. Left and right are those that the picture has when it is turned so that the
 * face is upright.
 */
export const LANDMARK_TYPES = ['leftEye', 'rightEye', 'nose', 'leftLip', 'rightLip'] as const;

export type Landmarks = readonly [Point, Point, Point, Point, Point];

/** Head pose in degrees. Yaw > 0: the face turns to the right of the picture. Pitch > 0: up. Roll > 0: clockwise in the picture. */
export interface Pose {
  yaw: number;
  pitch: number;
  roll: number;
}

/** Measures of how suitable a face is for recognition, each 0..1 (1 is best). `overall` summarises them like a product. */
export interface Quality {
  size: number;
  sharpness: number;
  pose: number;
  exposure: number;
  detection: number;
  overall: number;
}

/** Flaw of a face's picture. `covered`: by a mask or anything else that the mask model or the embedding takes for one. */
export type FaceFlaw = 'dark' | 'bright' | 'blurred' | 'covered' | 'turned';

/** Measurements of one frame that a presentation attack may explain: a sheet of paper, a screen, a print. */
export interface PresentationTraces {
  /** Four long straight edges that enclose the face, where there are four: a sheet, a screen, but also a window behind a person. */
  border?: {
    /** Share of each side, from corner to corner, that is an edge, 0..1: left, right, top, bottom. */
    coverage: readonly [number, number, number, number];
    /** Upper left, upper right, lower left, lower right corner, as the face is turned; in pixels of the picture. */
    cornersPx: readonly [Point, Point, Point, Point];
  };
  /** Power of the strongest periodic pattern on the face, as a multiple of the power at similar frequencies. */
  periodicity: number;
  /** Mean difference of the strongest and the weakest colour channel, 0..255: on the face, and around it. */
  chroma: number;
  surroundingChroma: number;
}

/** One face as the vision pipeline returns it. */
export interface Face {
  /** Box, clamped to the picture. */
  boxPx: Box;
  landmarksPx: Landmarks;
  /** Score of the detector, 0..1. */
  detectionScore: number;
  /**
   * Present where the looks at the face did not agree on how it is turned. Its landmarks may be wrong, and an embedding made with them means
   * nothing.
   */
  isAlignmentSure?: false;
  pose: Pose;
  /** Present in frames of a camera, and for the embedded faces of a picture; for all faces of a picture if crops are requested. */
  quality?: Quality;
  /** Present if requested; true: the face wears a mask. */
  masked?: boolean;
  /** Present if requested: logit(live) - logit(spoof). Greater values mean that the face is more likely live. */
  livenessScore?: number;
  /** Present in frames of a camera, if liveness is requested. */
  presentation?: PresentationTraces;
  /** Present if requested: L2-normalised, `dimensions` floats. */
  embedding?: Float32Array;
  /** Present beside the embedding, where the embedder has a measure of it. */
  condition?: FaceCondition;
  /** Present in a picture beside the condition, where a measure of the crop is bad: the best explanation of a low recognisability. */
  flaw?: FaceFlaw;
  /** Present as the quality is: the aligned crop, 112 x 112, RGB interleaved, 8 bit (37,632 bytes). */
  crop?: Uint8Array;
}

/** A picture with all its faces, largest box first. */
export interface AnalysedImage {
  widthPx: number;
  heightPx: number;
  faces: Face[];
}

export function boxWidth(box: Box): number {
  return box.x1 - box.x0;
}

export function boxHeight(box: Box): number {
  return box.y1 - box.y0;
}

export function boxArea(box: Box): number {
  return Math.max(0, box.x1 - box.x0) * Math.max(0, box.y1 - box.y0);
}

/** Converts a box from pixels to fractions of the picture: 0..1, six decimals, about a thousandth of a pixel. */
export function toFractionBox(box: Box, image: Pick<AnalysedImage, 'widthPx' | 'heightPx'>): Box {
  return {
    x0: fraction(box.x0, image.widthPx),
    y0: fraction(box.y0, image.heightPx),
    x1: fraction(box.x1, image.widthPx),
    y1: fraction(box.y1, image.heightPx),
  };
}

/** Converts a coordinate in pixels to a fraction of the picture: 0..1, six decimals. */
export function fraction(value: number, whole: number): number {
  return rounded(Math.max(0, Math.min(1, value / whole)), 1e6);
}

/** Rounds to a multiple of 1/steps. The result is never negative zero, which JSON cannot write. */
export function rounded(value: number, steps: number): number {
  return Math.round(value * steps) / steps + 0;
}

/** Returns the intersection over union, 0..1. */
export function boxIou(a: Box, b: Box): number {
  const width = Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0);
  const height = Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / (boxArea(a) + boxArea(b) - intersection);
}

/** Limits of the API's input guide: recognition needs a face of at least 60 x 60 px, with |yaw| and |pitch| of at most 45 degrees. */
export const MIN_FACE_PX = 60;
export const MAX_YAW_PITCH_DEGREES = 45;

/** Detection score from which a face was found upright and whole: no search of the turned picture is needed for it. */
const SURE_SCORE = 0.8;

/** Tells whether the detector was sure of a face. */
export function isSureFace({ detectionScore }: Pick<Face, 'detectionScore'>): boolean {
  return detectionScore >= SURE_SCORE;
}

/** Tells whether a face is large enough, and turned little enough, to be recognised. */
export function isEligible(face: Pick<Face, 'boxPx' | 'pose'>): boolean {
  return (
    boxWidth(face.boxPx) >= MIN_FACE_PX &&
    boxHeight(face.boxPx) >= MIN_FACE_PX &&
    Math.max(Math.abs(face.pose.yaw), Math.abs(face.pose.pitch)) <= MAX_YAW_PITCH_DEGREES
  );
}
