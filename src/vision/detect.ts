// Face detection: finds faces and their five landmarks by a model with the outputs of YuNet.
import { boxArea, boxHeight, boxWidth, isSureFace, type Box } from '../domain/face.js';
import type { DetectorModel } from '../models/manifest.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { invertAffine, transformBox, transformLandmarks } from './affine.js';
import { decodeDetections, keepBest, suppress, type DetectedFace } from './detections.js';
import { Looks, type DetectorSession } from './looks.js';
import {
  findSmallestSidePx,
  missesLargeFaces,
  placeCloseUp,
  placeFrame,
  placeGlance,
  placeStill,
  placeStillCoarsely,
  turnPlacement,
  type QuarterTurn,
  type TurnedPlacement,
} from './placement.js';
import type { SearchSquare } from './search-plan.js';
import { SquarePasses } from './square-passes.js';

/** Most faces of one frame that are looked at in all directions; each takes about 6 ms. Others are marked as not surely aligned. */
const MAX_FRAME_SEARCHES = 3;

/**
 * Share of the smallest wanted side from which a face of a frame is looked at: a look, which is closer, decides whether it is large enough. At the
 * scale of a frame, boxes of 69 to 76 px came out as 51 to 59 px.
 */
const LOOKED_AT_SHARE = 0.8;

/** Share of the model's score threshold from which a detection of the first pass over a still picture may be a face. */
const DOUBTFUL_SHARE = 0.5;
/** Share by which that pass may find a face too large or too small: boxes of 60 px differ by up to a tenth from those of a closer search. */
const INEXACT_SHARE = 0.1;

export interface DetectOptions {
  /** Faces whose shorter side is smaller are left out. */
  minFacePx: number;
  /**
   * Number of the frame, for a picture of a camera. A frame is searched at a smaller scale than a still picture (see placeFrame). One in which
   * no face is sure is searched once more, turned, in another quarter turn from frame to frame. A still picture is searched in all of them.
   */
  frameNumber?: number;
  /** Most faces that are returned, the largest. */
  maxFaces?: number;
  /** True: where a glance at a large frame surely finds a large face, smaller ones are not searched. Default: they are. */
  mayGlance?: boolean | undefined;
  /** Parts of a frame that are searched in place of the whole. */
  squares?: readonly SearchSquare[];
  /** Tells whether the face in a box gets further looks, which correct its landmarks. Default: every face does. */
  isWanted?: (boxPx: Box) => boolean;
}

export class Detector {
  readonly #addon: Addon;
  readonly #session: DetectorSession;
  readonly #model: DetectorModel;
  readonly #looks: Looks;
  readonly #squares: SquarePasses;
  /** Memory of the input tensor: it grows to the largest tensor needed, and is used again. */
  #buffer = new Float32Array(0);

  constructor(parts: { addon: Addon; session: DetectorSession; model: DetectorModel }) {
    this.#addon = parts.addon;
    this.#session = parts.session;
    this.#model = parts.model;
    this.#looks = new Looks(parts);
    this.#squares = new SquarePasses(parts);
  }

