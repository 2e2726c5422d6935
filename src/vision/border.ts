// Finds the border of a sheet or a screen around a face: four long straight edges that enclose it.
import type { Point } from '../domain/face.js';

/** Side of the square grey picture in which the border is searched; the face's box is in its middle, upright. */
export const BORDER_VIEW_PX = 160;
/** Side of that square, in multiples of the longer side of the face's box. */
export const BORDER_VIEW_FACTOR = 3.6;

/** Four straight edges around a face. */
export interface FoundBorder {
  /** Share of each side, from corner to corner, that is an edge, 0..1: left, right, top, bottom. */
  coverage: readonly [number, number, number, number];
  /** Corners in pixels of the view: upper left, upper right, lower left, lower right. */
  corners: readonly [Point, Point, Point, Point];
}

const N = BORDER_VIEW_PX;
const MIDDLE = (N - 1) / 2;
/** Longer side of the face's box, in pixels of the view. */
const FACE = N / BORDER_VIEW_FACTOR;
/** Least difference of the grey levels at both sides of an edge, over two pixels. */
const MIN_STEP = 9;
/** An edge may be turned against its side by this much: a ratio of pixels across to pixels along. */
const MAX_SLOPE = 0.2;
const SLOPES = 17;
/** Distance of a side from the middle of the face, in multiples of the longer side of its box. */
const NEAREST_SIDE = 0.46;
const NEAREST_END = 0.58;
const FARTHEST = 1.72;
/** Lines that are kept for each side. */
const KEPT = 4;
/** Lines whose middles are closer than this, in pixels, are one line. */
const APART = 3;
/** Least coverage of the weakest side for which the lines are made exact; a smaller one gives no border. */
const WORTH_REFINING = 0.25;
/** Least share of the part beside the face that must be an edge. */
const MIN_SUPPORT = 0.4;

/** A nearly vertical or nearly horizontal line: the place across it is `at` at the middle of the view, and changes by `slope` per pixel. */
interface Line {
  at: number;
  slope: number;
}

/** Left, right, top, bottom. */
type Sides = [Line, Line, Line, Line];

/**
 * Finds the four lines that are edges over most of their length and enclose the face. It judges one picture: a window or a door behind a
 * person looks the same, and only movement tells them from a sheet.
 * @param grey BORDER_VIEW_PX squared grey levels
 * @param inside 1 for each pixel of the view that is inside the picture
 * @returns undefined where no four lines enclose the face
 */
export function findBorder(grey: Uint8Array, inside: Uint8Array): FoundBorder | undefined {
  const upright = new Uint8Array(N * N);
  const level = new Uint8Array(N * N);
  markEdges(grey, inside, upright, level);
  widen(upright);
  widen(level);
  const left = findLines(upright, -FARTHEST, -NEAREST_SIDE);
  const right = findLines(upright, NEAREST_SIDE, FARTHEST);
  const top = findLines(level, -FARTHEST, -NEAREST_END);
  const bottom = findLines(level, NEAREST_END, FARTHEST);
  let best: Sides | undefined;
  let bestScore = 0;
  for (const l of left) {
    for (const r of right) {
      for (const t of top) {
        for (const b of bottom) {
          const score = rate(measure(upright, level, [l, r, t, b]));
          if (score > bestScore) [best, bestScore] = [[l, r, t, b], score];
        }
      }
    }
  }
  if (!best || Math.min(...measure(upright, level, best).coverage) < WORTH_REFINING) return undefined;
  return measure(upright, level, refine(upright, level, best));
}

/** Moves each line a little where that makes it cover more of its side: they were found by the part beside the face alone. */
function refine(upright: Uint8Array, level: Uint8Array, sides: Sides): Sides {
  let best = sides;
  let bestScore = rate(measure(upright, level, best));
  for (let round = 0; round < 2; round++) {
    for (const side of [0, 1, 2, 3] as const) {
      const { at, slope } = best[side];
      for (let k = -3; k <= 3; k++) {
        for (let shift = -1.5; shift <= 1.5; shift += 0.75) {
          const tried: Sides = [...best];
          tried[side] = { at: at + shift, slope: slope + k * 0.015 };
          const score = rate(measure(upright, level, tried));
          if (score > bestScore) [best, bestScore] = [tried, score];
        }
      }
    }
  }
  return best;
}

function rate({ coverage }: FoundBorder): number {
  return Math.min(...coverage) + sum(coverage) / 8;
}

