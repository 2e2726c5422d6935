// The check of a group: what it finds of people who share an id, have two, or are near each other, and what it leaves alone.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { FaceCondition } from '../../src/domain/condition.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { GroupFaces } from '../../src/gallery/group-faces.js';
import { checkIdentities } from '../../src/gallery/identity-check.js';
import type { IdentityFindings, NamedFace } from '../../src/gallery/identity-findings.js';
import { randomNumbers } from '../store/values.js';
import { BLURRED, CLEAR, conditionScales as scales, MASKED } from './conditions.js';
import { randomEmbedding } from './faces.js';

/** An enrolled face; the similarity of two of them is the cosine of the difference of their angles, in percent. */
interface Enrolled {
  id?: string;
  degrees: number;
  condition?: FaceCondition;
}

/** Creates a group. @returns with the id of each face, in order */
function enrol(...all: Enrolled[]): { faces: GroupFaces; ids: string[] } {
  const faces = new GroupFaces();
  const ids = all.map(({ id, degrees, condition }, i) => {
    const radians = (degrees * Math.PI) / 180;
    const embedding = new Float32Array(8);
    embedding.set([Math.cos(radians), Math.sin(radians)]);
    const faceId = randomUUID();
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    const person = id === undefined ? {} : { externalImageId: id };
    faces.add({ faceId, imageId: faceId, ...person, bbox, detectionScore: 1, condition }, i + 1, embedding);
    return faceId;
  });
  return { faces, ids };
}

const check = ({ faces }: { faces: GroupFaces }): IdentityFindings =>
  checkIdentities(faces, { scales, alikeSimilarity: 88 });
const name = ({ externalImageId, faceId }: NamedFace): string => externalImageId ?? faceId;

describe('ids with several people', () => {
  test('are found, with the faces of each person', () => {
    const group = enrol(
      { id: 'a', degrees: 0 },
      { id: 'a', degrees: 90 },
      { id: 'a', degrees: 5 },
      { id: 'a', degrees: 180 },
      { id: 'b', degrees: 270 },
    );
    const { severalPeople, people, faces } = check(group);
    expect([faces, people]).toEqual([5, 2]);
    const [one, other, third, last] = group.ids;
    expect(severalPeople).toEqual([
      { externalImageId: 'a', people: [[one, third], [other], [last]], similarity: expect.closeTo(4.4, 0) as number },
    ]);
  });

  test('are not those of one person who looks different', () => {
    const { severalPeople, doubtfulFaces } = check(
      enrol({ id: 'a', degrees: 0 }, { id: 'a', degrees: 40 }, { id: 'a', degrees: 80 }),
    );
    expect(severalPeople).toEqual([]);
    expect(doubtfulFaces.map(({ similarity }) => Math.round(similarity))).toEqual([49, 49]);
  });

  test('do not count faces that cannot be recognised, nor masked faces beside bare ones', () => {
    const group = enrol(
      { id: 'a', degrees: 0, condition: CLEAR },
      { id: 'a', degrees: 90, condition: BLURRED },
      { id: 'a', degrees: 90, condition: MASKED },
    );
    expect(check(group)).toMatchObject({ severalPeople: [], doubtfulFaces: [], unrecognisable: 1 });
  });
});

describe('people under two ids', () => {
  test('are found, once for each pair, and are no look-alikes', () => {
    const group = enrol(
      { id: 'a', degrees: 0 },
      { id: 'a', degrees: 3 },
      { id: 'b', degrees: 4 },
      { id: 'c', degrees: 90 },
    );
    const { samePerson, lookAlikes } = check(group);
    expect(samePerson.map(({ people }) => people.map(name).sort())).toEqual([['a', 'b']]);
    expect(lookAlikes).toEqual([]);
  });

  test('are found beside a face without an id, but two faces without one are nobody', () => {
    const group = enrol({ id: 'a', degrees: 0 }, { degrees: 1 }, { degrees: 90 }, { degrees: 91 });
    const { samePerson, people } = check(group);
    expect(samePerson.map((pair) => pair.people.map(name).sort())).toEqual([['a', group.ids[1]!].sort()]);
    expect(people).toBe(4);
  });
});

