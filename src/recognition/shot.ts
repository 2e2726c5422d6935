// Shots: one frame's picture of a face, before and after its embedding and the search for candidates.
import type { CameraConfig } from '../config/camera-schema.js';
import type { FaceCondition } from '../domain/condition.js';
import type { EmbeddedFace } from '../domain/embedding.js';
import { isEligible, type Box, type Face } from '../domain/face.js';
import { MIN_SHOT_QUALITY } from '../vision/quality.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { CandidateShot } from './identity.js';
import type { OtherEmbeddings } from './other-embedder.js';

/** One frame's picture of a face that is fit for recognition. */
export interface Shot {
  capturedAtMs: number;
  /** Fractions of the frame, 0..1. */
  bbox: Box;
  /** `Quality.overall`, 0..1. */
  quality: number;
  masked?: boolean;
  /** logit(live) - logit(spoof) */
  livenessScore?: number;
  /** Aligned crop, as `Face.crop`. */
  crop: Uint8Array;
}

/** The part of a shot by which its track is recognised again. */
export interface ReferenceShot extends EmbeddedFace {
  quality: number;
}

/**
 * Returns whether the face of a shot is masked, from the verdict of the mask model and the condition of the embedding; undefined where
 * neither is known. Where the camera refuses masks, one of the two is enough; elsewhere the mask model decides, if there is one.
 */
export function judgeMask(
  mode: CameraConfig['mask'],
  byModel: boolean | undefined,
  condition: Pick<FaceCondition, 'masked'> | undefined,
): boolean | undefined {
  if (mode === false) return undefined;
  if (mode === 'refuse' && (byModel === true || condition?.masked === true)) return true;
  return byModel ?? condition?.masked;
}

/** A shot after its embedding and its search. The crop is kept only where an event or the keeper of unknown faces may need it. */
export interface SearchedShot extends Omit<Shot, 'crop'>, CandidateShot, ReferenceShot {
  condition?: FaceCondition | undefined;
  /** Embeddings under the other models that groups of the camera need. */
  others?: OtherEmbeddings | undefined;
  /** Time of the track's clock, which never decreases. */
  atMs: number;
  crop?: Uint8Array;
}

/**
 * Makes a shot of a face in a frame.
 * @param needsLiveness true: a face without a liveness score gives no shot
 * @returns undefined when the face is not fit for recognition
 */
export function createShot(
  face: Face,
  frame: Pick<AnalysedFrame, 'widthPx' | 'heightPx' | 'capturedAtMs'>,
  needsLiveness = false,
): Shot | undefined {
  const { crop, quality, masked, livenessScore, boxPx } = face;
  if (!crop || !quality || !isEligible(face) || !(quality.overall >= MIN_SHOT_QUALITY)) return undefined;
  if (needsLiveness && livenessScore === undefined) return undefined;
  const x = (px: number) => Math.max(0, Math.min(1, px / frame.widthPx));
  const y = (px: number) => Math.max(0, Math.min(1, px / frame.heightPx));
  const bbox = { x0: x(boxPx.x0), y0: y(boxPx.y0), x1: x(boxPx.x1), y1: y(boxPx.y1) };
  return {
    capturedAtMs: frame.capturedAtMs,
    bbox,
    quality: Math.min(1, quality.overall),
    ...(masked !== undefined && { masked }),
    ...(livenessScore !== undefined && { livenessScore }),
    crop,
  };
}
