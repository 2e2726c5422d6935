// Follows faces from frame to frame by place, size and movement alone, and says how sure each step is.
import { boxArea, boxHeight, boxIou, boxWidth, type Box } from '../domain/face.js';

/** A face that is out of sight is expected to keep its course for this time, and to stop at the place that it then has reached. */
const MAX_PREDICTION_MS = 500;
/** Greatest distance of a face from its expected place, in face sizes: at once, added per second since it was seen, and in total. */
const REACH_AT_ONCE = 0.5;
/** Walking across the picture at 1.4 m/s is 9 face widths (16 cm) per second. */
const REACH_PER_SECOND = 9;
const MAX_REACH = 1.75;
/** Minimum ratio of the smaller size to the larger one. */
const MIN_SIZE_RATIO = 0.55;
/** Share of the newest measurement in the velocity. */
const VELOCITY_GAIN = 0.5;
/**
 * A face that was out of sight for this long, or for one frame, may be another one now. This is the time that people need to change places,
 * and no matter of the frame rate: where frames are further apart, an embedding decides about each of them.
 */
export const DOUBTFUL_GAP_MS = 300;
/** A face at this distance from its expected place, in face sizes, or with this ratio of sizes, may be another one too. */
const DOUBTFUL_DISTANCE = 0.6;
const DOUBTFUL_SIZE_RATIO = 0.75;
/** Two pairs whose scores differ by less than this (of about 3) are confusable. */
const DOUBTFUL_LEAD = 0.75;
/** Overlap from which two faces touch and can be confused. */
const TOUCHING_IOU = 0.05;
/** Overlap from which a face hides another one that is expected there. */
const HIDING_IOU = 0.3;
/** Limit of paths, far above what a door sees; beyond it the path whose face was out of sight for longest ends early. */
const MAX_PATHS = 128;

interface FacePath {
  id: number;
  box: Box;
  /** Velocity of the centre, in px per ms. */
  velocityX: number;
  velocityY: number;
  lastSeenMs: number;
  /** True when the newest frame shows its face. */
  isSeen: boolean;
}

/** One step of a path: the box of a frame that continues it. */
export interface PathStep {
  pathId: number;
  /** The face may be another one than before: it was hidden, jumped, or met another face. */
  isDoubtful: boolean;
  /** The doubt is due to the time since the frame before alone, which showed a face on this path too, and to its movement meanwhile. */
  isLate: boolean;
  /** It touches another face now. */
  isTouching: boolean;
}

export interface PathUpdate {
  /** One step for each box, in the order of the boxes. */
  steps: PathStep[];
  /** Ids of the paths that have just ended. */
  ended: number[];
}

/** Path ids count from 1 and are never used again. Times are parameters and must not decrease. Boxes are in pixels. */
export class PathTracker {
  readonly #limits: { readonly absenceMs: number };
  #paths: FacePath[] = [];
  #lastId = 0;

  /** @param limits read for each frame; a path ends after `absenceMs` without its face */
  constructor(limits: { readonly absenceMs: number }) {
    this.#limits = limits;
  }

