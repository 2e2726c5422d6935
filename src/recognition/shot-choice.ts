// The choice of the shots of one frame that are embedded: whether a track needs one, and which come first in a crowd.
import type { FramePace } from '../camera/frame-pace.js';
import type { CameraConfig } from '../config/camera-schema.js';
import type { Face } from '../domain/face.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { Challenges } from './challenges.js';
import { demandsChallenge, demandsLiveness } from './liveness-mode.js';
import type { PathStep } from './path-tracker.js';
import { createShot, type Shot } from './shot.js';
import { MIN_RECHECK_MS, type Track } from './track.js';

/**
 * Shots that are embedded in a frame of 250 ms or less; in a crowd the others wait for the next frame, so that the first decisions come
 * sooner. Where frames are further apart, the next frame is late for that, and more of them are embedded.
 */
const EMBEDDED_PER_FRAME = 4;
const EMBEDDED_FRAME_MS = 250;
/** Most shots of a frame, however far it is from the next one. */
const MAX_EMBEDDED_PER_FRAME = 20;

/** A face of this frame, with the track that it should continue. */
export interface TrackedFace {
  step: PathStep;
  track: Track;
  face: Face;
}

/** A shot of this frame that is to be embedded. */
export interface TrackedShot {
  step: PathStep;
  track: Track;
  shot: Shot;
  /** True: it would be an answer to the challenge of the track. */
  isAnswer?: boolean;
}

export interface ShotChoiceParts {
  config: Pick<CameraConfig, 'liveness'>;
  hasLiveness: boolean;
  challenges: Pick<Challenges, 'watch'>;
  pace: Pick<FramePace, 'spanMs'>;
}

export class ShotChoice {
  readonly #parts: ShotChoiceParts;

  constructor(parts: ShotChoiceParts) {
    this.#parts = parts;
  }

  /** Returns the shot to embed now, if the track of this face needs one. Times must not decrease. */
  take({ step, track, face }: TrackedFace, frame: AnalysedFrame, nowMs: number): TrackedShot[] {
    const { config, hasLiveness, challenges } = this.#parts;
    const isWatched = demandsChallenge(config.liveness) && track.state !== 'settled';
    const isAnswer = isWatched && challenges.watch(track, face, nowMs);
    if (nowMs < track.notBeforeMs) return [];
    const needsLiveness = demandsLiveness(config.liveness) && hasLiveness && track.state !== 'settled';
    const shot = createShot(face, frame, needsLiveness);
    if (isAnswer && shot && track.state === 'open') {
      track.bestShots.count(shot, nowMs);
      return [{ step, track, shot, isAnswer }];
    }
    if (track.state === 'open') {
      const taken = track.bestShots.take(shot, nowMs, track.isDecisionNear);
      return taken ? [{ step, track, shot: taken }] : [];
    }
    const isTooSoon = step.isTouching && nowMs - track.checkedAtMs < MIN_RECHECK_MS;
    if (!shot || isTooSoon || !track.isDue(nowMs)) return [];
    return [{ step, track, shot }];
  }

  /** Returns the shots that are embedded in this frame: those of open tracks first, then by quality. The others are given back. */
  limit(shots: readonly TrackedShot[]): TrackedShot[] {
    const frames = this.#parts.pace.spanMs(1, EMBEDDED_FRAME_MS) / EMBEDDED_FRAME_MS;
    const limit = Math.min(MAX_EMBEDDED_PER_FRAME, Math.floor(EMBEDDED_PER_FRAME * frames));
    if (shots.length <= limit) return [...shots];
    const rank = ({ track }: TrackedShot): number => (track.state === 'open' ? 1 + track.shots.length : 0);
    const sorted = shots.toSorted((a, b) => rank(b) - rank(a) || b.shot.quality - a.shot.quality);
    sorted.slice(limit).forEach((one) => giveBack(one, one.shot));
    return sorted.slice(0, limit);
  }
}

/** Gives a shot back to an open track. A check of a decided track is made later instead. @param again the shot, if it may be tried again */
export function giveBack({ track }: TrackedShot, again: Shot | undefined): void {
  if (track.state === 'open') track.bestShots.giveBack(again);
}
