// What the operations work with, and the checks that several of them begin with.
import { GROUP_ID_PATTERN, UUID_PATTERN } from '../../domain/ids.js';
import type { AnalysedImage, Face } from '../../domain/face.js';
import type { OtherModels } from '../../domain/other-models.js';
import type { SimilarityScale } from '../../domain/similarity.js';
import { clientError } from '../../errors.js';
import type { EnrolledFace, Gallery, GroupInfo, GroupRef } from '../../gallery/gallery.types.js';
import type { AnalyseOptions, Vision } from '../../vision/vision.js';
import type { FaceFields } from './face-details.js';
import type { ImageInput, ImageSource } from '../core/image-input.js';
import type { SPOOFING_CONDITIONS } from './parameters.js';

export type SpoofingCondition = (typeof SPOOFING_CONDITIONS)[number];

/** Liveness scores below which a face is an attack. */
export type LivenessThresholds = Readonly<Record<SpoofingCondition, number>>;

export interface Services {
  vision: Pick<Vision, 'modelVersion' | 'hasLiveness' | 'analyseImage'>;
  gallery: Gallery;
  /** Of the vision's model version. */
  scale: SimilarityScale;
  /** Groups of these are served as well. */
  otherModels?: OtherModels | undefined;
  images: ImageSource;
  /** Absent where no liveness model is loaded. */
  livenessThresholds?: LivenessThresholds | undefined;
}

/** What the client asks about faces. */
export interface FaceQuestions {
  orientation: boolean;
  mask: boolean;
  spoofing: boolean;
  spoofingCondition: SpoofingCondition;
}

/** @throws AppError INVALID_PARAM: spoofing is asked for and no liveness model is loaded */
export function fieldsFor(services: Services, questions: FaceQuestions): FaceFields {
  const { orientation, mask, spoofing, spoofingCondition } = questions;
  if (!spoofing) return { orientation, mask };
  const livenessThreshold = services.livenessThresholds?.[spoofingCondition];
  if (!services.vision.hasLiveness || livenessThreshold === undefined) {
    throw clientError('INVALID_PARAM', 'spoofing cannot be answered: no liveness model is loaded.');
  }
  return { orientation, mask, livenessThreshold };
}

/**
 * Loads a picture and finds its faces.
 * @param embed how many eligible faces get an embedding, largest first
 * @param aligned the picture is one aligned crop of a face: see AnalyseOptions
 * @param modelVersion of the embeddings: that of the group they are compared with
 */
export async function analyse(
  services: Services,
  input: ImageInput,
  fields: FaceFields,
  embed: number,
  { aligned = false, modelVersion }: { aligned?: boolean; modelVersion?: string } = {},
): Promise<AnalysedImage> {
  const isOther = modelVersion !== undefined && modelVersion !== services.vision.modelVersion;
  const options: AnalyseOptions = {
    embed,
    mask: fields.mask,
    liveness: fields.livenessThreshold !== undefined,
    ...(aligned ? { aligned } : {}),
    ...(isOther ? { modelVersion } : {}),
  };
  return services.vision.analyseImage(await services.images.load(input), options);
}

/** The largest eligible face: the one of a picture analysed with `embed` 1 that has an embedding. */
export function embeddedFace(image: AnalysedImage): { face: Face; embedding: Float32Array } | undefined {
  for (const face of image.faces) {
    if (face.embedding) return { face, embedding: face.embedding };
  }
  return undefined;
}

/** An ill-formed id in a path is simply not found. @throws AppError GROUP_NOT_FOUND */
export function requireGroup(services: Services, ref: GroupRef): GroupInfo {
  if (!GROUP_ID_PATTERN.test(ref.groupId)) throw clientError('GROUP_NOT_FOUND', 'There is no such group.');
  return services.gallery.group(ref);
}

/** @throws AppError GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH: its faces cannot be compared with what the model says now */
export function requireComparableGroup(services: Services, ref: GroupRef): GroupInfo {
  const group = requireGroup(services, ref);
  const { vision, otherModels } = services;
  if (group.modelVersion !== vision.modelVersion && !otherModels?.has(group.modelVersion)) {
    const detail = `The group was enrolled under the model ${group.modelVersion}, which is not installed.`;
    throw clientError('MODEL_VERSION_MISMATCH', detail);
  }
  return group;
}

/** Of a group that can be compared with. */
export function scaleOf(
  { scale, otherModels }: Services,
  { modelVersion }: Pick<GroupInfo, 'modelVersion'>,
): SimilarityScale {
  return otherModels?.get(modelVersion)?.scale ?? scale;
}

/** Of a group that was found. @throws AppError FACE_NOT_FOUND */
export function requireFace(services: Services, ref: GroupRef, faceId: string): EnrolledFace {
  if (!UUID_PATTERN.test(faceId)) throw clientError('FACE_NOT_FOUND', 'There is no such face in the group.');
  return services.gallery.face(ref, faceId);
}
