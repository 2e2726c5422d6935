// The plan of a frame between two searches of the whole picture: squares around the faces in sight, in which they are searched.
import { boxArea, boxHeight, boxIou, boxWidth, type Box } from '../domain/face.js';
import { placeFrame } from './placement.js';

/** Side of a square, in longer sides of its face: a face that moves by half its size still has surroundings in it. */
const SQUARE_SIDES = 2.5;
/**
 * Side of the tensor of a square. A face has some 38 of it, and the detector finds faces from 28 px. A run takes 0.39 ms; one of 320 x 224, the
 * whole of a picture of 640 x 480, takes 2.5 ms (AMD EPYC, November 2026).
 */
export const SQUARE_TENSOR_PX = 96;
/** Sides of tensors are multiples of this, in every detector. */
const MULTIPLE_PX = 32;
/** Share of the tensor of the whole picture above which the squares together save too little. */
const MOST_SHARE = 0.75;
/** Overlap with its expected box from which a face counts as found there: it has moved by about half its size at most. */
const FOUND_IOU = 0.3;

/** A square of the picture that is searched by itself. */
export interface SearchSquare {
  /** Pixels of the picture. It may reach beyond the picture. */
  boxPx: Box;
  /** Tensor pixels per picture pixel: the tensor has SQUARE_TENSOR_PX a side. */
  scale: number;
}

export interface SearchPlanInput {
  widthPx: number;
  heightPx: number;
  /** Shorter side of the smallest wanted face. */
  minFacePx: number;
  /** Boxes in which the faces are expected, in pixels of the picture. */
  around: readonly Box[];
}

/**
 * Plans the search around faces.
 * @returns one square for each face; undefined where the whole picture must be searched: there is no face, one is expected outside the picture,
 * or there are so many that the squares would take about as long
 */
export function planSearch({ widthPx, heightPx, minFacePx, around }: SearchPlanInput): SearchSquare[] | undefined {
  const isInside = ({ x0, y0, x1, y1 }: Box): boolean => x1 > 0 && y1 > 0 && x0 < widthPx && y0 < heightPx;
  const isUsable = (box: Box): boolean =>
    Number.isFinite(boxArea(box)) && boxWidth(box) >= 1 && boxHeight(box) >= 1 && isInside(box);
  if (around.length === 0 || !around.every(isUsable)) return undefined;
  const whole = placeFrame({ widthPx, heightPx }, minFacePx, MULTIPLE_PX);
  if (around.length * SQUARE_TENSOR_PX ** 2 > MOST_SHARE * whole.widthPx * whole.heightPx) return undefined;
  return around.map((box) => {
    const sidePx = SQUARE_SIDES * Math.max(boxWidth(box), boxHeight(box));
    const x0 = (box.x0 + box.x1 - sidePx) / 2;
    const y0 = (box.y0 + box.y1 - sidePx) / 2;
    return { boxPx: { x0, y0, x1: x0 + sidePx, y1: y0 + sidePx }, scale: SQUARE_TENSOR_PX / sidePx };
  });
}

/** Tells whether each expected face was found, each of them another one. */
export function areAllFound(around: readonly Box[], found: readonly Box[]): boolean {
  const rest = new Set(found);
  return around.every((expected) => {
    const [best] = [...rest].toSorted((a, b) => boxIou(expected, b) - boxIou(expected, a));
    if (!best || boxIou(expected, best) < FOUND_IOU) return false;
    return rest.delete(best);
  });
}
