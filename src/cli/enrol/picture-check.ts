// What is doubtful about a picture that somebody is to be enrolled with.
import type { z } from 'zod';
import { MAX_YAW_PITCH_DEGREES, type Landmarks } from '../../domain/face.js';
import type { EmbedderModel } from '../../models/manifest.js';
import type { Addon } from '../../native/addon.js';
import { alignToTemplate } from '../../vision/align.js';
import { measureQuality } from '../../vision/quality.js';
import type { ReasonCode, Reason } from './picture-result.js';
import type { detectedFace, searchMatch } from './api.js';

export type DetectedFace = z.output<typeof detectedFace>;
export type Match = z.output<typeof searchMatch>;

/** Shorter side of the face's box, in the picture as it is analysed. */
const SMALL_PX = 100;
const TURNED_DEGREES = 30;
/**
 * Sharpness of vision/quality.ts. 150 photographs of LFW, aligned: 0.59 and more for 99 %, the median 1; after a Gaussian blur of 2 px of
 * the aligned crop 0.38 and less for 95 % (November 2026).
 */
const BLURRED = 0.35;
/** From here on two pictures are one, or as good as one: a cosine of 0.995. */
export const SAME_PICTURE = 99.9;

/** Doubts after which nobody is enrolled, whatever the operator says. */
const UNFIT: readonly ReasonCode[] = ['no-face', 'several-faces', 'lookalike', 'duplicate', 'not-accepted'];

export function isRefused(reasons: readonly Reason[], strict: boolean): boolean {
  return reasons.some(({ reason }) => strict || UNFIT.includes(reason));
}

/** Of the faces that the service found: whether there is one to enrol at all. */
export function judgeCount(faces: readonly DetectedFace[]): Reason | undefined {
  if (faces.length === 0) return { reason: 'no-face', detail: 'no face of at least 60 x 60 px' };
  if (faces.length === 1) return undefined;
  return { reason: 'several-faces', detail: `${faces.length} faces: whose is it?` };
}

/** Of the one face of a picture. */
export function judgeFace(
  face: DetectedFace,
  picture: { widthPx: number; heightPx: number; sharpness: number },
): Reason[] {
  const reasons: Reason[] = [];
  const { bbox, orientation } = face;
  const widthPx = Math.round((bbox.x1 - bbox.x0) * picture.widthPx);
  const heightPx = Math.round((bbox.y1 - bbox.y0) * picture.heightPx);
  if (Math.min(widthPx, heightPx) < SMALL_PX) {
    reasons.push({ reason: 'small', detail: `the face has ${widthPx} x ${heightPx} px; ${SMALL_PX} are wanted` });
  }
  if (picture.sharpness < BLURRED) {
    reasons.push({ reason: 'blurred', detail: `sharpness ${picture.sharpness.toFixed(2)}; ${BLURRED} is wanted` });
  }
  const turned = Math.max(Math.abs(orientation.x), Math.abs(orientation.y));
  if (turned > MAX_YAW_PITCH_DEGREES) {
    reasons.push({ reason: 'not-accepted', detail: `a face turned by more than ${MAX_YAW_PITCH_DEGREES} degrees` });
  }
  if (turned > TURNED_DEGREES) {
    const [yaw, pitch] = [Math.round(orientation.x), Math.round(orientation.y)];
    reasons.push({ reason: 'turned-away', detail: `yaw ${yaw}, pitch ${pitch} degrees; ${TURNED_DEGREES} at most` });
  }
  if (face.mask === true) reasons.push({ reason: 'masked', detail: 'the face wears a mask' });
  return reasons;
}

/** The most similar face that is somebody else's. @param threshold 1..100 */
export function judgeMatches(
  matches: readonly Match[],
  { externalImageId, threshold }: { externalImageId: string; threshold: number },
): Reason | undefined {
  const match = matches.find(
    ({ face, similarity }) => face.externalImageId !== externalImageId && similarity >= threshold,
  );
  if (!match) return undefined;
  const { similarity, face } = match;
  const whose = face.externalImageId ?? 'a face without externalImageId';
  const isSame = similarity >= SAME_PICTURE;
  return {
    reason: isSame ? 'duplicate' : 'lookalike',
    detail: `${isSame ? 'the same face is enrolled as' : 'similar to'} ${whose}, similarity ${similarity.toFixed(1)}`,
    similarity,
    faceId: face.faceId,
    ...(face.externalImageId === undefined ? {} : { belongsTo: face.externalImageId }),
  };
}

/** Measures what the API does not tell: the size of the picture as it is analysed, and how sharp a face in it is. */
export class PictureGauge {
  readonly #addon: Addon;
  readonly #embedder: Pick<EmbedderModel, 'input' | 'template'>;

  constructor(parts: { addon: Addon; embedder: Pick<EmbedderModel, 'input' | 'template'> }) {
    this.#addon = parts.addon;
    this.#embedder = parts.embedder;
  }

  /** @returns sharpness 0..1 @throws AppError as decodePicture */
  async measure(
    bytes: Uint8Array,
    face: DetectedFace,
  ): Promise<{ widthPx: number; heightPx: number; sharpness: number }> {
    // Loaded here only: the other commands must work where a library does not.
    const { decodePicture } = await import('../../vision/decode.js');
    const image = await decodePicture(bytes, this.#addon);
    try {
      const { widthPx, heightPx } = image;
      const { input, template } = this.#embedder;
      const landmarks = face.landmarks.map(({ x, y }) => ({ x: x * widthPx, y: y * heightPx }));
      const crop = new Uint8Array(input.widthPx * input.heightPx * 3);
      const matrix = alignToTemplate(landmarks as unknown as Landmarks, template);
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
