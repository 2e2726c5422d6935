// Further looks at a found face: they find out how it is turned in the picture, and correct its landmarks.
import { boxArea, type Box, type Landmarks, type Point } from '../domain/face.js';
import type { DetectorModel } from '../models/manifest.js';
import type { ModelSession } from '../models/session.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { invertAffine, mirrorOutput, swapSides, transformLandmarks, transformPoint, turnAbout } from './affine.js';
import type { AffineMatrix } from './align.js';
import { decodeDetections, suppress, type DetectedFace, type Placement } from './detections.js';
import { estimatePose } from './pose.js';

/** Side of the square tensor of one look. */
const LOOK_PX = 128;
const LOOK_LENGTH = 3 * LOOK_PX * LOOK_PX;
const LOOK_SIZE = { widthPx: LOOK_PX, heightPx: LOOK_PX } as const;
const LOOK_MIDDLE: Point = { x: (LOOK_PX - 1) / 2, y: (LOOK_PX - 1) / 2 };
/** Size of the face in a look, as a share of its side; the size is the root of the area of the face's box. */
const FACE_SHARE = 0.72;
/** Share of the detector's score threshold that is enough in a look. */
const THRESHOLD_SHARE = 0.5;
/**
 * Most pairs of looks that follow a turn, and the turn between the last two pairs at which they end. On a tilted face a look shows 65 to
 * 80 % of the tilt that remains, so that 30 % of what it shows are added for the next look.
 */
const MAX_PAIRS = 4;
const SETTLED_DEGREES = 3;
/** The same for a face that is tilted by more than TILTED_DEGREES: what a look does not show of a tilt is greater there. */
const SETTLED_TILTED_DEGREES = 1.5;
const TILTED_DEGREES = 15;
const HIDDEN_TURN_SHARE = 0.3;
/** Number of directions that a search compares: one each 45 degrees. */
const DIRECTIONS = 8;
/**
 * Angle from which two directions contradict each other, and the least difference of their scores that decides between them. Of 300 clear
 * faces of LFW none has less than 0.02 between the upright look and the turned ones (standard detector, November 2026).
 */
const OTHER_DIRECTION_DEGREES = 68;
const MIN_MARGIN = 0.015;
/** Turn between the last two pairs from which the looks have not agreed. */
const UNSETTLED_DEGREES = 8;

/** Session of a detector. One that takes batches runs a pair of looks at once, which saves a third of the time; the results are the same. */
export type DetectorSession = Pick<ModelSession, 'run'> & Partial<Pick<ModelSession, 'takesBatches'>>;

/** Assumptions about a face: the middle of its box, the root of the box's area, and its roll. */
interface Stance {
  centre: Point;
  sizePx: number;
  rollDegrees: number;
}

/** The face as one look, or the mean of two, shows it. */
interface View extends Stance {
  landmarksPx: Landmarks;
  /** 0..1 */
  score: number;
}

export interface Correction {
  face: DetectedFace;
  /** Size of the face in the last look, in pixels: the root of the area of its box. Absent where no look showed it. */
  sizePx?: number | undefined;
  /** True where the face was looked at in all directions. */
  hasSearched: boolean;
}

export class Looks {
  readonly #addon: Pick<Addon, 'warpToTensor'>;
  readonly #session: DetectorSession;
  readonly #model: DetectorModel;
  /** Tensors of a pair of looks. */
  readonly #tensor = new Float32Array(2 * LOOK_LENGTH);

  constructor(parts: { addon: Pick<Addon, 'warpToTensor'>; session: DetectorSession; model: DetectorModel }) {
    this.#addon = parts.addon;
    this.#session = parts.session;
    this.#model = parts.model;
  }

