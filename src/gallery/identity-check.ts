// Checks the people of one group against each other: ids that hold several people, people under two ids, look-alikes, possible morphs.
import { isAnotherPerson, SAME_PERSON_SIMILARITY } from '../domain/person-bounds.js';
import { compareTemplates } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { averageFaces, weighFace, type Template, type WeightedFace } from '../domain/template.js';
import { groupAlikeFaces } from './alike-faces.js';
import type { EnrolledFace, PersonMatch } from './gallery.types.js';
import type { GroupFaces } from './group-faces.js';
import type {
  AlikePair,
  DoubtfulFace,
  IdentityFindings,
  NamedFace,
  PossibleMorph,
  SeveralPeople,
} from './identity-findings.js';

/**
 * Similarity below which a face is doubtful among the other faces of its externalImageId: 35 of the 7,701 faces of LFW are (0.5 %; standard
 * set, 2026-11-28).
 */
const DOUBTFUL_SIMILARITY = 70;
/** Similarity below which two people are not alike: one comparison of strangers in 10,000 reaches it. */
const UNLIKE_SIMILARITY = 80;
/**
 * Number of other people of the group that a face may be near by chance. A possible morph is near two, so that by chance one face in 200 is
 * named at most; of the 7,701 faces of LFW 7 are. In groups of up to 10,000 faces everybody whom a door takes for two people at a threshold
 * of 90 is near both. Of 779 averages of two look-alikes of LFW 76 were, and 74 of these were found among 6,219 faces; of 164 warped
 * morphs of look-alikes of the London set all were found among 4,383 (standard set, 2026-11-28).
 */
const NEAR_BY_CHANCE = 0.1;
/**
 * The same for a face that has others under its externalImageId: there, one person of another id is enough. Of the 7,701 faces of LFW 3 are
 * named by it; of 131 warped morphs that were enrolled beside one of their people all were (as above).
 */
const NEAR_BESIDE_OWN_BY_CHANCE = 0.01;
/** Other people that are compared for one face, the most similar ones. */
const NEAREST_PEOPLE = 20;

export interface IdentityCheckOptions {
  scales: SimilarityScales;
  /** Similarity from which two people are listed as alike, 1..100. */
  alikeSimilarity: number;
  /** Is called after each face. */
  onFace?: (() => void) | undefined;
}

/** A face that counts: recognisable, and bare where the person has a bare one. */
interface Counted extends WeightedFace {
  face: EnrolledFace;
}

/** Checks all faces of a group. The time rises with the square of the number of faces: 7,701 take 6 s (2026-11-28, x64). */
export function checkIdentities(faces: GroupFaces, options: IdentityCheckOptions): IdentityFindings {
  const { scales, onFace = () => undefined } = options;
  const all = faces.newestBefore(Infinity, faces.size).faces.toReversed();
  const recognisable = all.filter(({ condition }) => scales.isRecognisable(condition));
  const people = groupById(all);
  const nearSimilarity = findNearSimilarity(NEAR_BY_CHANCE / recognisable.length, scales);
  const nearBesideOwn = findNearSimilarity(NEAR_BESIDE_OWN_BY_CHANCE / recognisable.length, scales);
  const findings: IdentityFindings = {
    faces: all.length,
    people: people.size + all.filter(({ externalImageId }) => externalImageId === undefined).length,
    unrecognisable: all.length - recognisable.length,
    nearSimilarity,
    severalPeople: [],
    samePerson: [],
    lookAlikes: [],
    possibleMorphs: [],
    doubtfulFaces: [],
  };
  const countedById = new Map<string, Counted[]>();
  for (const [externalImageId, own] of people) {
    const counted = readCounted(faces, own, scales);
    countedById.set(externalImageId, counted);
    if (counted.length < 2) continue;
    const several = findSeveralPeople(externalImageId, counted, scales);
    if (several) findings.severalPeople.push(several);
    else findings.doubtfulFaces.push(...findDoubtful(externalImageId, counted, scales));
  }
  const pairs = new Map<string, AlikePair>();
  const threshold = Math.min(options.alikeSimilarity, nearSimilarity);
  for (const face of recognisable) {
    const others = findOthers(faces, face, { limit: NEAREST_PEOPLE + 1, threshold, scales });
    for (const other of others) {
      if (other.similarity >= options.alikeSimilarity) notePair(pairs, face, other);
    }
    const near = others.filter(({ similarity }) => similarity >= nearSimilarity);
    const own = face.externalImageId === undefined ? [] : (countedById.get(face.externalImageId) ?? []);
    const nearest = near.filter(({ similarity }) => similarity >= nearBesideOwn);
    const morph = findMorph(faces, face, near, scales) ?? findMorphBesideOwn(faces, face, own, nearest, scales);
    if (morph) findings.possibleMorphs.push(morph);
    onFace();
  }
  for (const pair of pairs.values()) {
    const list = pair.similarity >= SAME_PERSON_SIMILARITY ? findings.samePerson : findings.lookAlikes;
    list.push(pair);
  }
  findings.severalPeople.sort((a, b) => a.similarity - b.similarity);
  findings.samePerson.sort((a, b) => b.similarity - a.similarity);
  findings.lookAlikes.sort((a, b) => b.similarity - a.similarity);
  findings.possibleMorphs.sort((a, b) => measureMorph(b) - measureMorph(a));
  findings.doubtfulFaces.sort((a, b) => a.similarity - b.similarity);
  return findings;
}

