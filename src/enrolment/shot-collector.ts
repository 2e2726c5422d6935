// The shots of one guided enrolment: fit frames are kept, the reasons of the others are counted.
import { toFractionBox, type Box, type Pose, type Quality } from '../domain/face.js';
import { MIN_LIVENESS_SAMPLES } from '../recognition/liveness.js';
import { PresentationEvidence, type Evidence } from '../recognition/presentation-evidence.js';
import type { AnalysedFrame } from '../vision/vision.js';
import { EnrolmentRefused, type EnrolmentReason, type FrameReason } from './enrolment-refused.js';
import { judgeFrame } from './frame-check.js';
import { pickPoses } from './poses.js';

/** Number of shots that is enough at the deadline. */
const ENOUGH_SHOTS = 3;
/** Limit of shots; a crop has 37,632 bytes. */
const MAX_SHOTS = 60;

/** One frame's picture of the person. */
export interface EnrolmentShot {
  /** Aligned crop, as `Face.crop`. */
  crop: Uint8Array;
  /** `Quality.overall`, 0..1. */
  quality: number;
  measures: Quality;
  pose: Pose;
  /** Fractions of the frame, 0..1. */
  bbox: Box;
  detectionScore: number;
  /** Verdict of the mask model, where there is one. */
  masked?: boolean;
  /** logit(live) - logit(spoof) */
  livenessScore?: number;
}

export interface CollectorOptions {
  /** Number of shots to collect. */
  frames: number;
  /** Number of faces to enrol: as many different poses are collected. Default: 1. */
  faces?: number;
  minQuality: number;
  /** True: a frame without a liveness score is not used, and at least MIN_LIVENESS_SAMPLES shots are collected. */
  needsLiveness: boolean;
}

export class ShotCollector {
  readonly #options: CollectorOptions;
  readonly #shots: EnrolmentShot[] = [];
  readonly #reasons = new Map<EnrolmentReason, number>();
  readonly #evidence = new PresentationEvidence();
  #wanted: number;
  #seen = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#wanted = Math.max(options.frames, options.needsLiveness ? MIN_LIVENESS_SAMPLES : 1);
  }

  get shots(): readonly EnrolmentShot[] {
    return this.#shots;
  }

  /** Number of shots to collect. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Number of frames that were checked. */
  get seen(): number {
    return this.#seen;
  }

  get isComplete(): boolean {
    return this.#hasAllShots && this.poses.length >= this.posesWanted;
  }

  /** Different poses among the shots, the best shot first; at most as many as are wanted. */
  get poses(): Pose[] {
    return pickPoses(this.#shots, this.posesWanted).map(({ pose }) => pose);
  }

  get posesWanted(): number {
    return this.#options.faces ?? 1;
  }

  get #hasAllShots(): boolean {
    return this.#shots.length >= this.#wanted;
  }

  /** Number of shots that is enough to go on with at the deadline. */
  get needed(): number {
    return Math.min(ENOUGH_SHOTS, this.#wanted);
  }

  get isEnough(): boolean {
    return this.#shots.length >= this.needed;
  }

  /** Collects further shots after those so far. @returns false when the limit is reached */
  extend(by: number): boolean {
    if (this.#wanted >= MAX_SHOTS) return false;
    this.#wanted = Math.min(MAX_SHOTS, this.#wanted + by);
    return true;
  }

  /** Checks one frame. @returns the reason for which it is not used, where the person can do something about it */
  take(frame: AnalysedFrame): FrameReason | undefined {
    if (this.isComplete) return undefined;
    this.#seen++;
    const [face, ...others] = frame.faces;
    if (face && others.length === 0) this.#evidence.add(face, frame.capturedAtMs);
    else this.#evidence.interrupt();
    const verdict = judgeFrame(frame, this.#options.minQuality);
    if ('reason' in verdict) {
      this.#count(verdict.reason);
      return verdict.reason;
    }
    const { crop, quality, pose, boxPx, detectionScore, masked, livenessScore } = verdict.face;
    if (livenessScore === undefined && this.#options.needsLiveness) {
      this.#count('liveness-missing');
      return undefined;
    }
    const shot: EnrolmentShot = {
      crop,
      quality: quality.overall,
      measures: quality,
      pose,
      bbox: toFractionBox(boxPx, frame),
      detectionScore,
      ...(masked === undefined ? {} : { masked }),
      ...(livenessScore === undefined ? {} : { livenessScore }),
    };
    // Once there are enough shots, only one of another pose is worth its memory.
    if (!this.#hasAllShots || this.#addsPose(shot)) this.#shots.push(shot);
    return undefined;
  }

  #addsPose(shot: EnrolmentShot): boolean {
    return pickPoses([...this.#shots, shot], this.posesWanted).length > this.poses.length;
  }

  /** Returns the evidence of a print or a screen in all frames with exactly one face. */
  evidence(): Evidence {
    return this.#evidence.judge();
  }

  /** Takes a shot out again, whose embedding showed that it is not fit: another frame is to replace it. */
  discard(shot: EnrolmentShot, reason: FrameReason): void {
    const at = this.#shots.indexOf(shot);
    if (at < 0) throw new TypeError('the shot is not one of the collected ones');
    this.#shots.splice(at, 1);
    this.#count(reason);
  }

  /** Returns the reasons for which frames were not used, most frequent first. */
  listReasons(): { reason: EnrolmentReason; frames: number }[] {
    return [...this.#reasons].map(([reason, frames]) => ({ reason, frames })).sort((a, b) => b.frames - a.frames);
  }

  /** Returns the refusal for a deadline that passed without enough shots, when at least one frame was seen. */
  refusal(): EnrolmentRefused {
    const reasons = this.listReasons();
    // A person who came late leaves many frames without a face: any other reason says more.
    const reason = reasons.find((one) => one.reason !== 'no-face') ?? reasons[0];
    if (reason) return new EnrolmentRefused(reason.reason);
    if (this.#shots.length === 0) return new EnrolmentRefused('no-face');
    return new EnrolmentRefused(this.#options.needsLiveness ? 'liveness-missing' : 'too-few-frames');
  }

  #count(reason: EnrolmentReason): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }
}
