// Which shots of a track are worth an embedding, and when: n at most, the good ones first, without keeping a person waiting.
import { isEligible, type Box, type Face } from '../domain/face.js';
import { MIN_SHOT_QUALITY } from '../vision/quality.js';
import type { AnalysedFrame } from '../vision/vision.js';

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
  /** logit(live) - logit(spoof) */
  livenessScore?: number;
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
  #limit: number;
  /** What was taken so far, and what it was before the last one. */
  #taken: Taken = { count: 0, bestQuality: 0, lastMs: undefined };
  #before: Taken = this.#taken;
  #waiting: Shot | undefined;

  /** @param limit embeddings that the track may cost */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Lets the track cost more embeddings than it had so far. */
  extend(by: number): void {
    this.#limit = Math.max(this.#limit, this.#taken.count + by);
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
    this.count(best, nowMs);
    this.#waiting = undefined;
    return best;
  }

  /** Takes account of a shot that was embedded on behalf of another track, and turned out to be of this one. */
  count({ quality }: Pick<Shot, 'quality'>, nowMs: number): void {
    const { count, bestQuality } = this.#taken;
    this.#before = this.#taken;
    this.#taken = { count: count + 1, bestQuality: Math.max(bestQuality, quality), lastMs: nowMs };
  }

  /** The last shot could not be embedded, or was of somebody else, and does not count. @param again the shot, where it may be tried again */
  giveBack(again: Shot | undefined): void {
    this.#taken = this.#before;
    if (again && !this.#waiting) this.#waiting = again;
  }

  /** Drops the shot that waits: it may be of somebody else. */
  forgetWaiting(): void {
    this.#waiting = undefined;
  }
}

function isPreferred(waiting: Shot, newer: Shot): boolean {
  return waiting.quality > newer.quality && newer.capturedAtMs - waiting.capturedAtMs < STALE_MS;
}

/**
 * The shot of a face in a frame; undefined where the face is not fit for recognition.
 * @param needsLiveness a face without a liveness score waits for its turn
 */
export function fitShot(
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
    masked,
    ...(livenessScore !== undefined && { livenessScore }),
    crop,
  };
}
