// Search for people against a comparison with all templates: means of alike faces, faces alone, enrolments and deletions.
import { describe, expect, test } from 'vitest';
import { normalise } from '../../src/domain/embedding.js';
import type { FaceCondition } from '../../src/domain/condition.js';
import { compareTemplates } from '../../src/domain/reported-similarity.js';
import { averageFaces, weighFace, type Template } from '../../src/domain/template.js';
import { groupAlikeFaces } from '../../src/gallery/alike-faces.js';
import type { EnrolledFace, SearchOptions } from '../../src/gallery/gallery.types.js';
import { GroupFaces } from '../../src/gallery/group-faces.js';
import { temporaryDirectory, withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { BLURRED, CLEAR, conditionScales as scales, MASKED, WEAK } from './conditions.js';
import { newFace, randomEmbedding, staff } from './faces.js';
import { openGallery } from './support.js';

const DIMENSIONS = 16;
const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };

interface Enrolled {
  face: EnrolledFace;
  embedding: Float32Array;
}

/** A group, and what a search in it must find. */
class People {
  readonly faces = new GroupFaces();
  enrolled: Enrolled[] = [];
  #count = 0;

  add(embedding: Float32Array, externalImageId?: string, condition?: FaceCondition, detectionScore = 0.9): string {
    const faceId = `f${++this.#count}`;
    const face = { faceId, imageId: 'i', ...(externalImageId && { externalImageId }), bbox, detectionScore, condition };
    this.faces.add(face, this.#count, embedding);
    this.enrolled.push({ face, embedding });
    return faceId;
  }

  remove(faceId: string): void {
    expect(this.faces.remove(faceId)).toBe(true);
    this.enrolled = this.enrolled.filter(({ face }) => face.faceId !== faceId);
  }

  /** Name, number of faces and similarity of each match. */
  search(probe: Template, options: Partial<SearchOptions> = {}): [string, number, number][] {
    const matches = this.faces.searchPersons(probe, { limit: 10, threshold: 0, scales, ...options });
    return matches.map(({ face, faces, similarity }) => [name(face), faces, similarity]);
  }

  /** The same by the book. */
  scan(probe: Template, { limit = 10, threshold = 0 }: Partial<SearchOptions> = {}): [string, number, number][] {
    const people = new Map<string, Enrolled[]>();
    for (const one of this.enrolled) people.set(name(one.face), [...(people.get(name(one.face)) ?? []), one]);
    return [...people]
      .flatMap(([person, faces]) => {
        const known = faces.filter(({ face }) => scales.isRecognisable(face.condition));
        const bare = known.filter(({ face }) => face.condition?.masked !== true);
        const members = (bare.length > 0 ? bare : known).map(({ face, embedding }) => {
          const { condition } = face;
          return { embedding, ...(condition && { condition }), weight: weighFace(condition, face.detectionScore) };
        });
        const templates = groupAlikeFaces(members, scales).map(({ template }): [string, number, number] => {
          const mayMatch = scales.isRecognisable(template.condition) && scales.isRecognisable(probe.condition);
          return [person, template.faces ?? 1, mayMatch ? compareTemplates(template, probe, scales) : -1];
        });
        return templates.sort((a, b) => b[2] - a[2]).slice(0, 1);
      })
      .filter(([, , similarity]) => similarity >= threshold)
      .sort((a, b) => b[2] - a[2])
      .slice(0, limit);
  }
}

const name = ({ externalImageId, faceId }: EnrolledFace): string => externalImageId ?? faceId;

/** A face near another one. @param spread 0: the same */
function near(random: () => number, centre: Float32Array, spread: number): Float32Array {
  const other = randomEmbedding(random, DIMENSIONS);
  return normalise(centre.map((value, i) => value + spread * other[i]!));
}

describe('a search for people finds what a comparison with all templates finds', () => {
  test.each([1, 2, 3, 4, 5])('whatever is enrolled and deleted (seed %i)', (seed) => {
    const random = randomNumbers(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
    const people = new People();
    const centres = Array.from({ length: 12 }, () => randomEmbedding(random, DIMENSIONS));
    const kinds = new Set<number>();
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 5; i++) {
        const person = Math.floor(random() * 16);
        const centre = centres[person] ?? randomEmbedding(random, DIMENSIONS);
        const condition = pick([CLEAR, CLEAR, WEAK, MASKED, BLURRED, undefined]);
        const embedding = near(random, centre, pick([0.3, 0.3, 0.7, 3]));
        people.add(embedding, person < 12 ? `p${person}` : undefined, condition, 0.5 + random() / 2);
      }
      for (let i = 0; i < 2; i++) people.remove(pick(people.enrolled).face.faceId);
      const condition = pick([CLEAR, WEAK, MASKED, undefined]);
      const face = { embedding: near(random, pick(centres), 0.5), ...(condition && { condition }), weight: 1 };
      const probe = pick([face, averageFaces([face, { ...face, embedding: near(random, face.embedding, 0.5) }])]);
      const options = { limit: pick([1, 3, 10, 100]), threshold: pick([1, 30, 60]) };
      const found = people.search(probe, options);
      const expected = people.scan(probe, options);
      expect(found.map(([person, faces]) => [person, faces])).toEqual(
        expected.map(([person, faces]) => [person, faces]),
      );
      found.forEach(([, , similarity], i) => expect(similarity).toBeCloseTo(expected[i]![2], 2));
      for (const [, faces] of found) kinds.add(faces);
      for (const [person, , similarity] of found.slice(0, 2)) {
        const { face: one } = people.enrolled.find(({ face: { faceId }, }) => faceId === person) ?? people.enrolled.find(({ face: other }) => name(other) === person)!; // prettier-ignore
        expect(people.faces.comparePerson(one.faceId, probe, scales)).toBeCloseTo(similarity, 2);
      }
    }
    expect(Math.max(...kinds)).toBeGreaterThan(2);
  });
});

