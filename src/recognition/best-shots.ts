// Chooses which shots of a track are embedded, and when: a limited number, good ones first, without making a person wait.
import type { Shot } from './shot.js';

/** While a decision is near, a shot is embedded at once unless its quality is below this ratio of the best one so far. */
const NEAR_DECISION_RATIO = 0.8;
/** Otherwise a shot is embedded at once only when it is better than the best one so far by this ratio. */
const FAR_DECISION_RATIO = 1.05;
/** In any case the best waiting shot is embedded this long after the last one. */
const MAX_WAIT_MS = 250;
/** A waiting shot of this age gives way to any newer one: the time to live of an event begins at its capture. */
const STALE_MS = 1_000;

interface Taken {
  count: number;
  bestQuality: number;
  lastMs: number | undefined;
}

/** Chooses the shots of one track. Holds at most one crop. */
export class BestShots {
  #limit: number;
  /** Shots taken so far, and the same before the last one. */
  #taken: Taken = { count: 0, bestQuality: 0, lastMs: undefined };
  #before: Taken = this.#taken;
  #waiting: Shot | undefined;

  /** @param limit number of embeddings that the track may cost */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Allows at least this many further embeddings. */
  extend(by: number): void {
    this.#limit = Math.max(this.#limit, this.#taken.count + by);
  }

  /**
   * Takes the shot of one frame. Call it once for each frame that shows the track.
   * @param shot undefined when the face is not fit in this frame
   * @param isDecisionNear true when a few more shots could decide
   * @returns the shot to embed now, if any
   */
  take(shot: Shot | undefined, nowMs: number, isDecisionNear: boolean): Shot | undefined {
    if (shot && !(this.#waiting && isPreferred(this.#waiting, shot))) this.#waiting = shot;
    const best = this.#waiting;
    const { count, bestQuality, lastMs } = this.#taken;
    if (!best || count >= this.#limit) return undefined;
    const isGood = best.quality >= bestQuality * (isDecisionNear ? NEAR_DECISION_RATIO : FAR_DECISION_RATIO);
    const isDue = lastMs === undefined || nowMs - lastMs >= MAX_WAIT_MS;
    if (!isGood && !isDue) return undefined;
    this.count(best, nowMs);
    this.#waiting = undefined;
    return best;
  }

  /** Returns whether a shot that is as good as the ones so far would be taken. */
  isExpecting(nowMs: number, isDecisionNear: boolean): boolean {
    const { count, lastMs } = this.#taken;
    return count < this.#limit && (isDecisionNear || lastMs === undefined || nowMs - lastMs >= MAX_WAIT_MS);
  }

  /** Counts a shot that was embedded for another track and turned out to show this one. */
  count({ quality }: Pick<Shot, 'quality'>, nowMs: number): void {
    const { count, bestQuality } = this.#taken;
    this.#before = this.#taken;
    this.#taken = { count: count + 1, bestQuality: Math.max(bestQuality, quality), lastMs: nowMs };
  }

  /** Takes the last shot out of the count: it could not be embedded, or showed another face. @param again the shot, where it may be tried again */
  giveBack(again: Shot | undefined): void {
    this.#taken = this.#before;
    if (again && !this.#waiting) this.#waiting = again;
  }

  /** Drops the waiting shot: it may show another face. */
  forgetWaiting(): void {
    this.#waiting = undefined;
  }
}

function isPreferred(waiting: Shot, newer: Shot): boolean {
  return waiting.quality > newer.quality && newer.capturedAtMs - waiting.capturedAtMs < STALE_MS;
}
