// Face detection: finds faces and their five landmarks by a model with the outputs of YuNet.
import { boxArea, boxHeight, boxWidth, type Box } from '../domain/face.js';
import type { DetectorModel } from '../models/manifest.js';
import type { ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { invertAffine, transformBox, transformLandmarks, turnAbout } from './affine.js';
import type { AffineMatrix } from './align.js';
import { decodeDetections, keepBest, suppress, type DetectedFace, type Placement } from './detections.js';
import { Looks } from './looks.js';

/** Longer side up to which a picture is analysed at its own size. */
const NATIVE_SIDE_PX = 640;
/**
 * Longer side to which a smaller picture is enlarged, by a factor of at most MAX_ENLARGEMENT and with a margin around it. On 40 portraits
 * of 150 px this lowered the difference between the landmarks and those of the mirrored picture from 9.5 to 3.8 % of the eye distance,
 * and raised the mean cosine between pictures of one person from 0.626 to 0.648 (November 2026).
 */
const ENLARGED_SIDE_PX = 576;
const MAX_ENLARGEMENT = 2;
const MARGIN_PX = 32;
/** Tensor pixels that a face of the smallest wanted size must cover, so that its landmarks are good enough for alignment. */
const SMALLEST_FACE_TENSOR_PX = 28;
/** Tensor of the close-up pass: the picture lies in the middle of a square, with a margin of the same size around it. */
const CLOSE_UP_TENSOR_PX = 320;
const CLOSE_UP_SIDE_PX = 160;
/** Detection score from which a found face makes the close-up pass unnecessary. */
const SURE_SCORE = 0.8;

/** Most faces of one frame that are looked at in all directions; each takes about 6 ms. Others are marked as not surely aligned. */
const MAX_FRAME_SEARCHES = 3;

/** Quarter turns of a picture, clockwise, in degrees. */
type QuarterTurn = 0 | 90 | 180 | 270;

export interface DetectOptions {
  /** Faces whose shorter side is smaller are left out. */
  minFacePx: number;
  /**
   * Number of the frame, for a picture of a camera. A frame in which no face is sure is searched once more, turned, at half the scale, and in
   * another quarter turn from frame to frame. A still picture is searched in all of them.
   */
  frameNumber?: number;
  /** Most faces that are returned, the largest. */
  maxFaces?: number;
  /** Tells whether the face in a box gets further looks, which correct its landmarks. Default: every face does. */
  isWanted?: (boxPx: Box) => boolean;
}

export class Detector {
  readonly #addon: Addon;
  readonly #session: Pick<ModelSession, 'run'>;
  readonly #model: DetectorModel;
  readonly #looks: Looks;
  /** Memory of the input tensor: it grows to the largest tensor needed, and is used again. */
  #buffer = new Float32Array(0);

  constructor(parts: { addon: Addon; session: Pick<ModelSession, 'run'>; model: DetectorModel }) {
    this.#addon = parts.addon;
    this.#session = parts.session;
    this.#model = parts.model;
    this.#looks = new Looks(parts);
  }

  /**
   * Finds the faces of a picture, at any angle. The detector knows faces up to about 300 px and needs some surroundings, so it misses a face
   * that fills the picture at the picture's own size. A close-up pass at a smaller scale and with a margin finds those. It runs for every
   * large picture, and for a small one in which no face is sure. On 40 portraits, cut off at the face and scaled to 120 to 2,000 px, the two
   * passes together found every face.
   *
   * The detector also misses some faces that are turned by 90 degrees, so a picture without a sure face is searched turned as well.
   * @returns the face with the largest box first
   */
  async detect(image: NativeImage, options: DetectOptions): Promise<DetectedFace[]> {
    const { minFacePx, frameNumber, maxFaces, isWanted = () => true } = options;
    const found = await this.#findAll(image, minFacePx, frameNumber);
    const fit = found
      .map((face) => ({ face, boxPx: clampBox(face.boxPx, image) }))
      .filter(({ boxPx }) => Math.min(boxWidth(boxPx), boxHeight(boxPx)) >= minFacePx)
      .sort((a, b) => boxArea(b.boxPx) - boxArea(a.boxPx))
      .slice(0, maxFaces);
    const faces: DetectedFace[] = [];
    let searches = frameNumber === undefined ? Infinity : MAX_FRAME_SEARCHES;
    for (const { face, boxPx } of fit) {
      if (!isWanted(boxPx)) {
        faces.push({ ...face, boxPx });
        continue;
      }
      // The looks need the whole box of a face that reaches beyond the picture.
      const { face: corrected, hasSearched } = await this.#looks.correct(image, face, searches > 0);
      if (hasSearched) searches--;
      faces.push({ ...corrected, boxPx });
    }
    return faces;
  }

  /** Finds the faces of the picture as it is, and where none of them is sure, those of the turned picture. */
  async #findAll(image: NativeImage, minFacePx: number, frameNumber: number | undefined): Promise<DetectedFace[]> {
    let found = await this.#find(image, minFacePx, 0);
    if (frameNumber !== undefined && !found.some(isSure)) {
      const placement = turnPlacement(this.#placeWhole(image, minFacePx, 0.5), image, chooseQuarter(frameNumber));
      return keepBest([...found, ...(await this.#runPass(image, placement))], this.#model.nmsIou);
    }
    for (const turn of [90, 270, 180] as const) {
      if (found.some(isSure)) break;
      found = keepBest([...found, ...(await this.#find(image, minFacePx, turn))], this.#model.nmsIou);
    }
    return found;
  }

  /** Finds the faces of a picture that is turned, in pixels of the picture as it is. */
  async #find(image: NativeImage, minFacePx: number, turn: QuarterTurn): Promise<DetectedFace[]> {
    const placement = turnPlacement(this.#placeWhole(image, minFacePx), image, turn);
    const faces = await this.#runPass(image, placement);
    const isLarge = Math.max(placement.widthPx, placement.heightPx) > NATIVE_SIDE_PX;
    if (!isLarge && faces.some(isSure)) return faces;
    const close = await this.#runPass(image, turnPlacement(placeCloseUp(image), image, turn));
    return suppress([...faces, ...close], this.#model.nmsIou);
  }

  #placeWhole(image: NativeImage, minFacePx: number, reduction = 1): Placement {
    const { multiplePx } = this.#model.input;
    const side = Math.max(image.widthPx, image.heightPx);
    const isSmall = side < ENLARGED_SIDE_PX;
    const fitting = isSmall
      ? Math.min(MAX_ENLARGEMENT, ENLARGED_SIDE_PX / side)
      : Math.min(1, Math.max(NATIVE_SIDE_PX / side, SMALLEST_FACE_TENSOR_PX / minFacePx));
    const scale = fitting * reduction;
    const margin = isSmall ? MARGIN_PX : 0;
    const sideFor = (length: number): number =>
      Math.max(1, Math.ceil((length * scale + 2 * margin) / multiplePx)) * multiplePx;
    return {
      widthPx: sideFor(image.widthPx),
      heightPx: sideFor(image.heightPx),
      scale,
      offsetX: margin,
      offsetY: margin,
    };
  }

  /** @returns faces in pixels of the picture as it is, whose landmarks are in the order of the turned picture */
  async #runPass(image: NativeImage, placement: TurnedPlacement): Promise<DetectedFace[]> {
    const { widthPx, heightPx, matrix } = placement;
    const { name, order, mean, std } = this.#model.input;
    const length = 3 * widthPx * heightPx;
    if (this.#buffer.length < length) this.#buffer = new Float32Array(length);
    const tensor = this.#buffer.subarray(0, length);
    if (matrix)
      this.#addon.warpToTensor(image, tensor, { widthPx, heightPx, matrix, border: 'constant', order, mean, std });
    else this.#addon.letterbox(image, tensor, { ...placement, order, mean, std });
    const outputs = await this.#session.run({ [name]: { data: tensor, dims: [1, 3, heightPx, widthPx] } });
    const faces = suppress(decodeDetections(outputs, placement, this.#model), this.#model.nmsIou);
    if (!matrix) return faces;
    const toPicture = invertAffine(matrix);
    return faces.map((face) => ({
      ...face,
      boxPx: transformBox(toPicture, face.boxPx),
      landmarksPx: transformLandmarks(toPicture, face.landmarksPx),
    }));
  }
}

/** A placement with the transform from the picture to the tensor, where the picture is turned. */
interface TurnedPlacement extends Placement {
  matrix?: AffineMatrix;
}

function turnPlacement(placement: Placement, image: NativeImage, turn: QuarterTurn): TurnedPlacement {
  if (turn === 0) return placement;
  const [widthPx, heightPx] =
    turn === 180 ? [placement.widthPx, placement.heightPx] : [placement.heightPx, placement.widthPx];
  const from = { x: (image.widthPx - 1) / 2, y: (image.heightPx - 1) / 2 };
  const to = { x: (widthPx - 1) / 2, y: (heightPx - 1) / 2 };
  return { widthPx, heightPx, scale: 1, offsetX: 0, offsetY: 0, matrix: turnAbout(from, turn, placement.scale, to) };
}

/** Chooses a quarter turn for a frame. A hash spreads the turns, since often only every second or third frame is analysed. */
function chooseQuarter(frameNumber: number): QuarterTurn {
  const turns = [90, 180, 270] as const;
  return turns[(Math.imul(frameNumber, 0x9e3779b1) >>> 16) % turns.length]!;
}

function isSure({ detectionScore }: DetectedFace): boolean {
  return detectionScore >= SURE_SCORE;
}

function placeCloseUp(image: NativeImage): Placement {
  const scale = CLOSE_UP_SIDE_PX / Math.max(image.widthPx, image.heightPx);
  return {
    widthPx: CLOSE_UP_TENSOR_PX,
    heightPx: CLOSE_UP_TENSOR_PX,
    scale,
    offsetX: Math.round((CLOSE_UP_TENSOR_PX - image.widthPx * scale) / 2),
    offsetY: Math.round((CLOSE_UP_TENSOR_PX - image.heightPx * scale) / 2),
  };
}

function clampBox(box: Box, image: NativeImage): Box {
  const x = (value: number): number => Math.max(0, Math.min(image.widthPx, value));
  const y = (value: number): number => Math.max(0, Math.min(image.heightPx, value));
  return { x0: x(box.x0), y0: y(box.y0), x1: x(box.x1), y1: y(box.y1) };
}
