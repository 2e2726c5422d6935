// Values of the lists and the changes of people. A person is all faces of a group that have one externalImageId.
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { AuditProof } from './audit-proof.js';
import type { IdentityConcern } from './gallery.types.js';

/** The best and the worst of several faces, 0..1. */
export interface BestAndWorst {
  best: number;
  worst: number;
}

export interface PersonSummary {
  externalImageId: string;
  faces: number;
  /** Number of faces with a mask. */
  masked: number;
  /** Score of the detector. */
  detectionScore: BestAndWorst;
  /** Absent where no face has a measure of it. */
  recognisability?: BestAndWorst;
  /** `Quality.overall`; absent where it was measured of no face. */
  quality?: BestAndWorst;
  /** Number of faces that can be recognised; absent where the models of the group are not installed. */
  recognisable?: number;
  /** Epoch, ms; absent where a face has no time: the first one was enrolled before the times were recorded. */
  firstEnrolledAtMs?: number;
  /** Epoch, ms; absent where no face has a time. */
  lastEnrolledAtMs?: number;
}

export interface PersonPageRequest {
  /** Largest number of people, 1..1000. */
  limit: number;
  /** Only people whose externalImageId is greater are listed. */
  after?: string | undefined;
  /** Only people whose externalImageId begins with it are listed. */
  prefix?: string | undefined;
  /** Only people whose externalImageId contains it are listed, in upper or lower case. */
  search?: string | undefined;
}

export interface PersonPage {
  /** In the order of their externalImageIds. */
  persons: PersonSummary[];
  /** The `after` of the next page; absent on the last page. */
  next?: string;
}

/** The person of a group who is most like another one. */
export interface ClosestPerson {
  /** Absent for a face without one, which is a person of its own. */
  externalImageId?: string;
  /** The most similar face of this person. */
  faceId: string;
  /** 0..100. */
  similarity: number;
}

/** A change of a person that is on the disk. */
export interface PersonChange {
  /** Number of faces that were changed. */
  faces: number;
  /** True where the faces joined a person who was there already. */
  merged: boolean;
  /** Absent in a gallery without an audit log. */
  proof?: AuditProof;
}

/** A change that the policy of the group forbids: nothing was changed. */
export interface RefusedChange {
  concern: IdentityConcern;
}

export interface PersonChangeOptions {
  /** Allows the faces to join a person who has the externalImageId already. */
  merge: boolean;
  /** Scales of the group's model version; undefined where it is not installed. */
  scales: SimilarityScales | undefined;
  /** Author of the change, for the audit log. */
  actor: string;
}
