// Judges whether the face of a track turns in space: it looked ahead first, and then its nose moves as that of a head does.
import type { HeadSide } from '../domain/challenge.js';
import type { Face } from '../domain/face.js';
import { describeShape } from './landmark-motion.js';

/** Greatest yaw of a face that looks ahead. A sheet with a face that is turned by itself never does, however the sheet is held. */
const AHEAD_DEGREES = 10;
/** Number of frames that must look ahead before a turn can be measured, and the time in which they must be. */
const AHEAD_FRAMES = 3;
const AHEAD_MS = 1_500;
/** The newest of them is at most this old. */
const AHEAD_NOW_MS = 500;
/** Least yaw of a turned head, in degrees. */
const TURN_DEGREES = 15;
/** Least movement of the nose of a turned head, in half widths of the face: see `FaceShape.across`. */
const TURN_SHIFT = 0.22;

/** Times are parameters and must not decrease. */
export class HeadTurn {
  readonly #isMirrored: boolean;
  /** Frames that looked ahead: time, and the place of the nose as `FaceShape.across`. */
  #ahead: { atMs: number; across: number }[] = [];
  /** Place of the nose before the turn; undefined where no turn is measured. */
  #start: number | undefined;

  /** @param isMirrored true where the picture shows the world as a mirror does */
  constructor(isMirrored: boolean) {
    this.#isMirrored = isMirrored;
  }

  /**
   * Takes a frame of the face.
   * @returns after `begin`: the side to which the head is turned, as the person sees it; undefined where it is not, or where the face only
   * looks turned, as on a flat picture
   */
  add({ landmarksPx, pose: { yaw } }: Pick<Face, 'landmarksPx' | 'pose'>, nowMs: number): HeadSide | undefined {
    const shape = describeShape(landmarksPx);
    if (!shape) return undefined;
    if (this.#start === undefined) {
      if (Math.abs(yaw) <= AHEAD_DEGREES) this.#ahead.push({ atMs: nowMs, across: shape.across });
      this.#ahead = this.#ahead.filter(({ atMs }) => nowMs - atMs <= AHEAD_MS);
      return undefined;
    }
    const shift = (shape.across - this.#start) * Math.sign(yaw);
    if (!(Math.abs(yaw) >= TURN_DEGREES && shift >= TURN_SHIFT)) return undefined;
    // The left hand of a person who faces the camera is on the right side of the picture.
    return yaw > 0 === this.#isMirrored ? 'right' : 'left';
  }

  /** Begins to measure a turn. @returns false where the face has not looked ahead in enough frames; nothing is begun then */
  begin(nowMs: number): boolean {
    const recent = this.#ahead.filter(({ atMs }) => nowMs - atMs <= AHEAD_MS);
    const last = recent.at(-1);
    if (!last || recent.length < AHEAD_FRAMES || nowMs - last.atMs > AHEAD_NOW_MS) return false;
    const places = recent.map(({ across }) => across).toSorted((a, b) => a - b);
    this.#start = places[Math.floor(places.length / 2)];
    return true;
  }

  /** Ends the measurement, and forgets the frames: the next ones may show another face. */
  reset(): void {
    this.#ahead = [];
    this.#start = undefined;
  }
}
