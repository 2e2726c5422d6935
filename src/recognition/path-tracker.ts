// Tracks: which face of this frame is which face of the frames before, told by place, size and movement alone, and how surely.
import { boxArea, boxHeight, boxIou, boxWidth, type Box } from '../domain/face.js';

/** A face keeps its course for so long when it is out of sight; beyond, it is expected where it was heading until then. */
const LONGEST_PREDICTION_MS = 500;
/** How far a face may be from where it is expected, in face sizes: at once, per second since it was seen, and ever. */
const REACH_AT_ONCE = 0.5;
/** 1.4 m/s, walking across the picture, are 9 face widths (16 cm) per second. */
const REACH_PER_SECOND = 9;
const LONGEST_REACH = 1.75;
/** Of the smaller side to the larger one, at least. */
const LEAST_SIZE_RATIO = 0.55;
/** Share of the newest measurement in the velocity. */
const VELOCITY_GAIN = 0.5;
/** A face that was out of sight for so long, or for a frame, may be another one now. */
const DOUBTFUL_GAP_MS = 300;
/** So far from where it was expected, in face sizes, or so much larger or smaller, likewise. */
const DOUBTFUL_DISTANCE = 0.6;
const DOUBTFUL_SIZE_RATIO = 0.75;
/** Another pair that fits nearly as well (of 3 for the very same place) might have been the right one. */
const DOUBTFUL_LEAD = 0.75;
/** From this overlap on two faces can be taken for each other. */
const TOUCHING_IOU = 0.05;
/** A face that covers where another one is expected hides it. */
const HIDING_IOU = 0.3;
/** Far above what a door sees; beyond it the track that was unseen the longest ends early. */
const MAX_TRACKS = 128;

interface Track {
  id: number;
  box: Box;
  /** Of the centre, px per ms. */
  velocityX: number;
  velocityY: number;
  seenAtMs: number;
  isSeen: boolean;
}

/** How a box came to its track. */
export interface Link {
  trackId: number;
  /** The face may be another one than in the frames before: it was hidden, jumped, or met another face. */
  isDoubtful: boolean;
  /** It touches another face now. */
  isTouching: boolean;
}

export interface TrackerUpdate {
  /** One for each box, in their order. */
  links: Link[];
  /** Tracks that have just ended. */
  ended: number[];
}

/** Ids count from 1 and are never used again. Times are passed in and must not fall. */
export class Tracker {
  readonly #absenceMs: number;
  #tracks: Track[] = [];
  #lastId = 0;

  /** @param absenceMs a track ends when it was without a detection for so long */
  constructor({ absenceMs }: { absenceMs: number }) {
    this.#absenceMs = absenceMs;
  }

