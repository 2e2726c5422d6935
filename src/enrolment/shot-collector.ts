// The frames of one guided enrolment: those that fit are gathered, the others say what would help.
import { fractionBox, type Box, type Pose } from '../domain/face.js';
import type { AnalysedFrame } from '../vision/vision.js';
import { judgeFrame } from './frame-check.js';
import { EnrolmentRefused, type EnrolmentReason, type FrameReason } from './enrolment-refused.js';

/** So many fit frames are enough when the time is over. */
const ENOUGH = 3;

/** One sight of the person. */
export interface EnrolmentShot {
  /** Aligned crop, as `Face.crop`. */
  crop: Uint8Array;
  /** `Quality.overall` */
  quality: number;
  pose: Pose;
  /** Fractions of the frame. */
  bbox: Box;
  detectionScore: number;
  livenessScore?: number;
}

export interface CollectorOptions {
  /** Fit frames to gather. */
  frames: number;
  minQuality: number;
  /** A frame without a liveness score does not fit. */
  needsLiveness: boolean;
}

export class ShotCollector {
  readonly #options: CollectorOptions;
  readonly #shots: EnrolmentShot[] = [];
  readonly #reasons = new Map<EnrolmentReason, number>();
  #seen = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  get shots(): readonly EnrolmentShot[] {
    return this.#shots;
  }

  /** Frames that were looked at. */
  get seen(): number {
    return this.#seen;
  }

  get isComplete(): boolean {
    return this.#shots.length >= this.#options.frames;
  }

  /** Complete, or as good as that when the time is over. */
  get isEnough(): boolean {
    return this.#shots.length >= Math.min(ENOUGH, this.#options.frames);
  }

  /** @returns what would help, where the frame does not fit and a person can do something about it */
  take(frame: AnalysedFrame): FrameReason | undefined {
    if (this.isComplete) return undefined;
    this.#seen++;
    const verdict = judgeFrame(frame, this.#options.minQuality);
    if ('reason' in verdict) {
      this.#count(verdict.reason);
      return verdict.reason;
    }
    const { crop, quality, pose, boxPx, detectionScore, livenessScore } = verdict.face;
    if (livenessScore === undefined && this.#options.needsLiveness) {
      this.#count('liveness-missing');
      return undefined;
    }
    const bbox = fractionBox(boxPx, frame);
    this.#shots.push({
      crop,
      quality: quality.overall,
      pose,
      bbox,
      detectionScore,
      ...(livenessScore === undefined ? {} : { livenessScore }),
    });
    return undefined;
  }

  /** What was amiss, the most frequent first. */
  amiss(): { reason: EnrolmentReason; frames: number }[] {
    return [...this.#reasons].map(([reason, frames]) => ({ reason, frames })).sort((a, b) => b.frames - a.frames);
  }

  /** Of a time that is over without enough fit frames, when at least one frame was seen. */
  refusal(): EnrolmentRefused {
    // Somebody who came late was not missing: what was amiss with a face says more than that there was none.
    const amiss = this.amiss();
    const reason = amiss.find((one) => one.reason !== 'no-face') ?? amiss[0];
    return new EnrolmentRefused(reason?.reason ?? 'no-face');
  }

  #count(reason: EnrolmentReason): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }
}
