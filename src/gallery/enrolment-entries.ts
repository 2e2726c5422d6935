// What the audit log says about enrolled and refused faces.
import type { AuditEntry } from '../domain/audit.js';
import type { JudgedFace } from './enrolment-judge.js';
import type { EnrolledFace, IdentityConcern } from './gallery.types.js';

type Subject = AuditEntry['subject'];

/** Describes an enrolled face. Leaves out the externalImageId, which may be a name: the audit log outlives the face. */
export function describeEnrolled(
  { faceId, imageId }: EnrolledFace,
  concern: IdentityConcern | undefined,
  facts: Subject = {},
): Subject {
  return { faceId, imageId, ...facts, ...(concern && describeConcern(concern)) };
}

/** Describes the refused faces of a picture: each by itself, or all of them in one entry where the picture has several faces. */
export function describeRefused(judged: readonly JudgedFace[]): Subject[] {
  const refused = judged.flatMap(({ concern, isRefused }) => (isRefused && concern ? [concern] : []));
  const [first] = refused;
  if (first?.reason === 'several-faces') return [{ ...describeConcern(first), faces: refused.length }];
  return refused.map(describeConcern);
}

function describeConcern({ reason, similarity, faceId }: IdentityConcern): Subject {
  return {
    concern: reason,
    ...(similarity !== undefined && { similarity }),
    ...(faceId !== undefined && { comparedFaceId: faceId }),
  };
}