/** Returns the similarity at which a comparison of strangers has this false accept rate, but at least UNLIKE_SIMILARITY. */
function findNearSimilarity(far: number, { scale, falseAccepts }: SimilarityScales): number {
  return Math.max(UNLIKE_SIMILARITY, scale.fromCosine(falseAccepts.cosineAt(Math.min(0.5, far))));
}

function groupById(faces: readonly EnrolledFace[]): Map<string, EnrolledFace[]> {
  const people = new Map<string, EnrolledFace[]>();
  for (const face of faces) {
    if (face.externalImageId === undefined) continue;
    const own = people.get(face.externalImageId);
    if (own) own.push(face);
    else people.set(face.externalImageId, [face]);
  }
  return people;
}

function readCounted(faces: GroupFaces, own: readonly EnrolledFace[], scales: SimilarityScales): Counted[] {
  const recognisable = own.filter(({ condition }) => scales.isRecognisable(condition));
  const bare = recognisable.filter(({ condition }) => condition?.masked !== true);
  return (bare.length > 0 ? bare : recognisable).map((face) => ({
    ...faces.template(face.faceId)!,
    face,
    weight: weighFace(face.condition, face.detectionScore),
  }));
}

/** Splits the faces of an id into people: faces, and means of alike ones, that are not certainly of different people belong together. */
function findSeveralPeople(
  externalImageId: string,
  counted: readonly Counted[],
  scales: SimilarityScales,
): SeveralPeople | undefined {
  const templates = groupAlikeFaces(counted, scales);
  const people: (typeof templates)[] = [];
  for (const one of templates) {
    const own = people.filter((person) =>
      person.some((other) => !isAnotherPerson(one.template, other.template, scales)),
    );
    const joined = [...own.flat(), one];
    people.splice(0, people.length, ...people.filter((person) => !own.includes(person)), joined);
  }
  if (people.length < 2) return undefined;
  let similarity = 0;
  for (const [i, person] of people.entries()) {
    for (const other of people.slice(i + 1).flat()) {
      for (const one of person)
        similarity = Math.max(similarity, compareTemplates(one.template, other.template, scales));
    }
  }
  return {
    externalImageId,
    people: people.map((person) => person.flatMap(({ members }) => members.map(({ face }) => face.faceId))),
    similarity,
  };
}

