// The interface of the gallery, and its values: groups and enrolled faces.
import type { AuditEntry } from '../domain/audit.js';
import type { FaceCondition } from '../domain/condition.js';
import type { EmbeddedFace } from '../domain/embedding.js';
import type { EnrolmentPolicy } from '../domain/enrolment-policy.js';
import type { Box } from '../domain/face.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import type { ProvenChange } from './audit-proof.js';

/** Origin of a copied group. */
export interface CopyOrigin {
  /** Ids of the fleet and of the group in it, 32 hexadecimal digits each. */
  fleet: string;
  group: string;
  /** Device id of the authority, for messages. */
  authority: string;
}

export interface GroupInfo {
  groupId: string;
  modelVersion: string;
  createdAtMs: number;
  faceCount: number;
  /** Set for a copy of a group of the fleet, which this device cannot change. */
  copyOf?: CopyOrigin;
  /** Id of the group that this one follows under another model version: it cannot be changed by itself. */
  successorOf?: string;
}

/**
 * Origins of an enrolled face. `nhn`: a client of the NHN API. `camera`: guided enrolment. `file`: a picture that was sent to the device
 * API. `bulk`: `lintel gallery enrol`. `stranger`: the kept face of an unknown person.
 */
export const FACE_ORIGINS = ['nhn', 'camera', 'file', 'bulk', 'stranger'] as const;

export type FaceOrigin = (typeof FACE_ORIGINS)[number];

/** When, how well and from where a face was enrolled. Faces that were enrolled before Lintel recorded these facts have none of them. */
export interface EnrolmentFacts {
  /** Epoch, ms. */
  enrolledAtMs?: number | undefined;
  /** `Quality.overall`, 0..1, with four decimal places; undefined where it was not measured. */
  quality?: number | undefined;
  origin?: FaceOrigin | undefined;
}

/** An enrolled face without its embedding. */
export interface EnrolledFace extends EnrolmentFacts {
  /** UUID. */
  faceId: string;
  /** UUID; all faces of one picture have the same. */
  imageId: string;
  externalImageId?: string;
  /** Box in the picture that the face was enrolled from; fractions of width and height, 0..1. */
  bbox: Box;
  /** Score of the detector, 0..1. */
  detectionScore: number;
  /** Undefined where the embedder has no measure of it. */
  condition?: FaceCondition | undefined;
}

/** A face to enrol. The gallery gives it a faceId. */
export interface NewFace extends EmbeddedFace, Pick<EnrolmentFacts, 'quality' | 'origin'> {
  externalImageId?: string;
  bbox: Box;
  detectionScore: number;
}

export interface FaceMatch {
  face: EnrolledFace;
  /** As it is reported, 0..100. */
  similarity: number;
}

/** A person as a search finds them: the faces of one externalImageId, or one face without. */
export interface PersonMatch extends FaceMatch {
  /** Number of faces of the mean that matched; 1 where a single face did. `face` is the most similar of them. */
  faces: number;
}

export interface Page<T> {
  items: T[];
  /** Absent on the last page. */
  nextToken?: string;
}

/** Names a group. The owner is the id of an appKey: a key never sees the groups of another one. */
export interface GroupRef {
  owner: string;
  groupId: string;
}

export interface PageRequest {
  /** 1..200. With a token it is ignored: the token has the limit of the first page. */
  limit: number;
  token?: string | undefined;
}

/** Selects the faces that have all of these values. */
export interface FaceFilter {
  faceId?: string;
  imageId?: string;
  externalImageId?: string;
}

/** How the faces of a picture are judged before they are enrolled. */
export interface EnrolmentRules {
  /** Policy that the caller asks for; default: `open`. The stricter one of this policy and that of the group applies. */
  policy?: EnrolmentPolicy | undefined;
  /** Scales of the group's model version. */
  scales: SimilarityScales;
  /** Number of all faces in the picture, also of those that are not to be enrolled. */
  facesInPicture: number;
  /** True for faces of one person: where one of them is refused, all are. */
  isOnePerson?: boolean | undefined;
  /** Further facts for the entries of the enrolled faces in the audit log; never a name. */
  facts?: AuditEntry['subject'] | undefined;
  /** Makes the ids, first that of the picture and then those of the faces, as UUIDs; default: random ones. */
  newId?: (() => string) | undefined;
}

/**
 * Doubts about a face that is to be enrolled. `several-faces`: the picture shows others as well. `several-people`: the face is unlike the
 * larger faces of its picture that have its externalImageId. `another-person`: it is unlike the enrolled faces of its externalImageId.
 * `another-id`: the person is enrolled under another externalImageId; this alone is never refused.
 */
export const CONCERN_REASONS = ['several-faces', 'several-people', 'another-person', 'another-id'] as const;

