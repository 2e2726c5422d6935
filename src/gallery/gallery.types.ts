// The gallery's values: groups and enrolled faces, as the other rooms see them.
import type { Box } from '../domain/face.js';

export interface GroupInfo {
  groupId: string;
  modelVersion: string;
  createdAtMs: number;
  faceCount: number;
}

/** An enrolled face without its embedding. */
export interface EnrolledFace {
  /** UUID. */
  faceId: string;
  /** UUID, one for all faces of one picture. */
  imageId: string;
  externalImageId?: string;
  /** In the picture it was enrolled from, fractions of width and height, 0..1. */
  bbox: Box;
  /** 0..1, the detector's. */
  detectionScore: number;
}

/** A face to enrol; the gallery gives it its faceId. */
export interface NewFace {
  externalImageId?: string;
  bbox: Box;
  detectionScore: number;
  /** L2-normalised. */
  embedding: Float32Array;
}

export interface FaceMatch {
  face: EnrolledFace;
  /** -1..1 */
  cosine: number;
}

export interface Page<T> {
  items: T[];
  /** Absent on the last page. */
  nextToken?: string;
}

/** A group is named within its owner, the id of an appKey: one key never sees another's groups. */
export interface GroupRef {
  owner: string;
  groupId: string;
}

export interface PageRequest {
  /** 1..200; ignored beside a token, which carries its own. */
  limit: number;
  token?: string;
}

/** Faces that have all of these. A value that no face can have is found in none. */
export interface FaceFilter {
  faceId?: string;
  imageId?: string;
  externalImageId?: string;
}

export interface Enrolment {
  imageId: string;
  /** In the order they were given; shorter than that where the group's quota cut it. */
  enrolled: EnrolledFace[];
}

export interface SearchOptions {
  /** At most this many matches. */
  limit: number;
  /** -1..1; matches have at least this cosine. */
  minCosine: number;
}

/**
 * Groups and their faces. What resolves is on the disk (synced); reads are answered from memory.
 * All methods with a group throw GROUP_NOT_FOUND, all with a face FACE_NOT_FOUND; writes STORE_UNAVAILABLE when the disk refuses.
 * `actor` is who asks for a change, for the audit log: see AuditEntry; `service` where it is not given.
 */
export interface Gallery {
  /** @throws AppError DUPLICATED_GROUP, QUOTA_EXCEEDED */
  createGroup(ref: GroupRef, modelVersion: string, actor?: string): Promise<void>;
  group(ref: GroupRef): GroupInfo;
  /** In the order of their ids. @throws AppError INVALID_TOKEN */
  listGroups(owner: string, page: PageRequest): Promise<Page<GroupInfo>>;
  deleteGroup(ref: GroupRef, actor?: string): Promise<void>;
  /** Free places in the group, enrolments under way counted in. */
  freePlaces(ref: GroupRef): number;
  /** All faces of one picture in one atomic write; the first ones where not all fit. @throws AppError QUOTA_EXCEEDED: none fits */
  enrol(ref: GroupRef, faces: readonly NewFace[], actor?: string): Promise<Enrolment>;
  deleteFace(ref: GroupRef, faceId: string, actor?: string): Promise<void>;
  face(ref: GroupRef, faceId: string): EnrolledFace;
  /** Newest first. A token belongs to the filter it was issued under. @throws AppError INVALID_TOKEN */
  listFaces(ref: GroupRef, page: PageRequest, filter?: FaceFilter): Promise<Page<EnrolledFace>>;
  /** Most similar first. */
  searchByEmbedding(ref: GroupRef, probe: Float32Array, options: SearchOptions): FaceMatch[];
  /** Most similar first; the face itself is not among them. */
  searchByFace(ref: GroupRef, faceId: string, options: SearchOptions): FaceMatch[];
  /** Cosine of an enrolled face and a probe. */
  compareWithFace(ref: GroupRef, faceId: string, probe: Float32Array): number;
}
