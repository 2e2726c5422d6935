// Checks whether a picture is fit to enrol a person with, and names every doubt.
import { MAX_YAW_PITCH_DEGREES } from '../../domain/face.js';
import type { EmbedderModel } from '../../models/manifest.js';
import type { Addon } from '../../native/addon.js';
import { alignToTemplate } from '../../vision/align.js';
import { measureQuality } from '../../vision/quality.js';
import type { ApiFace, ApiMatch } from './api.js';
import type { PictureReason, ReasonCode } from './picture-result.js';

/** Shorter side of the face's box in the analysed picture, below which the face is small. */
const SMALL_PX = 100;
/** Yaw or pitch above which the face is turned away. */
const TURNED_DEGREES = 30;
/**
 * Sharpness (vision/quality.ts) below which the face is blurred. Of 150 aligned photographs of LFW, 99 % have 0.59 or more, and the median
 * is 1; after a Gaussian blur of 2 px of the aligned crop, 95 % have 0.38 or less (November 2026).
 */
const BLURRED = 0.35;
/** Similarity from which two pictures count as the same picture: a cosine of 0.995. */
export const SAME_PICTURE = 99.9;

/** The reasons for which a picture is refused even without --strict. */
const UNFIT: readonly ReasonCode[] = ['no-face', 'several-faces', 'lookalike', 'duplicate', 'not-accepted'];

export function isRefused(reasons: readonly PictureReason[], strict: boolean): boolean {
  return reasons.some(({ reason }) => strict || UNFIT.includes(reason));
}

/** @param faces the faces that the service found @returns the reason to refuse the picture; undefined where it has exactly one face */
export function judgeCount(faces: readonly ApiFace[]): PictureReason | undefined {
  if (faces.length === 0) return { reason: 'no-face', detail: 'the picture has no face of at least 60 x 60 px' };
  if (faces.length === 1) return undefined;
  return { reason: 'several-faces', detail: `the picture has ${faces.length} faces; it must have one` };
}

/** @param picture size of the analysed picture, and the sharpness of its face (0..1) @returns every doubt about the only face of a picture */
export function judgeFace(
  face: ApiFace,
  picture: { widthPx: number; heightPx: number; sharpness: number },
): PictureReason[] {
  const reasons: PictureReason[] = [];
  const { bbox, orientation } = face;
  const widthPx = Math.round((bbox.x1 - bbox.x0) * picture.widthPx);
  const heightPx = Math.round((bbox.y1 - bbox.y0) * picture.heightPx);
  if (Math.min(widthPx, heightPx) < SMALL_PX) {
    reasons.push({
      reason: 'small',
      detail: `the face has ${widthPx} x ${heightPx} px; it should have at least ${SMALL_PX}`,
    });
  }
  if (picture.sharpness < BLURRED) {
    reasons.push({
      reason: 'blurred',
      detail: `the sharpness is ${picture.sharpness.toFixed(2)}; it should be at least ${BLURRED}`,
    });
  }
  const turned = Math.max(Math.abs(orientation.x), Math.abs(orientation.y));
  if (turned > MAX_YAW_PITCH_DEGREES) {
    reasons.push({
      reason: 'not-accepted',
      detail: `the face is turned by more than ${MAX_YAW_PITCH_DEGREES} degrees`,
    });
  }
  if (turned > TURNED_DEGREES) {
    const [yaw, pitch] = [Math.round(orientation.x), Math.round(orientation.y)];
    reasons.push({
      reason: 'turned-away',
      detail: `yaw ${yaw}, pitch ${pitch} degrees; each should be at most ${TURNED_DEGREES}`,
    });
  }
  if (face.mask === true) reasons.push({ reason: 'masked', detail: 'the face wears a mask' });
  return reasons;
}

/**
 * @param threshold similarity from which a face counts as another person's, 1..100
 * @returns the reason to refuse the picture: the most similar face that is enrolled under another externalImageId
 */
export function judgeMatches(
  matches: readonly ApiMatch[],
  { externalImageId, threshold }: { externalImageId: string; threshold: number },
): PictureReason | undefined {
  const match = matches.find(
    ({ face, similarity }) => face.externalImageId !== externalImageId && similarity >= threshold,
  );
  if (!match) return undefined;
  const { similarity, face } = match;
  const other = face.externalImageId ?? 'a face without externalImageId';
  const isSame = similarity >= SAME_PICTURE;
  return {
    reason: isSame ? 'duplicate' : 'lookalike',
    detail: `${isSame ? 'the same picture is enrolled as' : 'the face is similar to'} ${other}, similarity ${similarity.toFixed(1)}`,
    similarity,
    faceId: face.faceId,
    ...(face.externalImageId === undefined ? {} : { belongsTo: face.externalImageId }),
  };
}

/** Measures what the API does not return: the size of the analysed picture, and the sharpness of its face. */
export class PictureGauge {
  readonly #addon: Addon;
  readonly #embedder: Pick<EmbedderModel, 'input' | 'template'>;

  constructor(parts: { addon: Addon; embedder: Pick<EmbedderModel, 'input' | 'template'> }) {
    this.#addon = parts.addon;
    this.#embedder = parts.embedder;
  }

  /** @returns sharpness 0..1 @throws AppError like decodePicture */
  async measure(bytes: Uint8Array, face: ApiFace): Promise<{ widthPx: number; heightPx: number; sharpness: number }> {
    // Loaded here, so that the other commands work where a library cannot be loaded.
    const { decodePicture } = await import('../../vision/decode.js');
    const image = await decodePicture(bytes, this.#addon);
    try {
      const { widthPx, heightPx } = image;
      const { input, template } = this.#embedder;
      const scale = ({ x, y }: { x: number; y: number }) => ({ x: x * widthPx, y: y * heightPx });
      const [leftEye, rightEye, nose, leftLip, rightLip] = face.landmarks;
      const landmarks = [scale(leftEye), scale(rightEye), scale(nose), scale(leftLip), scale(rightLip)] as const;
      const crop = new Uint8Array(input.widthPx * input.heightPx * 3);
      const matrix = alignToTemplate(landmarks, template);
      this.#addon.warp(image, crop, { widthPx: input.widthPx, heightPx: input.heightPx, matrix, border: 'constant' });
      const { x0, y0, x1, y1 } = face.bbox;
      const boxPx = { x0: x0 * widthPx, y0: y0 * heightPx, x1: x1 * widthPx, y1: y1 * heightPx };
      const pose = { yaw: face.orientation.x, pitch: face.orientation.y, roll: face.orientation.z };
      const quality = measureQuality({ boxPx, pose, detectionScore: face.confidence / 100 }, crop, input.widthPx);
      return { widthPx, heightPx, sharpness: quality.sharpness };
    } finally {
      image.release();
    }
  }
}