describe('a person', () => {
  const random = randomNumbers(20);
  const centre = randomEmbedding(random, DIMENSIONS);
  const probe = { embedding: centre, condition: CLEAR };

  test('is found once, by the mean, with the most similar of its faces', () => {
    const people = new People();
    const faces = [0.3, 0.2, 0.4].map((spread) => near(random, centre, spread));
    const ids = faces.map((embedding) => people.add(embedding, 'anna', CLEAR));
    const mean = averageFaces(faces.map((embedding) => ({ embedding, condition: CLEAR, weight: 0.81 })));
    const [match, ...others] = people.faces.searchPersons(probe, { limit: 10, threshold: 0, scales });
    expect(others).toEqual([]);
    expect(match).toMatchObject({ faces: 3, similarity: compareTemplates(mean, probe, scales) });
    const single = people.faces.search(probe, { limit: 1, threshold: 0, scales });
    expect(match?.face).toEqual(single[0]?.face);
    people.remove(ids[0]!);
    expect(people.search(probe)[0]?.[1]).toBe(2);
    people.remove(ids[2]!);
    expect(people.search(probe)[0]?.[1]).toBe(1);
    people.remove(ids[1]!);
    expect(people.search(probe)).toEqual([]);
  });

  test('without an externalImageId is one face', () => {
    const people = new People();
    for (let i = 0; i < 3; i++) people.add(centre, undefined, CLEAR);
    expect(people.search(probe).map(([person, faces]) => [person, faces])).toEqual([['f1', 1], ['f2', 1], ['f3', 1]]); // prettier-ignore
  });

  test('has its masked faces counted only while there is no bare one, and unrecognisable ones never', () => {
    const people = new People();
    people.add(near(random, centre, 0.2), 'anna', MASKED);
    people.add(near(random, centre, 0.2), 'anna', MASKED);
    people.add(near(random, centre, 0.2), 'anna', BLURRED);
    expect(people.search(probe)[0]?.slice(0, 2)).toEqual(['anna', 2]);
    const bare = people.add(near(random, centre, 0.2), 'anna', CLEAR);
    expect(people.search(probe)[0]?.slice(0, 2)).toEqual(['anna', 1]);
    people.add(near(random, centre, 0.2), 'anna', WEAK);
    expect(people.search(probe)[0]?.slice(0, 2)).toEqual(['anna', 2]);
    people.remove(bare);
    expect(people.search(probe)[0]?.slice(0, 2)).toEqual(['anna', 1]);
  });

  test('whose id several people share is found by each of them', () => {
    const people = new People();
    const others = [1, 2, 3].map(() => randomEmbedding(random, DIMENSIONS));
    for (const one of others) for (let i = 0; i < 2; i++) people.add(near(random, one, 0.1), 'family', CLEAR);
    for (const embedding of others) {
      const [match, ...rest] = people.search({ embedding, condition: CLEAR });
      expect(match?.slice(0, 2)).toEqual(['family', 2]);
      expect(match?.[2]).toBeGreaterThan(90);
      expect(rest).toEqual([]);
    }
  });

  test('with very many faces is averaged from the newest ones; the others stand alone', () => {
    const people = new People();
    for (let i = 0; i < 40; i++) people.add(near(random, centre, 0.1), 'anna', CLEAR);
    expect(people.search(probe)[0]?.slice(0, 2)).toEqual(['anna', 32]);
    const old = people.enrolled[0]!;
    expect(people.search({ embedding: old.embedding, condition: CLEAR })[0]).toEqual([
      'anna',
      1,
      expect.closeTo(100, 2),
    ]);
  });
});

test('the gallery searches people as the group does, after a restart as well', async () => {
  const directory = await temporaryDirectory();
  const first = await openGallery(directory);
  await first.gallery.createGroup(staff, 'm1');
  const random = randomNumbers(21);
  const centre = randomEmbedding(random);
  const faces = Array.from({ length: 3 }, () =>
    newFace(random, { externalImageId: 'anna', embedding: normalise(centre.map((v) => v + (random() - 0.5) * 0.05)) }),
  );
  const { enrolled } = await first.gallery.enrol(staff, [...faces, newFace(random)]);
  const probe = { embedding: centre };
  const options = { limit: 2, threshold: 0, scales };
  const before = first.gallery.searchPersons(staff, probe, options);
  expect(before.map(({ face, faces: count }) => [face.externalImageId, count])).toEqual([['anna', 3], [undefined, 1]]); // prettier-ignore
  const { faceId } = enrolled[0]!;
  expect(first.gallery.compareWithPerson(staff, faceId, probe, scales)).toBeCloseTo(before[0]!.similarity, 3);
  expect(() => first.gallery.compareWithPerson(staff, 'nobody', probe, scales)).toThrow(withCode('FACE_NOT_FOUND'));
  const short = { embedding: randomEmbedding(random, 64) };
  expect(() => first.gallery.searchPersons(staff, short, options)).toThrow(TypeError);
  const long = { embedding: new Float32Array(128).fill(1), faces: 2 };
  expect(() => first.gallery.searchPersons(staff, long, options)).toThrow(TypeError);
  await first.stop();
  const asked: string[] = [];
  const findScales = (modelVersion: string) => {
    asked.push(modelVersion);
    return scales;
  };
  const { gallery } = await openGallery(directory, { findScales });
  expect(asked).toEqual(['m1']);
  expect(gallery.searchPersons(staff, probe, options)).toEqual(before);
});