  /** @param boxes of one frame */
  update(nowMs: number, boxes: readonly Box[]): TrackerUpdate {
    const ended = this.#end((track) => nowMs - track.seenAtMs >= this.#absenceMs);
    const expected = this.#tracks.map((track) => predict(track, nowMs));
    const assigned = assign(this.#tracks, expected, boxes, nowMs);
    const links = boxes.map((box, boxIndex): Link => {
      const isTouching = boxes.some((other, index) => index !== boxIndex && boxIou(box, other) > TOUCHING_IOU);
      const pair = assigned.find((one) => one.boxIndex === boxIndex);
      if (!pair) {
        this.#tracks.push({ id: ++this.#lastId, box, velocityX: 0, velocityY: 0, seenAtMs: nowMs, isSeen: true });
        return { trackId: this.#lastId, isDoubtful: isTouching, isTouching };
      }
      const track = this.#tracks[pair.trackIndex];
      const isHiding = expected.some(
        (other, index) => assigned.every(({ trackIndex }) => trackIndex !== index) && boxIou(box, other) > HIDING_IOU,
      );
      const isDoubtful =
        isTouching || isHiding || pair.isContested || isLeap(track, expected[pair.trackIndex], box, nowMs);
      return { trackId: track.id, isDoubtful, isTouching };
    });
    expected.forEach((_, index) => {
      const pair = assigned.find(({ trackIndex }) => trackIndex === index);
      const track = this.#tracks[index];
      track.isSeen = pair !== undefined;
      if (pair) move(track, boxes[pair.boxIndex], nowMs);
    });
    if (this.#tracks.length > MAX_TRACKS) {
      const kept = new Set(this.#tracks.toSorted((a, b) => b.seenAtMs - a.seenAtMs).slice(0, MAX_TRACKS));
      ended.push(...this.#end((track) => !kept.has(track)));
    }
    return { links, ended };
  }

  /** Ends all tracks, for a camera that sends nothing any more. @returns their ids */
  endAll(): number[] {
    return this.#end(() => true);
  }

  /** Where the face of a track that is seen will be. @returns undefined for one that is not */
  expectedAt(trackId: number, atMs: number): Box | undefined {
    const track = this.#tracks.find(({ id }) => id === trackId);
    return track?.isSeen ? predict(track, atMs) : undefined;
  }

  get size(): number {
    return this.#tracks.length;
  }

  #end(isOver: (track: Track) => boolean): number[] {
    const over = this.#tracks.filter(isOver);
    if (over.length > 0) this.#tracks = this.#tracks.filter((track) => !over.includes(track));
    return over.map((track) => track.id);
  }
}

interface Pair {
  trackIndex: number;
  boxIndex: number;
  score: number;
}

/** The best pairs first, each track and each box once; contested where another pair of that track or box fits nearly as well. */
function assign(
  tracks: readonly Track[],
  expected: readonly Box[],
  boxes: readonly Box[],
  nowMs: number,
): (Pair & { isContested: boolean })[] {
  const pairs: Pair[] = [];
  tracks.forEach((track, trackIndex) => {
    boxes.forEach((box, boxIndex) => {
      const score = affinity(expected[trackIndex], box, nowMs - track.seenAtMs);
      if (score > 0) pairs.push({ trackIndex, boxIndex, score });
    });
  });
  pairs.sort((a, b) => b.score - a.score);
  const usedTracks = new Set<number>();
  const usedBoxes = new Set<number>();
  const chosen = pairs.filter(({ trackIndex, boxIndex }) => {
    if (usedTracks.has(trackIndex) || usedBoxes.has(boxIndex)) return false;
    usedTracks.add(trackIndex);
    usedBoxes.add(boxIndex);
    return true;
  });
  return chosen.map((pair) => ({ ...pair, isContested: pairs.some((other) => isRival(pair, other)) }));
}

function isRival(pair: Pair, other: Pair): boolean {
  const isSharing = (other.trackIndex === pair.trackIndex) !== (other.boxIndex === pair.boxIndex);
  return isSharing && other.score > pair.score - DOUBTFUL_LEAD;
}

function isLeap(track: Track, expected: Box, box: Box, nowMs: number): boolean {
  if (!track.isSeen || nowMs - track.seenAtMs > DOUBTFUL_GAP_MS) return true;
  const beforePx = Math.sqrt(boxArea(track.box));
  const boxPx = Math.sqrt(boxArea(box));
  if (Math.min(beforePx, boxPx) < DOUBTFUL_SIZE_RATIO * Math.max(beforePx, boxPx)) return true;
  const distancePx = Math.hypot(centreX(expected) - centreX(box), centreY(expected) - centreY(box));
  return (2 * distancePx) / (beforePx + boxPx) > DOUBTFUL_DISTANCE;
}

/** 0: cannot be the same face; else greater the better the box fits. */
function affinity(expected: Box, box: Box, gapMs: number): number {
  const expectedPx = Math.sqrt(boxArea(expected));
  const boxPx = Math.sqrt(boxArea(box));
  if (Math.min(expectedPx, boxPx) < LEAST_SIZE_RATIO * Math.max(expectedPx, boxPx)) return 0;
  const distancePx = Math.hypot(centreX(expected) - centreX(box), centreY(expected) - centreY(box));
  const distance = (2 * distancePx) / (expectedPx + boxPx);
  const reach = Math.min(REACH_AT_ONCE + (REACH_PER_SECOND * gapMs) / 1_000, LONGEST_REACH);
  if (!(distance <= reach)) return 0;
  return 2 * boxIou(expected, box) + 1 - distance / LONGEST_REACH + 1e-6;
}

function predict(track: Track, nowMs: number): Box {
  const aheadMs = Math.min(nowMs - track.seenAtMs, LONGEST_PREDICTION_MS);
  const shiftPx = Math.hypot(track.velocityX, track.velocityY) * aheadMs;
  // No further than the reach, so that a face which stopped where it was last seen is still found.
  const part = Math.min(1, (LONGEST_REACH * Math.sqrt(boxArea(track.box))) / Math.max(shiftPx, 1e-9));
  const shiftX = part * track.velocityX * aheadMs;
  const shiftY = part * track.velocityY * aheadMs;
  const { x0, y0, x1, y1 } = track.box;
  return { x0: x0 + shiftX, y0: y0 + shiftY, x1: x1 + shiftX, y1: y1 + shiftY };
}

function move(track: Track, box: Box, nowMs: number): void {
  const elapsedMs = nowMs - track.seenAtMs;
  if (elapsedMs > 0) {
    const velocityX = (centreX(box) - centreX(track.box)) / elapsedMs;
    const velocityY = (centreY(box) - centreY(track.box)) / elapsedMs;
    track.velocityX += VELOCITY_GAIN * (velocityX - track.velocityX);
    track.velocityY += VELOCITY_GAIN * (velocityY - track.velocityY);
  }
  track.box = box;
  track.seenAtMs = nowMs;
}

function centreX(box: Box): number {
  return box.x0 + boxWidth(box) / 2;
}

function centreY(box: Box): number {
  return box.y0 + boxHeight(box) / 2;
}