/** Marks the pixels whose grey level changes across: `upright` for nearly vertical edges, `level`, transposed, for nearly horizontal ones. */
function markEdges(grey: Uint8Array, inside: Uint8Array, upright: Uint8Array, level: Uint8Array): void {
  for (let y = 2; y < N - 2; y++) {
    for (let x = 2; x < N - 2; x++) {
      const i = y * N + x;
      const across = Math.abs(grey[i + 1]! - grey[i - 1]!);
      const down = Math.abs(grey[i + N]! - grey[i - N]!);
      if (across < MIN_STEP && down < MIN_STEP) continue;
      // The edge of the picture itself is no edge.
      if (!(inside[i - 2 * N]! & inside[i + 2 * N]! & inside[i - 2]! & inside[i + 2]!)) continue;
      // Twice as steep as it may be wide, so that noise and corners do not count.
      if (across > 2 * down) upright[i] = 1;
      else if (down > 2 * across) level[x * N + y] = 1;
    }
  }
}

/** Marks both neighbours of each edge across it as well: a line need not be exact to a pixel. */
function widen(edges: Uint8Array): void {
  for (let i = 1, previous = 0; i < edges.length - 1; i++) {
    const here = edges[i]!;
    edges[i] = previous | here | edges[i + 1]!;
    previous = here;
  }
}

/** Finds the best lines on one side: `edges` has a row for each pixel along the line. @param from, to in multiples of the face */
function findLines(edges: Uint8Array, from: number, to: number): Line[] {
  const first = Math.max(2, Math.round(MIDDLE + from * FACE));
  const last = Math.min(N - 3, Math.round(MIDDLE + to * FACE));
  const half = Math.round(0.6 * FACE);
  const least = MIN_SUPPORT * (2 * half + 1);
  const hits = new Uint8Array(last - first + 1);
  const found: (Line & { support: number })[] = [];
  for (let k = 0; k < SLOPES; k++) {
    const slope = MAX_SLOPE * ((2 * k) / (SLOPES - 1) - 1);
    hits.fill(0);
    for (let along = -half; along <= half; along++) {
      const shift = Math.round(slope * along);
      const row = Math.round(MIDDLE + along) * N + shift;
      const begin = Math.max(first, 1 - shift);
      const end = Math.min(last, N - 2 - shift);
      for (let at = begin; at <= end; at++) hits[at - first]! += edges[row + at]!;
    }
    for (let i = 0; i < hits.length; i++) {
      if (hits[i]! >= least) found.push({ at: first + i, slope, support: hits[i]! });
    }
  }
  found.sort((x, y) => y.support - x.support);
  const kept: Line[] = [];
  for (const line of found) {
    if (kept.every((other) => Math.abs(other.at - line.at) >= APART)) kept.push(line);
    if (kept.length === KEPT) break;
  }
  return kept;
}

function measure(upright: Uint8Array, level: Uint8Array, [l, r, t, b]: Sides): FoundBorder {
  const corners = [cross(l, t), cross(r, t), cross(l, b), cross(r, b)] as const;
  const [ul, ur, ll, lr] = corners;
  return {
    coverage: [
      cover(upright, l, ul.y, ll.y),
      cover(upright, r, ur.y, lr.y),
      cover(level, t, ul.x, ur.x),
      cover(level, b, ll.x, lr.x),
    ],
    corners,
  };
}

/** Returns where a nearly vertical and a nearly horizontal line meet. */
function cross(vertical: Line, horizontal: Line): Point {
  // x = at + slope (y - MIDDLE), y = at' + slope' (x - MIDDLE)
  const { at, slope } = vertical;
  const dy = (horizontal.at - MIDDLE + horizontal.slope * (at - MIDDLE)) / (1 - slope * horizontal.slope);
  return { x: at + slope * dy, y: MIDDLE + dy };
}

/** Returns the share of a line between two places along it that is an edge. */
function cover(edges: Uint8Array, { at, slope }: Line, from: number, to: number): number {
  const start = Math.max(3, Math.round(from));
  const end = Math.min(N - 4, Math.round(to));
  if (end - start < FACE) return 0;
  let hits = 0;
  let column = at + slope * (start - MIDDLE) + 0.5;
  for (let row = start * N; row <= end * N; row += N, column += slope) {
    if (column >= 1 && column < N - 1) hits += edges[row + Math.floor(column)]!;
  }
  // Parts of the side beyond the view count as no edge.
  return hits / (Math.round(to) - Math.round(from) + 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
