// Writes the accepted faces of one picture, with their entries in the audit log and those of the refused ones, in one atomic batch.
import type { AuditEntry } from '../domain/audit.js';
import { rounded } from '../domain/face.js';
import type { Clock } from '../domain/time.js';
import { clientError } from '../errors.js';
import type { Note } from '../store/sealed-store.js';
import { describeEnrolled, describeRefused } from './enrolment-entries.js';
import type { JudgedFace } from './enrolment-judge.js';
import { encodeFace } from './face-record.js';
import type { FaceWrites } from './face-writes.js';
import type { GalleryChangeEntry } from './gallery-notes.js';
import type { EnrolledFace, Enrolment } from './gallery.types.js';
import type { Group } from './group-directory.js';
import { completeCondition, type EstimateCondition } from './load.js';

export interface EnrolmentWrite {
  group: Group;
  judged: readonly JudgedFace[];
  /** See EnrolmentRules. */
  facts?: AuditEntry['subject'] | undefined;
  /** Number of faces that the group can take. */
  freePlaces: number;
  writes: FaceWrites;
  /** Makes a note of changes of the group; undefined where there are none, or no audit log. */
  makeNote: (changes: readonly GalleryChangeEntry[]) => Note | undefined;
  estimateCondition: EstimateCondition | undefined;
  clock: Clock;
  /** Makes UUIDs for faces and pictures. */
  newId: () => string;
}

/** Enrols those faces that are not refused, and records the others. @throws AppError QUOTA_EXCEEDED: none fits; STORE_UNAVAILABLE */
export async function writeEnrolment(parts: EnrolmentWrite): Promise<Enrolment> {
  const { group, judged, facts, freePlaces, writes, makeNote, estimateCondition, clock, newId } = parts;
  const accepted = judged.filter(({ isRefused }) => !isRefused);
  const taken = accepted.slice(0, freePlaces);
  if (taken.length === 0 && accepted.length > 0) throw clientError('QUOTA_EXCEEDED', 'The group is full.');

  const imageId = newId();
  const enrolledAtMs = clock();
  const entries = taken.map(({ face, concern }) => {
    const enrolled: EnrolledFace = {
      faceId: newId(),
      imageId,
      ...(face.externalImageId === undefined ? {} : { externalImageId: face.externalImageId }),
      bbox: { ...face.bbox },
      detectionScore: face.detectionScore,
      ...(face.condition && { condition: { ...face.condition } }),
      enrolledAtMs,
      ...(face.quality !== undefined && { quality: rounded(face.quality, 1e4) }),
      ...(face.origin !== undefined && { origin: face.origin }),
    };
    // A copy: the caller may change the vector during the write.
    return { face, enrolled, concern, sequence: group.nextSequence++, embedding: face.embedding.slice() };
  });
  group.reserved += entries.length;
  try {
    const puts = entries.map(({ enrolled, sequence, embedding }) => {
      return { faceId: enrolled.faceId, sequence, record: encodeFace(enrolled, embedding) };
    });
    await writes.write(
      [{ group, puts }],
      makeNote([
        ...entries.map(({ enrolled, concern }) => ({
          action: 'face.enrolled' as const,
          subject: describeEnrolled(enrolled, concern, facts),
        })),
        ...describeRefused(judged).map((subject) => ({ action: 'face.refused' as const, subject })),
      ]),
    );
    for (const { enrolled, sequence, embedding } of entries) {
      // An estimate is not stored, so that a better one can take its place.
      const condition = completeCondition(enrolled.condition, () =>
        estimateCondition?.(group.record.modelVersion, embedding),
      );
      group.faces.add({ ...enrolled, condition }, sequence, embedding);
    }
  } finally {
    group.reserved -= entries.length;
  }
  const enrolledFaces = new Map(entries.map(({ face, enrolled }) => [face, enrolled]));
  const outcomes = judged.map(({ face, concern, isRefused }) => {
    const enrolled = enrolledFaces.get(face);
    return { ...(enrolled && { enrolled }), ...(concern && { concern }), isRefused };
  });
  return { imageId, enrolled: entries.map(({ enrolled }) => enrolled), outcomes };
}
