// Parts of the service that the operations use, and the checks that several operations begin with.
import type { AnalysedImage, Face } from '../../domain/face.js';
import { GROUP_ID_PATTERN, UUID_PATTERN } from '../../domain/ids.js';
import type { OtherModels } from '../../domain/other-models.js';
import type { SimilarityScales } from '../../domain/similarity-scales.js';
import type { EmbeddedFace } from '../../domain/embedding.js';
import { clientError } from '../../errors.js';
import type { SuccessorEnrolment } from '../../enrolment/successor-enrolment.js';
import { mustBeFresh, trustEveryGroup, type CopyTrust } from '../../gallery/copy-trust.js';
import type { EnrolledFace, Gallery, GroupInfo, GroupRef } from '../../gallery/gallery.types.js';
import type { AnalyseOptions, Vision } from '../../vision/vision.js';
import type { ImageInput, ImageSource } from '../core/image-input.js';
import type { FaceFields } from './face-details.js';
import type { SPOOFING_CONDITIONS } from './parameters.js';

export type SpoofingCondition = (typeof SPOOFING_CONDITIONS)[number];

/** Liveness scores below which a face counts as an attack. */
export type LivenessThresholds = Readonly<Record<SpoofingCondition, number>>;

export interface Services {
  vision: Pick<Vision, 'modelVersion' | 'hasLiveness' | 'analyseImage'>;
  gallery: Gallery;
  /** Enrols under the next models as well; without it no group has a successor. */
  successor?: Pick<SuccessorEnrolment, 'isWanted' | 'follow'> | undefined;
  /** Tells which groups are copies that are too old to be relied on; default: none. */
  copyTrust?: CopyTrust | undefined;
  /** Scales of the vision's model version. */
  scales: SimilarityScales;
  /** Further installed models; groups that were enrolled under them are served as well. */
  otherModels?: OtherModels | undefined;
  images: ImageSource;
  /** Aborted when the client of the present request has gone. */
  gone?: AbortSignal;
  /** Undefined when no liveness model is loaded. */
  livenessThresholds?: LivenessThresholds | undefined;
}

/** Facts about each face that the client asks for. */
export interface FaceQuestions {
  orientation: boolean;
  mask: boolean;
  spoofing: boolean;
  spoofingCondition: SpoofingCondition;
}

/** @throws AppError INVALID_PARAM: the client asks for spoofing, and no liveness model is loaded */
export function chooseFields(services: Services, questions: FaceQuestions): FaceFields {
  const { orientation, mask, spoofing, spoofingCondition } = questions;
  if (!spoofing) return { orientation, mask };
  const livenessThreshold = services.livenessThresholds?.[spoofingCondition];
  if (!services.vision.hasLiveness || livenessThreshold === undefined) {
    throw clientError('INVALID_PARAM', 'The answer cannot tell spoofing: no liveness model is loaded.');
  }
  return { orientation, mask, livenessThreshold };
}

export interface AnalysisOptions {
  /** Number of eligible faces that get an embedding, largest first. */
  embed: number;
  /** True when the faces are to have their aligned crops. */
  crops?: boolean;
  /** True for a picture that is one aligned crop of a face: see AnalyseOptions. */
  aligned?: boolean;
  /** Model version of the embeddings: that of the group they are compared with. */
  modelVersion?: string;
  /** Ends the fetch and the analysis of the picture when it is aborted, as the end of the request does. */
  cancelled?: AbortSignal;
}

/** Loads a picture and finds its faces. @throws AppError like ImageSource.load and Vision.analyseImage; the reason of `cancelled` or `gone` */
export async function analyse(
  services: Services,
  input: ImageInput,
  fields: FaceFields,
  { embed, aligned = false, crops = false, modelVersion, cancelled: unwanted }: AnalysisOptions,
): Promise<AnalysedImage> {
  const cancelled = AbortSignal.any([services.gone, unwanted].filter((one) => one !== undefined));
  const isOther = modelVersion !== undefined && modelVersion !== services.vision.modelVersion;
  const options: AnalyseOptions = {
    embed,
    mask: fields.mask,
    liveness: fields.livenessThreshold !== undefined,
    ...(aligned && { aligned }),
    ...(crops && { crops }),
    ...(isOther && { modelVersion }),
  };
  const bytes = await services.images.load(input, cancelled);
  cancelled.throwIfAborted();
  return services.vision.analyseImage(bytes, options, cancelled);
}

/** Returns the largest eligible face of a picture that was analysed with `embed` 1: the one that has an embedding. */
export function findEmbeddedFace(image: AnalysedImage): { face: Face; probe: EmbeddedFace } | undefined {
  for (const face of image.faces) {
    const probe = pickEmbedding(face);
    if (probe) return { face, probe };
  }
  return undefined;
}

/** Returns what a face is compared by; undefined for a face without an embedding. */
export function pickEmbedding({ embedding, condition }: Face): EmbeddedFace | undefined {
  return embedding && { embedding, ...(condition && { condition }) };
}

/** Returns a group. An ill-formed id counts as a group that does not exist. @throws AppError GROUP_NOT_FOUND */
export function requireGroup(services: Services, ref: GroupRef): GroupInfo {
  if (!GROUP_ID_PATTERN.test(ref.groupId)) throw clientError('GROUP_NOT_FOUND', 'There is no such group.');
  return services.gallery.group(ref);
}

/** Returns a group that faces can be enrolled in. @throws AppError like requireComparableGroup; GROUP_READ_ONLY instead of GROUP_STALE */
export function requireWritableGroup(services: Services, ref: GroupRef): GroupInfo {
  const group = requireInstalledGroup(services, ref);
  services.gallery.requireEnrollable(ref);
  return group;
}

/**
 * Returns a group that faces can be compared with.
 * @throws AppError GROUP_NOT_FOUND; MODEL_VERSION_MISMATCH: its models are not installed; GROUP_STALE
 */
export function requireComparableGroup(services: Services, ref: GroupRef): GroupInfo {
  const group = requireInstalledGroup(services, ref);
  mustBeFresh(ref, services.copyTrust ?? trustEveryGroup);
  return group;
}

/** Returns the similarity scales of a group that can be compared with. */
export function findScales(
  { scales, otherModels }: Services,
  { modelVersion }: Pick<GroupInfo, 'modelVersion'>,
): SimilarityScales {
  return otherModels?.get(modelVersion)?.scales ?? scales;
}

/** Returns an enrolled face. @param ref a group that exists @throws AppError FACE_NOT_FOUND */
export function requireFace(services: Services, ref: GroupRef, faceId: string): EnrolledFace {
  if (!UUID_PATTERN.test(faceId)) throw clientError('FACE_NOT_FOUND', 'There is no such face in the group.');
  return services.gallery.face(ref, faceId);
}

function requireInstalledGroup(services: Services, ref: GroupRef): GroupInfo {
  const group = requireGroup(services, ref);
  const { vision, otherModels } = services;
  if (group.modelVersion !== vision.modelVersion && !otherModels?.has(group.modelVersion)) {
    const detail = `The group was enrolled under the model ${group.modelVersion}, which is not installed.`;
    throw clientError('MODEL_VERSION_MISMATCH', detail);
  }
  return group;
}
