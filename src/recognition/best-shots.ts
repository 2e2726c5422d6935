// Which shots of a track are worth an embedding, and when: n at most, the good ones first, without keeping a person waiting.
import { isEligible, type Box, type Face } from '../domain/face.js';
import type { AnalysedFrame } from '../vision/vision.js';

/** Below this `Quality.overall` a face says more about the picture than about the person. */
export const MIN_SHOT_QUALITY = 0.4;
/** While a decision may be near, a shot is embedded at once unless it is much worse than the best one so far … */
const HURRIED_RATIO = 0.8;
/** … and while nobody is in sight to agree on, only a better one is, */
const PATIENT_RATIO = 1.05;
/** or the best of those that came in this time. */
const PATIENCE_MS = 250;
/** A shot that waited so long, for a place in a full queue, gives way to any newer one: an event's life begins at its capture. */
const STALE_MS = 1_000;

/** One sight of a face that is fit for recognition. */
export interface Shot {
  capturedAtMs: number;
  /** Fractions of the frame, 0..1. */
  bbox: Box;
  /** 0..1, `Quality.overall`. */
  quality: number;
  masked?: boolean;
  /** Aligned crop, as `Face.crop`. */
  crop: Uint8Array;
}

interface Taken {
  count: number;
  bestQuality: number;
  lastMs: number | undefined;
}

/** Of one track. Holds one crop at most. */
export class BestShots {
  readonly #limit: number;
  /** What was taken so far, and what it was before the last one. */
  #taken: Taken = { count: 0, bestQuality: 0, lastMs: undefined };
  #before: Taken = this.#taken;
  #waiting: Shot | undefined;

  /** @param limit embeddings that the track may cost */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Called once for each frame in which the track was seen.
   * @param shot of this frame, where its face is fit
   * @param hurried whether a few more agreeing frames could decide
   * @returns the shot to embed now
   */
  take(shot: Shot | undefined, nowMs: number, hurried: boolean): Shot | undefined {
    if (shot && !(this.#waiting && isPreferred(this.#waiting, shot))) this.#waiting = shot;
    const best = this.#waiting;
    const { count, bestQuality, lastMs } = this.#taken;
    if (!best || count >= this.#limit) return undefined;
    const isGood = best.quality >= bestQuality * (hurried ? HURRIED_RATIO : PATIENT_RATIO);
    const isDue = lastMs === undefined || nowMs - lastMs >= PATIENCE_MS;
    if (!isGood && !isDue) return undefined;
    this.#before = this.#taken;
    this.#taken = { count: count + 1, bestQuality: Math.max(bestQuality, best.quality), lastMs: nowMs };
    this.#waiting = undefined;
    return best;
  }

  /** The last shot could not be embedded, and does not count. @param again the shot, where it may be tried again */
  giveBack(again: Shot | undefined): void {
    this.#taken = this.#before;
    if (again && !this.#waiting) this.#waiting = again;
  }
}

function isPreferred(waiting: Shot, newer: Shot): boolean {
  return waiting.quality > newer.quality && newer.capturedAtMs - waiting.capturedAtMs < STALE_MS;
}

/** The shot of a face in a frame; undefined where the face is not fit for recognition. */
export function fitShot(
  face: Face,
  frame: Pick<AnalysedFrame, 'widthPx' | 'heightPx' | 'capturedAtMs'>,
): Shot | undefined {
  const { crop, quality, masked, boxPx } = face;
  if (!crop || !quality || !isEligible(face) || !(quality.overall >= MIN_SHOT_QUALITY)) return undefined;
  const x = (px: number) => Math.max(0, Math.min(1, px / frame.widthPx));
  const y = (px: number) => Math.max(0, Math.min(1, px / frame.heightPx));
  const bbox = { x0: x(boxPx.x0), y0: y(boxPx.y0), x1: x(boxPx.x1), y1: y(boxPx.y1) };
  return { capturedAtMs: frame.capturedAtMs, bbox, quality: Math.min(1, quality.overall), masked, crop };
}
