// The check whether one analysed frame of a camera shows exactly one person who is fit to be enrolled.
import { boxHeight, boxWidth, type Face, type Quality } from '../domain/face.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { FrameReason } from './enrolment-refused.js';

// These bounds come before the embedding: each is cheap, and tells the person what to change. What they let through is judged by its recognisability.
/** Minimum of the shorter side of the box. The aligned crop is 112 px wide: a smaller face would be scaled up much. */
const MIN_SIDE_PX = 80;
/** Maximum tilt of the head in the plane of the picture. Nobody stands before a door like that: a tilt beyond it is a camera that hangs turned. */
const MAX_ROLL_DEGREES = 45;
/** Maximum turn of the head, as the root of the summed squares of yaw and pitch. */
const MAX_TURN_DEGREES = 25;
/** Minimum sharpness, as vision/quality.ts measures it; cli/enrol/picture-check.ts says how the limit was found. */
const MIN_SHARPNESS = 0.35;
const MIN_EXPOSURE = 0.5;
/** Mean grey level of the crop below which a badly lit face counts as too dark, otherwise as too bright. */
const MEDIUM_GREY = 118;

/** Face that can be embedded. */
export type FitFace = Face & Required<Pick<Face, 'crop' | 'quality'>>;

/**
 * Returns the one fit face of the frame, or the reason that a person can best do something about.
 * @param minQuality minimum of `Quality.overall`
 */
export function judgeFrame(
  frame: Pick<AnalysedFrame, 'faces'>,
  minQuality: number,
): { face: FitFace } | { reason: FrameReason } {
  const [face, ...others] = frame.faces;
  if (!face) return { reason: 'no-face' };
  if (others.length > 0) return { reason: 'several-faces' };
  if (Math.min(boxWidth(face.boxPx), boxHeight(face.boxPx)) < MIN_SIDE_PX) return { reason: 'too-small' };
  if (!hasCrop(face)) return { reason: 'obscured' };
  if (Math.abs(face.pose.roll) > MAX_ROLL_DEGREES) return { reason: 'tilted' };
  if (face.masked === true) return { reason: 'masked' };
  if (Math.hypot(face.pose.yaw, face.pose.pitch) > MAX_TURN_DEGREES) return { reason: 'turned' };
  if (face.quality.exposure < MIN_EXPOSURE) return { reason: judgeLight(face.crop) };
  if (face.quality.sharpness < MIN_SHARPNESS) return { reason: 'blurred' };
  if (!(face.quality.overall >= minQuality)) return { reason: findWorst(face) };
  return { face };
}

function hasCrop(face: Face): face is FitFace {
  return face.crop !== undefined && face.quality !== undefined;
}

/** Returns the reason that belongs to the lowest measure of quality. */
function findWorst({ quality, crop }: FitFace): FrameReason {
  const reasons: [keyof Quality, FrameReason][] = [
    ['size', 'too-small'],
    ['sharpness', 'blurred'],
    ['pose', 'turned'],
    ['exposure', judgeLight(crop)],
    ['detection', 'obscured'],
  ];
  return reasons.reduce((worst, one) => (quality[one[0]] < quality[worst[0]] ? one : worst))[1];
}

/** Decides whether a badly lit face is too dark or too bright. @param crop RGB interleaved */
function judgeLight(crop: Uint8Array): FrameReason {
  let sum = 0;
  for (const value of crop) sum += value;
  return sum / crop.length < MEDIUM_GREY ? 'too-dark' : 'too-bright';
}
