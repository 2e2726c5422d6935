// Whether the border around a face moves with it, as that of a sheet or a screen does, or stays, as a window behind a person does.
import { boxHeight, boxWidth, type Face, type Landmarks, type Point } from '../domain/face.js';

/** Least coverage of the weakest side of a border that is followed from frame to frame. */
const MIN_COVERAGE = 0.6;
/**
 * Median of the coverage from which a border counts: it is a matter of doubt while neither it nor the face has moved, and evidence when it
 * moves with the face. Of 307 faces in photographs without a sheet or a screen 15 reach it (5 %, November 2026), and are held back until
 * they move; of 24 sheets whose edges hardly differ from the room 19 do.
 */
const CLEAR_COVERAGE = 0.65;
const MIN_FRAMES = 6;
/**
 * Least movement of the face that tells the two apart: the root of its mean square, in sides of the face's box. With 0.03 one of 24 heads
 * was called a spoof within 1.8 s, with 0.04 none (November 2026).
 */
const MIN_MOVEMENT = 0.04;
/**
 * Movement of the border per movement of the face. Over 36 clips of sheets and 24 of heads (November 2026): sheets 0.71 to 2.0, heads before
 * a background with straight edges at most 0.31 where a quarter of the frames has a border.
 */
const TIED = 0.6;
const FREE = 0.45;

/** Place, in pixels, and logarithm of the size of the face and of the border in one frame. */
interface Places {
  face: readonly [number, number, number];
  border: readonly [number, number, number];
}

export interface BorderFrame {
  /** Coverage of the border's weakest side, 0 without a border. */
  coverage: number;
  sidePx: number;
  places?: Places;
}

/** `tied`: the border moves with the face; `open`: there is one, and nothing has moved yet; `none`: there is none, or it stays behind. */
export type BorderVerdict = 'tied' | 'open' | 'none';

/** Takes from a face what the verdict needs. @returns undefined where the frame has no measurement */
export function readBorderFrame({ boxPx, landmarksPx, presentation }: Face): BorderFrame | undefined {
  if (!presentation) return undefined;
  const sidePx = Math.max(boxWidth(boxPx), boxHeight(boxPx));
  const { border } = presentation;
  if (!border) return { coverage: 0, sidePx };
  const coverage = Math.min(...border.coverage);
  if (coverage < MIN_COVERAGE) return { coverage, sidePx };
  return { coverage, sidePx, places: { face: locate(landmarksPx), border: locate(border.cornersPx) } };
}

/** Judges the border over the frames of a track. */
export function judgeBorder(frames: readonly BorderFrame[]): BorderVerdict {
  const seen = frames.flatMap(({ places, ...rest }) => (places ? [{ ...places, ...rest }] : []));
  const isClear = findMedian(frames.map(({ coverage }) => coverage)) >= CLEAR_COVERAGE;
  const open = isClear ? 'open' : 'none';
  if (seen.length < MIN_FRAMES || seen.length < frames.length / 4) return open;
  const sidePx = findMedian(seen.map((frame) => frame.sidePx));
  const centre = (which: 'face' | 'border', axis: 0 | 1 | 2): number => findMedian(seen.map((one) => one[which][axis]));
  let together = 0;
  let moved = 0;
  for (const axis of [0, 1, 2] as const) {
    const [faceCentre, borderCentre] = [centre('face', axis), centre('border', axis)];
    // A change of size counts by the pixels that it moves the rim of the face.
    const unit = axis === 2 ? sidePx : 1;
    for (const { face, border } of seen) {
      const by = unit * (face[axis] - faceCentre);
      together += by * unit * (border[axis] - borderCentre);
      moved += by * by;
    }
  }
  if (Math.sqrt(moved / seen.length) < MIN_MOVEMENT * sidePx) return open;
  const ratio = together / moved;
  if (ratio < FREE) return 'none';
  const isSeenClearly = findMedian(seen.map(({ coverage }) => coverage)) >= CLEAR_COVERAGE;
  return ratio >= TIED && isSeenClearly ? 'tied' : open;
}

/** Returns the centre of points, and the logarithm of their spread. */
function locate(points: Landmarks | readonly [Point, Point, Point, Point]): [number, number, number] {
  const x = points.reduce((sum, point) => sum + point.x, 0) / points.length;
  const y = points.reduce((sum, point) => sum + point.y, 0) / points.length;
  const squares = points.reduce((sum, point) => sum + (point.x - x) ** 2 + (point.y - y) ** 2, 0);
  return [x, y, Math.log(Math.max(1, squares)) / 2];
}

function findMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