describe('look-alikes', () => {
  test('are listed from the given similarity on, the most similar first', () => {
    const degrees = { a: 0, b: 26, c: 53, d: 200, e: 227, f: 255 };
    const group = enrol(...Object.entries(degrees).map(([id, angle]) => ({ id, degrees: angle })));
    const { lookAlikes, samePerson, possibleMorphs } = check(group);
    expect(lookAlikes.map(({ people, similarity }) => [...people.map(name).sort(), similarity.toFixed(1)])).toEqual([
      ['a', 'b', '89.9'],
      ['b', 'c', '89.1'],
      ['d', 'e', '89.1'],
      ['e', 'f', '88.3'],
    ]);
    expect(samePerson).toEqual([]);
    expect(possibleMorphs).toHaveLength(2);
  });
});

describe('possible morphs', () => {
  test('are faces that are near two people who are unlike each other', () => {
    const group = enrol(
      { id: 'a', degrees: 0 },
      { id: 'b', degrees: 70 },
      { id: 'morph', degrees: 35 },
      { id: 'c', degrees: 180 },
    );
    const { possibleMorphs, nearSimilarity } = check(group);
    expect(nearSimilarity).toBe(80);
    expect(possibleMorphs).toEqual([
      {
        externalImageId: 'morph',
        faceId: group.ids[2],
        near: [
          expect.objectContaining({ similarity: expect.closeTo(81.9, 1) as number }),
          expect.objectContaining({ similarity: expect.closeTo(81.9, 1) as number }),
        ],
        similarity: expect.closeTo(34.2, 1) as number,
      },
    ]);
    expect(possibleMorphs[0]?.near.map(name).sort()).toEqual(['a', 'b']);
  });

  test('are found under the id of one of their people as well', () => {
    const group = enrol({ id: 'a', degrees: 0 }, { id: 'a', degrees: 35 }, { id: 'b', degrees: 68 });
    const { possibleMorphs, severalPeople } = check(group);
    expect(severalPeople).toEqual([]);
    expect(possibleMorphs).toMatchObject([
      { externalImageId: 'a', faceId: group.ids[1], near: [{ externalImageId: 'b' }, { externalImageId: 'a' }] },
    ]);
    expect(possibleMorphs[0]?.near.map(({ similarity }) => Math.round(similarity))).toEqual([84, 82]);
  });

  test('are not the faces of two look-alikes', () => {
    const group = enrol({ id: 'a', degrees: 0 }, { id: 'a', degrees: 10 }, { id: 'b', degrees: 35 });
    expect(check(group).possibleMorphs).toEqual([]);
  });

  test('are not those who are near one person under two ids', () => {
    const group = enrol({ id: 'a', degrees: 0 }, { id: 'again', degrees: 10 }, { id: 'b', degrees: 30 });
    expect(check(group).possibleMorphs).toEqual([]);
  });

  test('are not found without both people: nothing in the morph itself shows it', () => {
    const group = enrol({ id: 'a', degrees: 0 }, { id: 'morph', degrees: 35 }, { id: 'c', degrees: 180 });
    expect(check(group)).toMatchObject({ possibleMorphs: [], severalPeople: [], samePerson: [], lookAlikes: [] });
  });

  test.each([
    [20, 80],
    [2_000, 83],
  ])('in a group of %i people must be as near as few are by chance: %i', (count, expected) => {
    const steep = new SimilarityScales({
      points: [
        { cosine: 0.3, similarity: 70, far: 1e-3 },
        { cosine: 0.4, similarity: 80, far: 1e-4 },
        { cosine: 0.5, similarity: 90, far: 1e-5 },
      ],
    });
    const random = randomNumbers(3);
    const faces = new GroupFaces();
    for (let i = 0; i < count; i++) {
      const faceId = randomUUID();
      const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
      const face = { faceId, imageId: faceId, externalImageId: `p${i}`, bbox, detectionScore: 1 };
      faces.add(face, i + 1, randomEmbedding(random, 128));
    }
    let done = 0;
    const findings = checkIdentities(faces, { scales: steep, alikeSimilarity: 88, onFace: () => done++ });
    expect(findings.nearSimilarity).toBeCloseTo(expected, 0);
    expect(findings).toMatchObject({ faces: count, people: count, samePerson: [], possibleMorphs: [] });
    expect(done).toBe(count);
  });
});

test('an empty group has no findings', () => {
  expect(check(enrol())).toMatchObject({ faces: 0, people: 0, severalPeople: [], samePerson: [] });
});
