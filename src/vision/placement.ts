// Placement of a picture in the detector's input tensor: at which scale each pass searches it, how it is turned, how much margin it has.
import type { NativeImage } from '../native/addon.js';
import { turnAbout } from './affine.js';
import type { AffineMatrix } from './align.js';
import type { Placement } from './detections.js';

/** Tensor pixels that a face of the smallest wanted size must cover. The detectors find faces of 24 px as well as those of 60 px. */
const SMALLEST_FACE_TENSOR_PX = 28;
/**
 * The same in the first pass over a still picture, where boxes are exact enough to be shown. It is worth its time up to this share of the
 * scale of the pass that follows where a face is doubtful.
 */
const COARSE_FACE_TENSOR_PX = 36;
const MOST_COARSE_SHARE = 0.75;
/** Longer side of the tensor of a glance, and the share of the pixels of the whole search's tensor up to which it is worth its time. */
const GLANCE_SIDE_PX = 256;
const MOST_GLANCE_SHARE = 0.4;
/** Longer side up to which a still picture is analysed at its own size. */
const NATIVE_SIDE_PX = 640;
/**
 * Longer side to which a smaller still picture is enlarged, by a factor of at most MAX_ENLARGEMENT and with a margin around it. On 40
 * portraits of 150 px this lowered the difference between the landmarks and those of the mirrored picture from 9.5 to 3.8 % of the eye
 * distance, and raised the mean cosine between pictures of one person from 0.626 to 0.648 (November 2026).
 */
const ENLARGED_SIDE_PX = 576;
const MAX_ENLARGEMENT = 2;
const MARGIN_PX = 32;
/**
 * Longer side of the picture in a close-up pass. The tensor is larger by this length on both axes, so that a face that fills the picture has
 * surroundings. The picture of a frame is smaller: its pass finds the faces that are too large for the pass over the whole frame, and no
 * others. 20 people who fill 0.7 to 1.15 of the frame, upright, tilted by 20 and turned by 90 degrees, were all found (November 2026).
 */
const CLOSE_UP_SIDE_PX = 160;
const FRAME_CLOSE_UP_SIDE_PX = 96;

/** Quarter turns of a picture, clockwise, in degrees. */
export type QuarterTurn = 0 | 90 | 180 | 270;

/** A placement with the transform from the picture to the tensor, where the picture is turned. */
export interface TurnedPlacement extends Placement {
  matrix?: AffineMatrix;
}

type Size = Pick<NativeImage, 'widthPx' | 'heightPx'>;

/**
 * Places a whole frame of a camera at the scale at which the smallest wanted face covers 28 tensor px: 320 x 224 for 640 x 480 and faces of
 * 60 px, 2.5 ms of a core in place of 12 (AMD EPYC, November 2026). The landmarks come from the looks at each face, so the scale costs no
 * exactness: the mean error of 102 people at four sizes and three rolls was 4.79 % of the eye distance, and 4.80 at the frame's own size.
 */
export function placeFrame(image: Size, minFacePx: number, multiplePx: number): Placement {
  return placeAt(image, Math.min(findMostScale(image), SMALLEST_FACE_TENSOR_PX / minFacePx), 0, multiplePx);
}

/**
 * Places a whole frame for a glance, which finds large faces alone: 256 x 160 for 1280 x 720, 0.6 ms of a core in place of 3.3 for the 608 x 352 of
 * placeFrame and faces of 60 px (AMD EPYC, November 2026).
 * @param whole placement of the search that finds the others
 * @returns undefined where it would save too little
 */
export function placeGlance(image: Size, whole: Placement, multiplePx: number): Placement | undefined {
  const glance = placeAt(image, GLANCE_SIDE_PX / Math.max(image.widthPx, image.heightPx), 0, multiplePx);
  const countPixels = ({ widthPx, heightPx }: Placement): number => widthPx * heightPx;
  return countPixels(glance) <= MOST_GLANCE_SHARE * countPixels(whole) ? glance : undefined;
}

