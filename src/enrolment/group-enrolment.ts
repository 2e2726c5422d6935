// The side of the group in an enrolment: finds the group, compares a person with those who are enrolled in it, and stores faces.
import { DEFAULT_THRESHOLD, listWatchedGroups, type CameraConfig } from '../config/camera-schema.js';
import type { EmbeddedFace } from '../domain/embedding.js';
import type { OtherModels } from '../domain/other-models.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { clientError } from '../errors.js';
import type { Enrolment, EnrolmentRules, Gallery, GroupRef, NewFace } from '../gallery/gallery.types.js';
import { findThreshold } from '../recognition/group-threshold.js';
import type { Vision } from '../vision/vision.js';
import type { EnrolmentRequest } from './enrolment.types.js';
import { EnrolmentRefused } from './enrolment-refused.js';
import type { SuccessorEnrolment } from './successor-enrolment.js';
import type { ClosestOther } from './face-report.types.js';

/** Enrolled faces that are compared to find the person under another externalImageId. */
const NEAREST_FACES = 50;
/**
 * Distance below the threshold from which the closest other person counts as a look-alike. Ten points of the similarity are a factor of ten
 * in the false accept rate: 80 stands for 1 in 10,000 comparisons, 90 for 1 in 100,000 (calibration of all model sets, models/manifest.json).
 */
export const LOOKALIKE_MARGIN = 10;

/** The part of a camera's configuration that says which groups it watches, and from which similarity on somebody is recognised. */
export type WatchingCamera = Pick<
  CameraConfig,
  'appKey' | 'group' | 'groups' | 'threshold' | 'targetFalseAcceptPerAttempt' | 'agree' | 'outOf'
>;

export interface GroupEnrolmentParts {
  config: readonly WatchingCamera[];
  vision: Pick<Vision, 'modelVersion'>;
  gallery: Pick<
    Gallery,
    'group' | 'requireEnrollable' | 'freePlaces' | 'enrol' | 'judge' | 'searchByEmbedding' | 'searchPersons'
  >;
  /** Enrols under the next models as well; without it no group has a successor. */
  successor?: SuccessorEnrolment | undefined;
  /** Returns the id of an appKey by its name; undefined when there is none. */
  findOwner: (name: string) => string | undefined;
  /** Scales of the vision's model version. */
  scales: SimilarityScales;
  /** Further installed models; groups of these are served as well. */
  otherModels?: OtherModels | undefined;
}

/** Faces of one person that are to be stored, and who asks for it. */
export interface FacesToStore {
  faces: readonly NewFace[];
  /** Aligned crops of the faces, in their order. */
  crops: readonly (Uint8Array | undefined)[];
  request: Pick<EnrolmentRequest, 'enrolment'>;
  actor: string;
  /** See EnrolmentRules. */
  facts?: EnrolmentRules['facts'];
}

export class GroupEnrolment {
  readonly #parts: GroupEnrolmentParts;

  constructor(parts: GroupEnrolmentParts) {
    this.#parts = parts;
  }

  /**
   * Finds the group, whose models must be installed and which must have a free place.
   * @param appKey name of the appKey that owns the group
   * @throws AppError NOT_FOUND, GROUP_NOT_FOUND, GROUP_READ_ONLY, MODEL_VERSION_MISMATCH, QUOTA_EXCEEDED
   */
  find(groupId: string, appKey: string): GroupRef {
    const { gallery, vision, otherModels, findOwner } = this.#parts;
    const owner = findOwner(appKey);
    if (owner === undefined) throw clientError('NOT_FOUND', 'There is no valid appKey of this name.');
    const ref = { owner, groupId };
    const { modelVersion } = gallery.group(ref);
    gallery.requireEnrollable(ref);
    if (modelVersion !== vision.modelVersion && !otherModels?.has(modelVersion)) {
      const detail = `The group was enrolled under the models ${modelVersion}, which are not installed.`;
      throw clientError('MODEL_VERSION_MISMATCH', detail);
    }
    if (gallery.freePlaces(ref) <= 0) throw clientError('QUOTA_EXCEEDED', 'The group is full.');
    return ref;
  }

