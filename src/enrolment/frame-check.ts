// Whether one analysed frame of a camera shows exactly one person, fit to be enrolled.
import { boxHeight, boxWidth, type Face, type Quality } from '../domain/face.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { FrameReason } from './enrolment-refused.js';

/** Shorter side of the box: the aligned crop is 112 px wide, so that less is blown up. */
const SMALLEST_PX = 80;
const TURNED_DEGREES = 25;
/** Sharpness of vision/quality.ts: see cli/enrol-judge.ts for how it was measured. */
const BLURRED = 0.35;
const BADLY_LIT = 0.5;
/** Mean grey level of the crop that parts too dark from too bright. */
const MEDIUM_GREY = 118;

/** A face of one person, to be embedded. */
export type FitFace = Face & Required<Pick<Face, 'crop' | 'quality'>>;

/** @param minQuality of `Quality.overall` */
export function judgeFrame(
  frame: Pick<AnalysedFrame, 'faces'>,
  minQuality: number,
): { face: FitFace } | { reason: FrameReason } {
  if (frame.faces.length === 0) return { reason: 'no-face' };
  if (frame.faces.length > 1) return { reason: 'several-faces' };
  const [face] = frame.faces;
  if (Math.min(boxWidth(face.boxPx), boxHeight(face.boxPx)) < SMALLEST_PX) return { reason: 'too-small' };
  if (!hasCrop(face)) return { reason: 'obscured' };
  if (face.masked === true) return { reason: 'masked' };
  if (Math.hypot(face.pose.yaw, face.pose.pitch) > TURNED_DEGREES) return { reason: 'turned' };
  if (face.quality.exposure < BADLY_LIT) return { reason: lightOf(face.crop) };
  if (face.quality.sharpness < BLURRED) return { reason: 'blurred' };
  if (!(face.quality.overall >= minQuality)) return { reason: worstOf(face) };
  return { face };
}

function hasCrop(face: Face): face is FitFace {
  return face.crop !== undefined && face.quality !== undefined;
}

/** What would help most. */
function worstOf({ quality, crop }: FitFace): FrameReason {
  const reasons: [keyof Quality, FrameReason][] = [
    ['size', 'too-small'],
    ['sharpness', 'blurred'],
    ['pose', 'turned'],
    ['exposure', lightOf(crop)],
    ['detection', 'obscured'],
  ];
  return reasons.reduce((worst, one) => (quality[one[0]] < quality[worst[0]] ? one : worst))[1];
}

/** @param crop RGB interleaved */
function lightOf(crop: Uint8Array): FrameReason {
  let sum = 0;
  for (const value of crop) sum += value;
  return sum / crop.length < MEDIUM_GREY ? 'too-dark' : 'too-bright';
}
