// Judges the faces of one picture before they are enrolled: whether each is the person that its externalImageId names.
import type { EnrolmentPolicy } from '../domain/enrolment-policy.js';
import { isAnotherPerson, SAME_PERSON_SIMILARITY } from '../domain/person-bounds.js';
import { compareTemplates } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { averageFaces, weighFace, type Template } from '../domain/template.js';
import type { IdentityConcern, NewFace } from './gallery.types.js';
import type { GroupFaces } from './group-faces.js';

export interface JudgedFace {
  face: NewFace;
  concern?: IdentityConcern;
  /** True where the policy forbids this face. */
  isRefused: boolean;
}

export interface JudgeOptions {
  policy: EnrolmentPolicy;
  scales: SimilarityScales;
  /** Number of all faces in the picture, also of those that are not to be enrolled. */
  facesInPicture: number;
  /** True for faces of one person: where one of them is refused, all are. */
  isOnePerson?: boolean | undefined;
}

/**
 * Judges faces in their order: each is compared with the enrolled faces of its externalImageId, otherwise with those faces of the picture
 * that were accepted before it.
 */
export function judgeFaces(
  faces: readonly NewFace[],
  enrolled: Pick<GroupFaces, 'averagePerson' | 'searchPersons'>,
  { policy, scales, facesInPicture, isOnePerson = false }: JudgeOptions,
): JudgedFace[] {
  if (policy === 'one-face-per-picture' && facesInPicture > 1) {
    return faces.map((face) => ({ face, concern: { reason: 'several-faces' }, isRefused: true }));
  }
  const isStrict = policy !== 'open';
  const accepted: NewFace[] = [];
  const judged = faces.map((face): JudgedFace => {
    const before = accepted.filter(({ externalImageId }) => externalImageId === face.externalImageId);
    const other = findOtherPerson(face, enrolled, before, scales);
    const isRefused = isStrict && other !== undefined;
    if (!isRefused) accepted.push(face);
    const concern = other ?? (isStrict ? findOtherId(face, enrolled, scales) : undefined);
    return { face, isRefused, ...(concern && { concern }) };
  });
  const refused = isOnePerson ? judged.find(({ isRefused }) => isRefused) : undefined;
  return refused ? judged.map((one) => ({ ...refused, face: one.face })) : judged;
}

/** Returns the concern that the externalImageId of a face holds another person. @param before faces of the picture with the same one */
function findOtherPerson(
  face: NewFace,
  enrolled: Pick<GroupFaces, 'averagePerson'>,
  before: readonly NewFace[],
  scales: SimilarityScales,
): IdentityConcern | undefined {
  const { externalImageId } = face;
  if (externalImageId === undefined) return undefined;
  const person = enrolled.averagePerson(externalImageId, scales);
  if (person) {
    const { template, faceId } = person;
    if (!isAnotherPerson(face, template, scales)) return undefined;
    return { reason: 'another-person', similarity: compareTemplates(face, template, scales), faceId };
  }
  if (before.length === 0) return undefined;
  const template = averagePicture(before);
  if (!isAnotherPerson(face, template, scales)) return undefined;
  return { reason: 'several-people', similarity: compareTemplates(face, template, scales) };
}

/** Returns the concern that the person is enrolled under another externalImageId. */
function findOtherId(
  face: NewFace,
  enrolled: Pick<GroupFaces, 'searchPersons'>,
  scales: SimilarityScales,
): IdentityConcern | undefined {
  // The person may be found under their own externalImageId first.
  const people = enrolled.searchPersons(face, { limit: 2, threshold: SAME_PERSON_SIMILARITY, scales });
  const other = people.find((one) => one.face.externalImageId !== face.externalImageId);
  return other && { reason: 'another-id', similarity: other.similarity, faceId: other.face.faceId };
}

function averagePicture(faces: readonly NewFace[]): Template {
  return averageFaces(faces.map((face) => ({ ...face, weight: weighFace(face.condition, face.detectionScore) })));
}