  /** @throws AppError GROUP_NOT_FOUND; MODEL_VERSION_MISMATCH: the group has another model version than before */
  requireSame(ref: GroupRef, modelVersion: string): void {
    if (this.#parts.gallery.group(ref).modelVersion === modelVersion) return;
    throw clientError('MODEL_VERSION_MISMATCH', 'The group was created again, under other models, in the meantime.');
  }

  /** Returns the scales of an installed model version. */
  findScales(modelVersion: string): SimilarityScales {
    const { scales, otherModels } = this.#parts;
    return otherModels?.get(modelVersion)?.scales ?? scales;
  }

  /** Checks that the person has no other externalImageId in the group. @throws EnrolmentRefused already-enrolled-as-somebody-else */
  requireNew(
    ref: GroupRef,
    { embedding, condition }: EmbeddedFace,
    request: Pick<EnrolmentRequest, 'externalImageId' | 'duplicateThreshold'>,
  ): void {
    const { externalImageId, duplicateThreshold: threshold } = request;
    const probe = { embedding, ...(condition && { condition }) };
    const scales = this.#findGroupScales(ref);
    const found = this.#parts.gallery.searchByEmbedding(ref, probe, { limit: NEAREST_FACES, threshold, scales });
    for (const { face, similarity } of found) {
      const { faceId, externalImageId: other } = face;
      if (other === externalImageId) continue;
      const enrolledAs = { faceId, similarity, ...(other === undefined ? {} : { externalImageId: other }) };
      throw new EnrolmentRefused('already-enrolled-as-somebody-else', { enrolledAs });
    }
  }

  /** Finds the person of another externalImageId who is most like a face; undefined where there is nobody else. */
  findClosest(
    ref: GroupRef,
    { embedding, condition }: EmbeddedFace,
    { externalImageId }: Pick<EnrolmentRequest, 'externalImageId'>,
  ): ClosestOther | undefined {
    const probe = { embedding, ...(condition && { condition }) };
    // The person may be enrolled already, and is then found as well.
    const options = { limit: 2, threshold: 0, scales: this.#findGroupScales(ref) };
    const people = this.#parts.gallery.searchPersons(ref, probe, options);
    const other = people.find(({ face }) => face.externalImageId !== externalImageId);
    if (!other) return undefined;
    const { face, similarity } = other;
    const threshold = this.#findThreshold(ref);
    return {
      faceId: face.faceId,
      ...(face.externalImageId === undefined ? {} : { externalImageId: face.externalImageId }),
      similarity,
      threshold,
      isLookalike: similarity >= threshold - LOOKALIKE_MARGIN,
    };
  }

  /**
   * Enrols faces of one person.
   * @throws AppError QUOTA_EXCEEDED, STORE_UNAVAILABLE; EnrolmentRefused id-of-somebody-else
   */
  async store(ref: GroupRef, { faces, crops, request, actor, facts }: FacesToStore): Promise<Enrolment> {
    const enrolment = await this.#parts.gallery.enrol(ref, faces, actor, { ...this.#makeRules(ref, request), facts });
    refuseAnotherPerson(enrolment.outcomes);
    const enrolled = enrolment.outcomes.flatMap(({ enrolled: face }, i) => {
      const crop = crops[i];
      return face && crop ? [{ faceId: face.faceId, crop }] : [];
    });
    await this.#parts.successor?.follow(ref, enrolled, actor);
    return enrolment;
  }

  /** Checks what `store` would do with the faces. @throws EnrolmentRefused id-of-somebody-else */
  requireOwnId(ref: GroupRef, { faces, request }: Pick<FacesToStore, 'faces' | 'request'>): void {
    refuseAnotherPerson(this.#parts.gallery.judge(ref, faces, this.#makeRules(ref, request)));
  }

  /** Frames and pictures that show several faces were left out: the person was alone. */
  #makeRules(ref: GroupRef, { enrolment: policy }: Pick<EnrolmentRequest, 'enrolment'>): EnrolmentRules {
    return { policy, scales: this.#findGroupScales(ref), facesInPicture: 1, isOnePerson: true };
  }

  #findGroupScales(ref: GroupRef): SimilarityScales {
    return this.findScales(this.#parts.gallery.group(ref).modelVersion);
  }

  /** Returns the lowest threshold in force of the cameras that watch the group; the default one where none does. */
  #findThreshold(ref: GroupRef): number {
    const { config, findOwner, gallery } = this.#parts;
    const { faceCount } = gallery.group(ref);
    const scales = this.#findGroupScales(ref);
    const thresholds = config.flatMap((camera) =>
      listWatchedGroups(camera)
        .filter(({ group, appKey }) => group === ref.groupId && findOwner(appKey) === ref.owner)
        .map((watched) => findThreshold(watched, camera, scales, faceCount)),
    );
    return thresholds.length === 0 ? DEFAULT_THRESHOLD : Math.min(...thresholds);
  }
}

function refuseAnotherPerson(outcomes: Enrolment['outcomes']): void {
  const refused = outcomes.find(({ isRefused }) => isRefused);
  if (!refused) return;
  const { faceId, similarity = 0 } = refused.concern ?? {};
  throw new EnrolmentRefused('id-of-somebody-else', faceId === undefined ? {} : { enrolledAs: { faceId, similarity } });
}