function findDoubtful(externalImageId: string, counted: readonly Counted[], scales: SimilarityScales): DoubtfulFace[] {
  return counted.flatMap((one) => {
    const others = averageFaces(counted.filter((other) => other !== one));
    const similarity = compareTemplates(one, others, scales);
    return similarity < DOUBTFUL_SIMILARITY ? [{ externalImageId, faceId: one.face.faceId, similarity }] : [];
  });
}

/** Finds the people other than that of the face, most similar first. */
function findOthers(
  faces: GroupFaces,
  face: EnrolledFace,
  options: Parameters<GroupFaces['searchPersons']>[1],
): PersonMatch[] {
  const isOwn = (match: PersonMatch): boolean =>
    face.externalImageId === undefined
      ? match.face.faceId === face.faceId
      : match.face.externalImageId === face.externalImageId;
  return faces.searchPersons(faces.template(face.faceId)!, options).filter((match) => !isOwn(match));
}

/** Notes a pair of people once, with their greatest similarity. Two faces without an externalImageId are no pair: they are nobody. */
function notePair(pairs: Map<string, AlikePair>, face: EnrolledFace, { face: other, similarity }: PersonMatch): void {
  if (face.externalImageId === undefined && other.externalImageId === undefined) return;
  const key = [face, other]
    .map(({ externalImageId, faceId }) => (externalImageId === undefined ? `face ${faceId}` : `id ${externalImageId}`))
    .sort()
    .join('\n');
  const known = pairs.get(key);
  if (known && known.similarity >= similarity) return;
  pairs.set(key, { people: [nameFace(face), nameFace(other)], similarity });
}

/** Returns the two people whom a face is nearest to of all that are unlike each other. */
function findMorph(
  faces: GroupFaces,
  face: EnrolledFace,
  near: readonly PersonMatch[],
  scales: SimilarityScales,
): PossibleMorph | undefined {
  let found: PossibleMorph | undefined;
  for (const [i, one] of near.entries()) {
    for (const other of near.slice(i + 1)) {
      const similarity = Math.max(
        comparePerson(faces, one.face, faces.template(other.face.faceId)!, scales),
        comparePerson(faces, other.face, faces.template(one.face.faceId)!, scales),
      );
      if (similarity >= UNLIKE_SIMILARITY) continue;
      const pair = [one, other].map((match) => ({ ...nameFace(match.face), similarity: match.similarity }));
      const morph = { ...nameFace(face), near: pair as PossibleMorph['near'], similarity };
      if (!found || measureMorph(morph) > measureMorph(found)) found = morph;
    }
  }
  return found;
}

/** Returns the person of another id whom a face is nearest to, where the other faces of its own id are unlike that person. */
function findMorphBesideOwn(
  faces: GroupFaces,
  face: EnrolledFace,
  own: readonly Counted[],
  near: readonly PersonMatch[],
  scales: SimilarityScales,
): PossibleMorph | undefined {
  const others = own.filter((one) => one.face.faceId !== face.faceId);
  const [first] = others;
  if (!first) return undefined;
  const mean = averageFaces(others);
  const probe = faces.template(face.faceId)!;
  // A face of another person is found with its externalImageId.
  if (isAnotherPerson(probe, mean, scales)) return undefined;
  for (const { face: other, similarity } of near) {
    const between = comparePerson(faces, other, mean, scales);
    if (between >= UNLIKE_SIMILARITY) continue;
    return {
      ...nameFace(face),
      near: [
        { ...nameFace(other), similarity },
        { ...nameFace(first.face), similarity: compareTemplates(probe, mean, scales) },
      ],
      similarity: between,
    };
  }
  return undefined;
}

function comparePerson(faces: GroupFaces, person: EnrolledFace, probe: Template, scales: SimilarityScales): number {
  return faces.comparePerson(person.faceId, probe, scales) ?? 0;
}

/** Returns how near a face is to the farther one of its two people. */
function measureMorph({ near }: PossibleMorph): number {
  return Math.min(...near.map(({ similarity }) => similarity));
}

function nameFace({ externalImageId, faceId }: EnrolledFace): NamedFace {
  return { ...(externalImageId !== undefined && { externalImageId }), faceId };
}