/** Returns the shorter side, in pixels of the picture, from which a search in this placement finds a face as well as a closer one. */
export function findSmallestSidePx({ scale }: Placement): number {
  return SMALLEST_FACE_TENSOR_PX / scale;
}

/** Places a whole still picture: at its own size up to 640 px, and smaller ones enlarged. */
export function placeStill(image: Size, minFacePx: number, multiplePx: number): Placement {
  const side = Math.max(image.widthPx, image.heightPx);
  if (isSmall(image)) return placeAt(image, findMostScale(image), MARGIN_PX, multiplePx);
  const scale = Math.min(1, Math.max(NATIVE_SIDE_PX / side, SMALLEST_FACE_TENSOR_PX / minFacePx));
  return placeAt(image, scale, 0, multiplePx);
}

/**
 * Places a whole still picture for a first pass at a smaller scale, at which the smallest wanted face covers 36 tensor px: 384 x 288 for 640 x
 * 480, 4 ms of a core in place of 12 (AMD EPYC, November 2026).
 * @returns undefined where the scale of placeStill is smaller, or not much larger
 */
export function placeStillCoarsely(image: Size, minFacePx: number, multiplePx: number): Placement | undefined {
  if (isSmall(image)) return undefined;
  const scale = COARSE_FACE_TENSOR_PX / minFacePx;
  const whole = placeStill(image, minFacePx, multiplePx);
  return scale < MOST_COARSE_SHARE * whole.scale ? placeAt(image, scale, 0, multiplePx) : undefined;
}

/** Places a picture for the close-up pass: small, in the middle of the tensor, with a margin around it. */
export function placeCloseUp(image: Size, isFrame: boolean, multiplePx: number): Placement {
  const side = isFrame ? FRAME_CLOSE_UP_SIDE_PX : CLOSE_UP_SIDE_PX;
  const scale = side / Math.max(image.widthPx, image.heightPx);
  const fit = (length: number): number => Math.round((length * scale + side) / multiplePx) * multiplePx;
  const [widthPx, heightPx] = [fit(image.widthPx), fit(image.heightPx)];
  return {
    widthPx,
    heightPx,
    scale,
    offsetX: Math.round((widthPx - image.widthPx * scale) / 2),
    offsetY: Math.round((heightPx - image.heightPx * scale) / 2),
  };
}

/** Tells whether a pass may miss faces because they are larger in the tensor than the detector knows them: about 300 px. */
export function missesLargeFaces({ widthPx, heightPx }: Placement): boolean {
  return Math.max(widthPx, heightPx) > NATIVE_SIDE_PX;
}

/** Turns the picture of a placement clockwise. */
export function turnPlacement(placement: Placement, image: Size, turn: QuarterTurn): TurnedPlacement {
  if (turn === 0) return placement;
  const [widthPx, heightPx] =
    turn === 180 ? [placement.widthPx, placement.heightPx] : [placement.heightPx, placement.widthPx];
  const from = { x: (image.widthPx - 1) / 2, y: (image.heightPx - 1) / 2 };
  const to = { x: (widthPx - 1) / 2, y: (heightPx - 1) / 2 };
  return { widthPx, heightPx, scale: 1, offsetX: 0, offsetY: 0, matrix: turnAbout(from, turn, placement.scale, to) };
}

function placeAt(image: Size, scale: number, margin: number, multiplePx: number): Placement {
  // The addon rounds the sides of the scaled picture to whole pixels.
  const fit = (length: number): number =>
    Math.max(1, Math.ceil((Math.round(length * scale) + 2 * margin) / multiplePx)) * multiplePx;
  return { widthPx: fit(image.widthPx), heightPx: fit(image.heightPx), scale, offsetX: margin, offsetY: margin };
}

function isSmall(image: Size): boolean {
  return Math.max(image.widthPx, image.heightPx) < ENLARGED_SIDE_PX;
}

/** Returns the largest scale at which a picture is searched: more than 1 for a small one. */
function findMostScale(image: Size): number {
  const side = Math.max(image.widthPx, image.heightPx);
  return isSmall(image) ? Math.min(MAX_ENLARGEMENT, ENLARGED_SIDE_PX / side) : 1;
}