  /**
   * Corrects the landmarks of a face. Two looks at the face, turned upright by its first landmarks, one of them mirrored, are enough for
   * nearly all upright faces: their mean score reaches the model's `uprightScore`. The detector puts upright landmarks on turned faces, but
   * scores them less. A face with a lower score is looked at in eight directions, and the best direction is followed.
   * @param maySearch false spares the looks in all directions; the face is marked instead
   * @returns the face with its landmarks at any angle, marked by `isAlignmentSure: false` where the looks did not agree
   */
  async correct(image: NativeImage, face: DetectedFace, maySearch: boolean): Promise<Correction> {
    const { boxPx, landmarksPx } = face;
    const found: Stance = {
      centre: findMiddle(boxPx),
      sizePx: Math.sqrt(boxArea(boxPx)),
      rollDegrees: estimatePose(landmarksPx).roll,
    };
    const sureScore = this.#model.uprightScore ?? 1;
    const first = await this.#lookTwice(image, found);
    if (first && first.score >= sureScore) {
      const { view, restDegrees } = await this.#follow(image, found, first);
      if (view.score >= sureScore && restDegrees < UNSETTLED_DEGREES) {
        return { face: { ...face, ...pickResult(face, view) }, sizePx: view.sizePx, hasSearched: false };
      }
    }
    if (!maySearch) {
      const unsure: DetectedFace = { ...face, ...(first && pickResult(face, first)), isAlignmentSure: false };
      return { face: unsure, sizePx: first?.sizePx, hasSearched: false };
    }
    const { view, isSure } = await this.#search(image, found);
    const corrected: DetectedFace = { ...face, ...(view && pickResult(face, view)) };
    if (!isSure) corrected.isAlignmentSure = false;
    return { face: corrected, sizePx: view?.sizePx, hasSearched: true };
  }

  /**
   * Looks at the face in further pairs until the turn that a pair shows agrees with the assumed one.
   * @param view what the pair at `stance` showed
   * @returns the last view, and the turn between it and what was assumed
   */
  async #follow(image: NativeImage, stance: Stance, view: View): Promise<{ view: View; restDegrees: number }> {
    let seen = view;
    let assumed = stance;
    let rest = wrapDegrees(seen.rollDegrees - assumed.rollDegrees);
    for (let i = 1; i < MAX_PAIRS; i++) {
      const isTilted = Math.abs(seen.rollDegrees) > TILTED_DEGREES;
      if (Math.abs(rest) <= (isTilted ? SETTLED_TILTED_DEGREES : SETTLED_DEGREES)) break;
      assumed = { ...seen, rollDegrees: seen.rollDegrees + HIDDEN_TURN_SHARE * rest };
      const next = await this.#lookTwice(image, assumed);
      if (!next) break;
      seen = next;
      rest = wrapDegrees(seen.rollDegrees - assumed.rollDegrees);
    }
    return { view: seen, restDegrees: Math.abs(rest) };
  }

  /**
   * Looks in all directions and follows the one with the best score. A single look scores some wrong directions as well as the right one, so
   * those that contradict the result are followed as well: a wrong one loses its score on the way. The result is sure where none remains that
   * contradicts it.
   */
  async #search(image: NativeImage, stance: Stance): Promise<{ view: View | undefined; isSure: boolean }> {
    const views: View[] = [];
    for (let k = 0; k < DIRECTIONS; k++) {
      const rollDegrees = stance.rollDegrees + (k * 360) / DIRECTIONS;
      const [view] = await this.#look(image, { ...stance, rollDegrees }, [false]);
      if (view) views.push(view);
    }
    const [first, ...others] = views.toSorted((a, b) => b.score - a.score);
    const best = first && (await this.#followFrom(image, first));
    if (!best) return { view: first, isSure: false };
    const { view, restDegrees } = best;
    const contradicts = (other: View): boolean =>
      Math.abs(wrapDegrees(other.rollDegrees - view.rollDegrees)) > OTHER_DIRECTION_DEGREES &&
      other.score > view.score - MIN_MARGIN;
    for (const other of others.filter(contradicts)) {
      const rival = await this.#followFrom(image, other);
      if (rival && contradicts(rival.view)) return { view, isSure: false };
    }
    return { view, isSure: restDegrees < UNSETTLED_DEGREES };
  }

  async #followFrom(image: NativeImage, view: View): Promise<{ view: View; restDegrees: number } | undefined> {
    const pair = await this.#lookTwice(image, view);
    return pair && this.#follow(image, view, pair);
  }

  /** Returns the mean of a look at the face and one at its mirror image: a mirrored picture gets the mirrored result. */
  async #lookTwice(image: NativeImage, stance: Stance): Promise<View | undefined> {
    const [plain, mirrored] = this.#session.takesBatches
      ? await this.#look(image, stance, [false, true])
      : [...(await this.#look(image, stance, [false])), ...(await this.#look(image, stance, [true]))];
    if (!plain || !mirrored) {
      const only = plain ?? mirrored;
      return only && { ...only, score: only.score / 2 };
    }
    const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
    const landmarksPx = plain.landmarksPx.map((point, i) => middle(point, mirrored.landmarksPx[i]!));
    return describeView(
      landmarksPx as unknown as Landmarks,
      middle(plain.centre, mirrored.centre),
      (plain.sizePx + mirrored.sizePx) / 2,
      (plain.score + mirrored.score) / 2,
    );
  }

  /** Looks at the face, and at its mirror image where `mirrors` says so, in one run. @returns what each look shows */
  async #look(image: NativeImage, stance: Stance, mirrors: readonly boolean[]): Promise<(View | undefined)[]> {
    const { name, order, mean, std } = this.#model.input;
    const scale = (LOOK_PX * FACE_SHARE) / stance.sizePx;
    const plain = turnAbout(stance.centre, -stance.rollDegrees, scale, LOOK_MIDDLE);
    const matrices = mirrors.map((isMirrored) => (isMirrored ? mirrorOutput(plain, LOOK_PX) : plain));
    for (const [i, matrix] of matrices.entries()) {
      const tensor = this.#tensor.subarray(i * LOOK_LENGTH, (i + 1) * LOOK_LENGTH);
      this.#addon.warpToTensor(image, tensor, { ...LOOK_SIZE, matrix, border: 'constant', order, mean, std });
    }
    const data = this.#tensor.subarray(0, mirrors.length * LOOK_LENGTH);
    const outputs = await this.#session.run({ [name]: { data, dims: [mirrors.length, 3, LOOK_PX, LOOK_PX] } });
    return mirrors.map((isMirrored, i) =>
      this.#readView(pickSample(outputs, i, mirrors.length), { matrix: matrices[i]!, scale, isMirrored }),
    );
  }

  /** Reads what one look shows: the best face over its middle. */
  #readView(
    outputs: Readonly<Record<string, Float32Array>>,
    { matrix, scale, isMirrored }: { matrix: AffineMatrix; scale: number; isMirrored: boolean },
  ): View | undefined {
    const placement: Placement = { ...LOOK_SIZE, scale: 1, offsetX: 0, offsetY: 0 };
    const model = { ...this.#model, scoreThreshold: this.#model.scoreThreshold * THRESHOLD_SHARE };
    const { x, y } = LOOK_MIDDLE;
    const seen = suppress(decodeDetections(outputs, placement, model), model.nmsIou)
      .filter(({ boxPx: { x0, y0, x1, y1 } }) => x0 < x && x1 > x && y0 < y && y1 > y)
      .toSorted((a, b) => b.detectionScore - a.detectionScore)[0];
    if (!seen) return undefined;
    const toPicture = invertAffine(matrix);
    const landmarks = transformLandmarks(toPicture, seen.landmarksPx);
    return describeView(
      isMirrored ? swapSides(landmarks) : landmarks,
      transformPoint(toPicture, findMiddle(seen.boxPx)),
      Math.sqrt(boxArea(seen.boxPx)) / scale,
      seen.detectionScore,
    );
  }
}