export interface IdentityConcern {
  reason: (typeof CONCERN_REASONS)[number];
  /** Similarity to the faces that the reason is about, 0..100; absent for `several-faces`. */
  similarity?: number;
  /** Enrolled face that the reason is about; absent where it is about the picture alone. */
  faceId?: string;
}

/** Outcome of one face. */
export interface FaceOutcome {
  /** Absent for a face that was refused, or for which the group has no place. */
  enrolled?: EnrolledFace;
  concern?: IdentityConcern;
  /** True where the policy of the group, or the one that was asked for, forbids this face. */
  isRefused: boolean;
}

export interface Enrolment {
  imageId: string;
  /** The enrolled faces in the order in which they were given; fewer if some were refused or the group's quota was reached. */
  enrolled: EnrolledFace[];
  /** What became of each face, in the order in which they were given. */
  outcomes: FaceOutcome[];
}

/** A group that is a copy, as an enrolment into it is handed to its authority. */
export interface CopiedGroup {
  copyOf: { group: string; authority: string };
  modelVersion: string;
  /** Returns whether the copy holds a face. */
  holds: (faceId: string) => boolean;
}

/** Hands an enrolment to the authority of a copy. It resolves when the copy holds the faces, and throws what Gallery.enrol throws. */
export type ProposeEnrolment = (
  copy: CopiedGroup,
  faces: readonly NewFace[],
  actor: string,
  rules?: EnrolmentRules,
) => Promise<Enrolment>;

export interface SearchOptions {
  /** Maximum number of matches. */
  limit: number;
  /** Minimum reported similarity of a match, 0..100. */
  threshold: number;
  /** Scales of the group's model version. */
  scales: SimilarityScales;
}

/**
 * Groups and their faces. A change is on the disk (synced) when it resolves; reads are answered from memory.
 * Methods that take a group throw GROUP_NOT_FOUND, those that take a face FACE_NOT_FOUND. Changes throw STORE_UNAVAILABLE when the disk
 * refuses. `actor` names the author of a change for the audit log, see AuditEntry; its default is `service`.
 */
export interface Gallery {
  /** @throws AppError DUPLICATED_GROUP, QUOTA_EXCEEDED */
  createGroup(ref: GroupRef, modelVersion: string, actor?: string): Promise<ProvenChange>;
  group(ref: GroupRef): GroupInfo;
  /** Lists groups in the order of their ids. @throws AppError INVALID_TOKEN */
  listGroups(owner: string, page: PageRequest): Promise<Page<GroupInfo>>;
  deleteGroup(ref: GroupRef, actor?: string): Promise<ProvenChange>;
  /** Returns the number of places that are free in the group; enrolments under way have already taken theirs. */
  freePlaces(ref: GroupRef): number;
  /** Checks that faces may be enrolled in a group. @throws AppError GROUP_READ_ONLY: it is a copy, and nothing is handed to its authority */
  requireEnrollable(ref: GroupRef): void;
  /**
   * Enrols all faces of one picture in one atomic write, or the first ones if not all fit. Faces that the policy forbids are left out, and
   * the audit log records them. Without rules no face is judged.
   * @throws AppError QUOTA_EXCEEDED: none fits
   */
  enrol(ref: GroupRef, faces: readonly NewFace[], actor?: string, rules?: EnrolmentRules): Promise<Enrolment>;
  /** Judges faces as `enrol` would now, and stores nothing: no outcome has an enrolled face. */
  judge(ref: GroupRef, faces: readonly NewFace[], rules: EnrolmentRules): FaceOutcome[];
  deleteFace(ref: GroupRef, faceId: string, actor?: string): Promise<ProvenChange>;
  face(ref: GroupRef, faceId: string): EnrolledFace;
  /** Lists faces, newest first. A token is valid for the filter that it was issued with. @throws AppError INVALID_TOKEN */
  listFaces(ref: GroupRef, page: PageRequest, filter?: FaceFilter): Promise<Page<EnrolledFace>>;
  /** Returns matches, most similar first. Faces that are not recognisable match nobody, as probe and as enrolled face. */
  searchByEmbedding(ref: GroupRef, probe: Template, options: SearchOptions): FaceMatch[];
  /** Returns matches, most similar first, without the face itself. */
  searchByFace(ref: GroupRef, faceId: string, options: SearchOptions): FaceMatch[];
  /** Returns people, most similar first, one match for each. A person with several faces is compared by their mean. */
  searchPersons(ref: GroupRef, probe: Template, options: SearchOptions): PersonMatch[];
  /** Returns the reported similarity of the person of an enrolled face and a probe, 0..100, as searchPersons does. */
  compareWithPerson(ref: GroupRef, faceId: string, probe: Template, scales: SimilarityScales): number;
  /** Returns the reported similarity of an enrolled face and a probe, 0..100; 0 where one of them is not recognisable. */
  compareWithFace(ref: GroupRef, faceId: string, probe: Template, scales: SimilarityScales): number;
}