  /**
   * Finds the faces of a picture, at any angle. The detector knows faces up to about 300 px and needs some surroundings, so it misses a face
   * that fills the picture at the picture's own size. A close-up pass at a smaller scale and with a margin finds those. It runs for every
   * picture whose tensor is large, and for one in which no face is sure. On 40 portraits, cut off at the face and scaled to 120 to 2,000 px,
   * the two passes together found every face.
   *
   * The detector also misses some faces that are turned by 90 degrees, so a picture without a sure face is searched turned as well. In a frame
   * a face that is not wanted counts as sure: it is known already.
   * @returns the face with the largest box first
   */
  async detect(image: NativeImage, options: DetectOptions): Promise<DetectedFace[]> {
    const { minFacePx, frameNumber, maxFaces, squares, mayGlance = false, isWanted = () => true } = options;
    const find = async (): Promise<DetectedFace[]> => {
      if (squares) return this.#squares.find(image, squares);
      if (frameNumber === undefined) return this.#findInStill(image, minFacePx);
      const glanced = mayGlance ? await this.#glance(image, minFacePx) : undefined;
      return glanced ?? this.#findInFrame(image, minFacePx, frameNumber, isWanted);
    };
    const found = await find();
    const leastPx = frameNumber === undefined ? minFacePx : minFacePx * LOOKED_AT_SHARE;
    const fit = found
      .map((face) => ({ face, boxPx: clampBox(face.boxPx, image) }))
      .filter(({ boxPx }) => measureSide(boxPx) >= leastPx)
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
      const { face: corrected, sizePx, hasSearched } = await this.#looks.correct(image, face, searches > 0);
      if (hasSearched) searches--;
      const isSmall = measureSide(boxPx) < minFacePx;
      const seenPx = isSmall ? clampBox(resizeBox(face.boxPx, sizePx), image) : boxPx;
      if (measureSide(seenPx) >= minFacePx) faces.push({ ...corrected, boxPx: seenPx });
    }
    return faces;
  }

  /** Frees the memory of the input tensor. It is as large as the largest picture needed: up to 11 MB. */
  dropBuffer(): void {
    this.#buffer = new Float32Array(0);
  }

  /** Finds the large faces of a large frame. @returns undefined where the whole search must decide: no face is there, or one is small or not sure */
  async #glance(image: NativeImage, minFacePx: number): Promise<DetectedFace[] | undefined> {
    const { multiplePx } = this.#model.input;
    const placement = placeGlance(image, placeFrame(image, minFacePx, multiplePx), multiplePx);
    if (!placement) return undefined;
    const faces = await this.#runPass(image, placement);
    const leastPx = findSmallestSidePx(placement);
    const isClear = (face: DetectedFace): boolean =>
      isSureFace(face) && Math.min(boxWidth(face.boxPx), boxHeight(face.boxPx)) >= leastPx;
    return faces.length > 0 && faces.every(isClear) ? faces : undefined;
  }

  /** Finds the faces of the frame as it is, and where none of them is sure, those of the frame turned by one quarter turn. */
  async #findInFrame(
    image: NativeImage,
    minFacePx: number,
    frameNumber: number,
    isWanted: (boxPx: Box) => boolean,
  ): Promise<DetectedFace[]> {
    const { nmsIou, input } = this.#model;
    const hasSure = (faces: DetectedFace[]): boolean =>
      faces.some((face) => isSureFace(face) || !isWanted(clampBox(face.boxPx, image)));
    const whole = placeFrame(image, minFacePx, input.multiplePx);
    let found = await this.#runPass(image, whole);
    if (hasSure(found) && !missesLargeFaces(whole)) return found;
    found = suppress([...found, ...(await this.#runPass(image, placeCloseUp(image, true, input.multiplePx)))], nmsIou);
    if (hasSure(found)) return found;
    const turned = turnPlacement(whole, image, chooseQuarter(frameNumber));
    return keepBest([...found, ...(await this.#runPass(image, turned))], nmsIou);
  }

  /** Finds the faces of the picture as it is, and where none of them is sure, those of the turned picture. */
  async #findInStill(image: NativeImage, minFacePx: number): Promise<DetectedFace[]> {
    const clear = await this.#findClearly(image, minFacePx);
    if (clear) return clear;
    let found: DetectedFace[] = [];
    for (const turn of [0, 90, 270, 180] as const) {
      found = keepBest([...found, ...(await this.#find(image, minFacePx, turn))], this.#model.nmsIou);
      if (found.some(isSureFace)) break;
    }
    return found;
  }

  /**
   * Finds the faces of a still picture at a smaller scale.
   * @returns undefined where a closer search must decide: no face is there, or something that may be one is not sure or may be too small
   */
  async #findClearly(image: NativeImage, minFacePx: number): Promise<DetectedFace[] | undefined> {
    const placement = placeStillCoarsely(image, minFacePx, this.#model.input.multiplePx);
    if (!placement) return undefined;
    const faces = await this.#runPass(image, placement, this.#model.scoreThreshold * DOUBTFUL_SHARE);
    const side = ({ x0, y0, x1, y1 }: Box): number => Math.min(x1 - x0, y1 - y0);
    const large = faces.filter(({ boxPx }) => side(boxPx) > minFacePx * (1 - INEXACT_SHARE));
    const isClear = large.every((face) => isSureFace(face) && side(face.boxPx) > minFacePx * (1 + INEXACT_SHARE));
    return large.length > 0 && isClear ? large : undefined;
  }

  /** Finds the faces of a still picture that is turned, in pixels of the picture as it is. */
  async #find(image: NativeImage, minFacePx: number, turn: QuarterTurn): Promise<DetectedFace[]> {
    const { nmsIou, input } = this.#model;
    const whole = placeStill(image, minFacePx, input.multiplePx);
    const faces = await this.#runPass(image, turnPlacement(whole, image, turn));
    if (!missesLargeFaces(whole) && faces.some(isSureFace)) return faces;
    const closeUp = turnPlacement(placeCloseUp(image, false, input.multiplePx), image, turn);
    return suppress([...faces, ...(await this.#runPass(image, closeUp))], nmsIou);
  }

  /** @returns faces in pixels of the picture as it is, whose landmarks are in the order of the turned picture */
  async #runPass(
    image: NativeImage,
    placement: TurnedPlacement,
    scoreThreshold = this.#model.scoreThreshold,
  ): Promise<DetectedFace[]> {
    const { widthPx, heightPx, matrix } = placement;
    const { name, order, mean, std } = this.#model.input;
    const length = 3 * widthPx * heightPx;
    if (this.#buffer.length < length) this.#buffer = new Float32Array(length);
    const tensor = this.#buffer.subarray(0, length);
    if (matrix)
      this.#addon.warpToTensor(image, tensor, { widthPx, heightPx, matrix, border: 'constant', order, mean, std });
    else this.#addon.letterbox(image, tensor, { ...placement, order, mean, std });
    const outputs = await this.#session.run({ [name]: { data: tensor, dims: [1, 3, heightPx, widthPx] } });
    const faces = suppress(
      decodeDetections(outputs, placement, { ...this.#model, scoreThreshold }),
      this.#model.nmsIou,
    );
    if (!matrix) return faces;
    const toPicture = invertAffine(matrix);
    return faces.map((face) => ({
      ...face,
      boxPx: transformBox(toPicture, face.boxPx),
      landmarksPx: transformLandmarks(toPicture, face.landmarksPx),
    }));
  }
}

/** Chooses a quarter turn for a frame. A hash spreads the turns, since often only every second or third frame is analysed. */
function chooseQuarter(frameNumber: number): QuarterTurn {
  const turns = [90, 180, 270] as const;
  return turns[(Math.imul(frameNumber, 0x9e3779b1) >>> 16) % turns.length]!;
}

function measureSide(box: Box): number {
  return Math.min(boxWidth(box), boxHeight(box));
}

/** Gives a box another size, with the same middle and proportions. @param sizePx root of its area; default: that of the box */
function resizeBox(box: Box, sizePx = Math.sqrt(boxArea(box))): Box {
  const grow = (sizePx / Math.sqrt(boxArea(box)) - 1) / 2;
  const [x, y] = [boxWidth(box) * grow, boxHeight(box) * grow];
  return { x0: box.x0 - x, y0: box.y0 - y, x1: box.x1 + x, y1: box.y1 + y };
}

function clampBox(box: Box, image: NativeImage): Box {
  const x = (value: number): number => Math.max(0, Math.min(image.widthPx, value));
  const y = (value: number): number => Math.max(0, Math.min(image.heightPx, value));
  return { x0: x(box.x0), y0: y(box.y0), x1: x(box.x1), y1: y(box.y1) };
}
