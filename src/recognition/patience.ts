// How long the recognition at one camera waits for faces and shots: the times of the configuration, and longer at a slow camera.
import type { FramePace } from '../camera/frame-pace.js';
import { CHALLENGE_FPS, type CameraConfig } from '../config/camera-schema.js';
import { DOUBTFUL_GAP_MS } from './path-tracker.js';

/**
 * Nobody counts as out of sight before this number of frame intervals: a face may be missed in one frame, and the next frame may come half an
 * interval late. Where frames come at 5 per second or faster, the times below are longer.
 */
const ABSENT_FRAMES = 3;
/**
 * A path ends after this time without its face, even where the absence time is longer: the longer it waited, the likelier another face
 * would continue it.
 */
const MAX_PATH_GAP_MS = 1_000;
/** Longest time, and least number of frames, that a recognised person waits for the liveness verdict or for bare shots. */
const MAX_WAIT_MS = 1_500;
const MAX_WAIT_FRAMES = 5;
/** Frames that the shots of a decision may be spread over, beyond one for each shot: a face may be missed, or not be fit. */
const SPARE_FRAMES = 2;
/**
 * Frames per second below which the operator is told that turns of the head are missed. It is less than CHALLENGE_FPS, because a camera that is
 * set to 8 frames per second, and analyses a source of 10, sometimes gives fewer.
 */
const GOOD_CHALLENGE_FPS = 6;
/** Frames per second below which nobody is asked to turn the head: the doubt about each step would interrupt every turn. */
const LEAST_CHALLENGE_FPS = 1_000 / DOUBTFUL_GAP_MS;

/** All times in ms; they are read at each use, because they follow the pace. */
export class Patience {
  readonly #config: Pick<CameraConfig, 'absenceMs' | 'eventTtlMs' | 'outOf' | 'readTimeoutMs'>;
  readonly #pace: FramePace;

  constructor(config: Pick<CameraConfig, 'absenceMs' | 'eventTtlMs' | 'outOf' | 'readTimeoutMs'>, pace: FramePace) {
    this.#config = config;
    this.#pace = pace;
  }

  /** Time out of sight after which a person who returns appears again. */
  get absenceMs(): number {
    return this.#pace.spanMs(ABSENT_FRAMES, this.#config.absenceMs);
  }

  /** Time without its face, or without its path, after which a track ends. */
  get gapMs(): number {
    return Math.min(this.absenceMs, this.#pace.spanMs(ABSENT_FRAMES, MAX_PATH_GAP_MS));
  }

  /** Time without a frame after which all tracks end. While only one frame is known, the next one may take as long as the source may. */
  get idleMs(): number {
    return Math.max(this.gapMs, this.#pace.isKnown ? MAX_PATH_GAP_MS : this.#config.readTimeoutMs);
  }

  /** True when the frames are too few to see any turn of the head; false while their number is not known. */
  get isTooSlowForChallenge(): boolean {
    return (this.#pace.perSecond ?? Infinity) < LEAST_CHALLENGE_FPS;
  }

  /** Describes that the frames are too few for a challenge, for the operator; undefined where they suffice. */
  describeSlowness(): string | undefined {
    const { perSecond = Infinity } = this.#pace;
    if (perSecond >= GOOD_CHALLENGE_FPS) return undefined;
    const isTooSlow = this.isTooSlowForChallenge;
    return (
      `only ${perSecond.toFixed(1)} frames per second are analysed, and liveness: challenge needs ${CHALLENGE_FPS}: ` +
      (isTooSlow ? 'nobody is asked to turn the head, and nobody is matched' : 'turns of the head are missed')
    );
  }

  /** Longest time that a recognised person waits for more shots; half the time to live of an event where that is shorter. */
  get maxWaitMs(): number {
    return this.#pace.spanMs(MAX_WAIT_FRAMES, Math.min(MAX_WAIT_MS, this.#config.eventTtlMs / 2));
  }

  /** Age up to which a shot counts on a track that had an event: the time to live of an event, or `outOf` frames. */
  get shotLifeMs(): number {
    return this.#pace.spanMs(this.#config.outOf + SPARE_FRAMES, this.#config.eventTtlMs);
  }
}
