// The choice of the faces of a frame whose mask and liveness are determined.
import { isEligible, type Face } from '../domain/face.js';
import { MIN_SHOT_QUALITY } from './quality.js';

/**
 * Most faces of one frame whose mask and liveness are determined; the others get their turn in later frames. The liveness of a face takes
 * about as long as the detection of a frame: without this limit, the results for a crowd would be late.
 */
export const MAX_ATTRIBUTED = 3;

/**
 * Picks at most `most` of the faces that are fit for recognition: the best ones by quality, and one of the others, which changes from
 * frame to frame, so that no face waits for ever behind better faces whose tracks are never decided.
 * @param frameNumber number of the frame, which decides whose turn it is
 */
export function pickAttributedFaces(faces: readonly Face[], frameNumber: number, most = MAX_ATTRIBUTED): Face[] {
  const overall = ({ quality }: Face): number => quality?.overall ?? 0;
  const fit = faces.filter((face) => isEligible(face) && overall(face) >= MIN_SHOT_QUALITY);
  if (fit.length <= most) return fit;
  const best = fit.toSorted((a, b) => overall(b) - overall(a)).slice(0, most - 1);
  const others = fit.filter((face) => !best.includes(face));
  // A hash spreads the turns: often only every second or third frame is analysed, and a plain remainder of the frame number would
  // then leave some faces out for ever.
  const turn = others[(Math.imul(frameNumber, 0x9e3779b1) >>> 16) % others.length];
  return turn ? [...best, turn] : best;
}