  /** Assigns the faces of one frame to paths; a face that continues no path begins a new one. @param boxes boxes of the faces */
  update(nowMs: number, boxes: readonly Box[]): PathUpdate {
    const { absenceMs } = this.#limits;
    const ended = this.#end((path) => nowMs - path.lastSeenMs >= absenceMs);
    const expected = this.#paths.map((path) => ({ path, box: predict(path, nowMs) }));
    const pairs = assign(expected, boxes, nowMs);
    const paired = new Set(pairs.map(({ path }) => path));
    const hidden = expected.filter(({ path }) => !paired.has(path));
    const steps = boxes.map((box): PathStep => {
      const isTouching = boxes.some((other) => other !== box && boxIou(box, other) > TOUCHING_IOU);
      const pair = pairs.find((one) => one.box === box);
      if (!pair) return { pathId: this.#begin(box, nowMs), isDoubtful: isTouching, isLate: false, isTouching };
      const isHiding = hidden.some((other) => boxIou(box, other.box) > HIDING_IOU);
      const mayBeOther = isTouching || isHiding || pair.isContested;
      const isLate = !mayBeOther && pair.path.isSeen && isLongAgo(pair.path, nowMs);
      return { pathId: pair.path.id, isDoubtful: mayBeOther || isLeap(pair, nowMs), isLate, isTouching };
    });
    for (const { path } of expected) path.isSeen = paired.has(path);
    for (const { path, box } of pairs) move(path, box, nowMs);
    if (this.#paths.length > MAX_PATHS) {
      const kept = new Set(this.#paths.toSorted((a, b) => b.lastSeenMs - a.lastSeenMs).slice(0, MAX_PATHS));
      ended.push(...this.#end((path) => !kept.has(path)));
    }
    return { steps, ended };
  }

  /** Ends all paths, for a camera that sends no more frames. @returns their ids */
  endAll(): number[] {
    return this.#end(() => true);
  }

  /** Returns where the face of a path will be at a time; undefined when the newest frame does not show it. */
  expectedAt(pathId: number, atMs: number): Box | undefined {
    const path = this.#paths.find(({ id }) => id === pathId);
    return path?.isSeen ? predict(path, atMs) : undefined;
  }

  /** True when the newest frame shows the faces of all paths. */
  get areAllSeen(): boolean {
    return this.#paths.every(({ isSeen }) => isSeen);
  }

  get size(): number {
    return this.#paths.length;
  }

  #begin(box: Box, nowMs: number): number {
    this.#paths.push({ id: ++this.#lastId, box, velocityX: 0, velocityY: 0, lastSeenMs: nowMs, isSeen: true });
    return this.#lastId;
  }

  #end(isOver: (path: FacePath) => boolean): number[] {
    const over = this.#paths.filter(isOver);
    if (over.length > 0) this.#paths = this.#paths.filter((path) => !over.includes(path));
    return over.map((path) => path.id);
  }
}

interface Pair {
  path: FacePath;
  /** Expected box of the face. */
  expected: Box;
  box: Box;
  score: number;
}

/**
 * Assigns boxes to paths, the best pairs first, each path and each box once. A pair is contested when another pair of its path or of its
 * box has nearly the same score.
 */
function assign(
  expected: readonly { path: FacePath; box: Box }[],
  boxes: readonly Box[],
  nowMs: number,
): (Pair & { isContested: boolean })[] {
  const pairs = expected
    .flatMap(({ path, box: expectedBox }) =>
      boxes.map((box): Pair => {
        const score = scorePair(expectedBox, box, nowMs - path.lastSeenMs);
        return { path, expected: expectedBox, box, score };
      }),
    )
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  const usedPaths = new Set<FacePath>();
  const usedBoxes = new Set<Box>();
  const chosen = pairs.filter(({ path, box }) => {
    if (usedPaths.has(path) || usedBoxes.has(box)) return false;
    usedPaths.add(path);
    usedBoxes.add(box);
    return true;
  });
  return chosen.map((pair) => ({ ...pair, isContested: pairs.some((other) => isRival(pair, other)) }));
}

function isRival(pair: Pair, other: Pair): boolean {
  const isSharing = (other.path === pair.path) !== (other.box === pair.box);
  return isSharing && other.score > pair.score - DOUBTFUL_LEAD;
}

function isLongAgo({ lastSeenMs }: FacePath, nowMs: number): boolean {
  return nowMs - lastSeenMs > DOUBTFUL_GAP_MS;
}

function isLeap({ path, expected, box }: Pair, nowMs: number): boolean {
  if (!path.isSeen || isLongAgo(path, nowMs)) return true;
  const beforePx = Math.sqrt(boxArea(path.box));
  const boxPx = Math.sqrt(boxArea(box));
  if (Math.min(beforePx, boxPx) < DOUBTFUL_SIZE_RATIO * Math.max(beforePx, boxPx)) return true;
  const distancePx = Math.hypot(centreX(expected) - centreX(box), centreY(expected) - centreY(box));
  return (2 * distancePx) / (beforePx + boxPx) > DOUBTFUL_DISTANCE;
}

/** Returns how well a box fits where a face is expected; 0 when it cannot be the same face. */
function scorePair(expected: Box, box: Box, gapMs: number): number {
  const expectedPx = Math.sqrt(boxArea(expected));
  const boxPx = Math.sqrt(boxArea(box));
  if (Math.min(expectedPx, boxPx) < MIN_SIZE_RATIO * Math.max(expectedPx, boxPx)) return 0;
  const distancePx = Math.hypot(centreX(expected) - centreX(box), centreY(expected) - centreY(box));
  const distance = (2 * distancePx) / (expectedPx + boxPx);
  const reach = Math.min(REACH_AT_ONCE + (REACH_PER_SECOND * gapMs) / 1_000, MAX_REACH);
  if (!(distance <= reach)) return 0;
  return 2 * boxIou(expected, box) + 1 - distance / MAX_REACH + 1e-6;
}

function predict(path: FacePath, nowMs: number): Box {
  const aheadMs = Math.min(nowMs - path.lastSeenMs, MAX_PREDICTION_MS);
  const shiftPx = Math.hypot(path.velocityX, path.velocityY) * aheadMs;
  // The prediction stays within the reach, so that a face which stopped where it was last seen is still found.
  const part = Math.min(1, (MAX_REACH * Math.sqrt(boxArea(path.box))) / Math.max(shiftPx, 1e-9));
  const shiftX = part * path.velocityX * aheadMs;
  const shiftY = part * path.velocityY * aheadMs;
  const { x0, y0, x1, y1 } = path.box;
  return { x0: x0 + shiftX, y0: y0 + shiftY, x1: x1 + shiftX, y1: y1 + shiftY };
}

function move(path: FacePath, box: Box, nowMs: number): void {
  const elapsedMs = nowMs - path.lastSeenMs;
  if (elapsedMs > 0) {
    const velocityX = (centreX(box) - centreX(path.box)) / elapsedMs;
    const velocityY = (centreY(box) - centreY(path.box)) / elapsedMs;
    path.velocityX += VELOCITY_GAIN * (velocityX - path.velocityX);
    path.velocityY += VELOCITY_GAIN * (velocityY - path.velocityY);
  }
  path.box = box;
  path.lastSeenMs = nowMs;
}

function centreX(box: Box): number {
  return box.x0 + boxWidth(box) / 2;
}

function centreY(box: Box): number {
  return box.y0 + boxHeight(box) / 2;
}
