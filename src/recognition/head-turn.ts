// Judges whether the face of a track turns in space: it looked ahead first, and then its landmarks move as those of a head do.
import type { HeadSide } from '../domain/challenge.js';
import type { Face } from '../domain/face.js';
import { describeShape, type FaceShape } from './landmark-motion.js';

/** Greatest yaw of a face that looks ahead. */
const AHEAD_DEGREES = 10;
/** Number of frames that must look ahead before a turn can be measured, and the time in which they must be. */
const AHEAD_FRAMES = 3;
const AHEAD_MS = 1_500;
/** The newest of them is at most this old. */
const AHEAD_NOW_MS = 500;
/** Least yaw of a turned head, in degrees. */
const TURN_DEGREES = 15;
/**
 * What tells a turned head from a flat picture that is turned, in comparison with the frames that looked ahead: the nose moves by this many
 * half widths of the face, and by this many for each degree of yaw; the face becomes no wider, and not much narrower than its yaw says, in
 * ln(width / height). Measured on single rendered pictures (2026-11-28): of 24 heads that turned by 25 to 32 degrees, 183 of 192 comparisons
 * count as turned, and 89 of 96 by 20 degrees; of flat pictures of 48 people in 13 stances (up to 62 degrees aside, 25 up and down) none, and
 * one of the 60 on which the limits were chosen. With yaw and a shift of 0.22 alone, which suffice for a picture that turns about one axis,
 * 11 of these 60 did: pictures that were tilted far, and became narrower or wider than a head.
 */
const TURN_SHIFT = 0.25;
const SHIFT_PER_DEGREE = 0.015;
const MAX_WIDENING = 0.05;
const MAX_NARROWING = 0.1;
/**
 * The turn itself must be seen, because a picture of a turned face can take the place of one that looks ahead: a frame at most so long before
 * the turned one in which the nose had moved to the same side by this much at least, which is more than a flat picture moves it (0.17), and
 * by this share of the whole way at most. That is a head at 9 to 17 degrees on its way to 30.
 */
const WAY_MS = 1_000;
const WAY_SHIFT = 0.18;
const WAY_SHARE = 0.65;

type Look = Pick<FaceShape, 'across' | 'proportion'> & { yaw: number };

/** Times are parameters and must not decrease. */
export class HeadTurn {
  readonly #isMirrored: boolean;
  /** Frames that looked ahead. */
  #ahead: (Look & { atMs: number })[] = [];
  /** How the face looked before the turn; undefined where no turn is measured. */
  #start: Look | undefined;
  /** Frames since the beginning, with the place of the nose. */
  #way: { across: number; atMs: number }[] = [];
  /** Last frame that showed a head whose turn was seen; the side is the sign of the yaw. */
  #turned: { side: number; atMs: number } | undefined;

  /** @param isMirrored true where the picture shows the world as a mirror does */
  constructor(isMirrored: boolean) {
    this.#isMirrored = isMirrored;
  }

  /**
   * Takes a frame of the face.
   * @returns after `begin`: the side to which the head has turned, as the person sees it; undefined where it has not, or where the face
   * only looks turned, as on a flat picture
   */
  add(face: Pick<Face, 'landmarksPx' | 'pose' | 'isAlignmentSure'>, nowMs: number): HeadSide | undefined {
    const shape = face.isAlignmentSure === false ? undefined : describeShape(face.landmarksPx);
    if (!shape) return undefined;
    const { yaw } = face.pose;
    const look = { yaw, across: shape.across, proportion: shape.proportion };
    if (this.#start === undefined) {
      if (Math.abs(yaw) <= AHEAD_DEGREES) this.#ahead.push({ ...look, atMs: nowMs });
      this.#ahead = this.#ahead.filter(({ atMs }) => nowMs - atMs <= AHEAD_MS);
      return undefined;
    }
    this.#way.push({ across: shape.across, atMs: nowMs });
    this.#way = this.#way.filter(({ atMs }) => nowMs - atMs <= WAY_MS);
    if (!isTurned(this.#start, look) || !this.#hasSeenTurn(this.#start, look, nowMs)) return undefined;
    this.#turned = { side: Math.sign(yaw), atMs: nowMs };
    // The left hand of a person who faces the camera is on the right side of the picture.
    return yaw > 0 === this.#isMirrored ? 'right' : 'left';
  }

  /** Begins to measure a turn. @returns false where the face has not looked ahead in enough frames; nothing is begun then */
  begin(nowMs: number): boolean {
    const recent = this.#ahead.filter(({ atMs }) => nowMs - atMs <= AHEAD_MS);
    const last = recent.at(-1);
    if (!last || recent.length < AHEAD_FRAMES || nowMs - last.atMs > AHEAD_NOW_MS) return false;
    this.#start = {
      yaw: findMedian(recent.map(({ yaw }) => yaw)),
      across: findMedian(recent.map(({ across }) => across)),
      proportion: findMedian(recent.map(({ proportion }) => proportion)),
    };
    return true;
  }

  /** Notes that the next frames may show another face: the turn must be seen again from its beginning. */
  interrupt(): void {
    this.#ahead = [];
    this.#way = [];
    this.#turned = undefined;
  }

  /** Ends the measurement, and forgets the frames. */
  reset(): void {
    this.interrupt();
    this.#start = undefined;
  }

  /** Returns whether the head was seen on its way to where it is turned now, or turned to this side already. */
  #hasSeenTurn(start: Look, { yaw, across }: Look, nowMs: number): boolean {
    const side = Math.sign(yaw);
    if (this.#turned?.side === side && nowMs - this.#turned.atMs <= WAY_MS) return true;
    const most = WAY_SHARE * side * (across - start.across);
    return this.#way.some((one) => {
      const shift = side * (one.across - start.across);
      return shift >= WAY_SHIFT && shift <= most;
    });
  }
}

/** Returns whether a face that looked like `start` has turned in space, to the side of its yaw. */
function isTurned(start: Look, { yaw, across, proportion }: Look): boolean {
  const side = Math.sign(yaw);
  const turn = side * (yaw - start.yaw);
  const shift = side * (across - start.across);
  const widening = proportion - start.proportion;
  const foreshortening = logCosine(yaw) - logCosine(start.yaw);
  return (
    Math.abs(yaw) >= TURN_DEGREES &&
    shift >= TURN_SHIFT &&
    shift >= SHIFT_PER_DEGREE * turn &&
    widening <= MAX_WIDENING &&
    widening >= foreshortening - MAX_NARROWING
  );
}

/** @param degrees -89..89 */
function logCosine(degrees: number): number {
  return Math.log(Math.cos((degrees / 180) * Math.PI));
}

/** @param values at least one */
function findMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