/** Picks the outputs of one picture of a batch. */
function pickSample(
  outputs: Readonly<Record<string, Float32Array>>,
  index: number,
  count: number,
): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, data]) => {
      const length = data.length / count;
      return [name, data.subarray(index * length, (index + 1) * length)];
    }),
  );
}

function describeView(landmarksPx: Landmarks, centre: Point, sizePx: number, score: number): View {
  return { landmarksPx, centre, sizePx, score, rollDegrees: estimatePose(landmarksPx).roll };
}

/** Picks the corrected values of a face. A face that was found turned, with a low score, gets the score that it has upright. */
function pickResult(
  { detectionScore, landmarksPx }: DetectedFace,
  view: View,
): Pick<DetectedFace, 'landmarksPx' | 'detectionScore'> {
  const turn = Math.abs(wrapDegrees(view.rollDegrees - estimatePose(landmarksPx).roll));
  const isTurned = turn > OTHER_DIRECTION_DEGREES / 2;
  return {
    landmarksPx: view.landmarksPx,
    detectionScore: isTurned ? Math.max(detectionScore, view.score) : detectionScore,
  };
}

function findMiddle({ x0, y0, x1, y1 }: Box): Point {
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
}

/** Brings an angle into -180..180. */
function wrapDegrees(degrees: number): number {
  return degrees - 360 * Math.round(degrees / 360);
}
