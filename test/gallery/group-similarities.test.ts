// How alike the faces of a group are: against all pairs, compared one by one; what is left out; and a group that changes meanwhile.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { FaceCondition } from '../../src/domain/condition.js';
import { normalise } from '../../src/domain/embedding.js';
import { AppError } from '../../src/errors.js';
import { GroupFaces } from '../../src/gallery/group-faces.js';
import { SimilarityMeter, type GroupSimilarities } from '../../src/gallery/group-similarities.js';
import { countPairs, listGenuinePairs, listImpostorPairs, type ArrangedRows } from '../../src/gallery/pair-samples.js';
import { createSampler } from '../../src/domain/random.js';
import { randomNumbers } from '../store/values.js';
import { BLURRED, CLEAR, conditionScales as scales, MASKED } from './conditions.js';
import { randomEmbedding, staff } from './faces.js';

/** Adds a face. @returns its id */
function add(faces: GroupFaces, embedding: Float32Array, id?: string, condition: FaceCondition = CLEAR): string {
  const faceId = randomUUID();
  const person = id === undefined ? {} : { externalImageId: id };
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  faces.add({ faceId, imageId: faceId, ...person, bbox, detectionScore: 1, condition }, faces.size + 1, embedding);
  return faceId;
}

/** Enrols people with several faces each; the faces of one person are near each other. */
function fill(faces: GroupFaces, people: number, facesEach: number): { faceId: string; id: string }[] {
  const random = randomNumbers(people);
  return Array.from({ length: people }, (_, person) => {
    const base = randomEmbedding(random, 16);
    return Array.from({ length: facesEach }, (_, i) => {
      const embedding = normalise(base.map((value) => value + (random() - 0.5) * 0.3));
      const id = `p${person}`;
      return { id, faceId: add(faces, embedding, id, i % 3 === 2 ? MASKED : CLEAR) };
    });
  }).flat();
}

const noRest = async (): Promise<void> => undefined;

function measure(faces: GroupFaces, thresholds: number[] = [], rest = noRest): Promise<GroupSimilarities> {
  return new SimilarityMeter(() => faces, rest).measure(staff, { scales, thresholds });
}

describe('a small group', () => {
  test('has all its pairs compared, as a comparison of two faces does', async () => {
    const faces = new GroupFaces();
    const all = fill(faces, 20, 4);
    const thresholds = [40, 90];
    const found = await measure(faces, thresholds);
    const genuine: number[] = [];
    const impostor: number[] = [];
    all.forEach((one, i) => {
      for (const other of all.slice(i + 1)) {
        const similarity = faces.compare(one.faceId, faces.template(other.faceId)!, scales)!;
        (one.id === other.id ? genuine : impostor).push(similarity);
      }
    });
    for (const [measured, values] of [
      [found.genuine, genuine],
      [found.impostor, impostor],
    ] as const) {
      expect([measured.count, measured.possible]).toEqual([values.length, values.length]);
      expect(measured.bins).toEqual(
        Array.from({ length: 100 }, (_, bin) => values.filter((v) => Math.min(99, Math.floor(v)) === bin).length),
      );
      expect(measured.reached).toEqual(thresholds.map((limit) => values.filter((value) => value >= limit).length));
    }
    expect(found).toMatchObject({ faces: 80, persons: 20, unrecognisable: 0, unnamed: 0 });
    expect(found.genuine.percentiles!.p5).toBeGreaterThan(found.impostor.percentiles!.p95);
  });

  test('has the nearest other person of each face, as a search for people finds them', async () => {
    const faces = new GroupFaces();
    const all = fill(faces, 12, 2);
    const { nearest, mostAlike } = await measure(faces, [30]);
    const found = all.map(({ faceId, id }) => {
      const options = { limit: 12, threshold: 0, scales };
      const others = faces.searchPersons(faces.template(faceId)!, options);
      return others.find(({ face }) => face.externalImageId !== id)!.similarity;
    });
    expect([nearest.count, nearest.possible]).toEqual([24, 24]);
    expect(nearest.reached).toEqual([found.filter((similarity) => similarity >= 30).length]);
    expect(mostAlike).toHaveLength(5);
    expect(mostAlike[0]!.similarity).toBeGreaterThanOrEqual(Math.max(...found));
    expect(mostAlike.map(({ similarity }) => similarity)).toEqual(
      mostAlike.map(({ similarity }) => similarity).toSorted((a, b) => b - a),
    );
    for (const { persons } of mostAlike) expect(persons[0] < persons[1]).toBe(true);
  });

  test('leaves out faces that are not recognisable or have no id, and counts them', async () => {
    const faces = new GroupFaces();
    fill(faces, 2, 2);
    const random = randomNumbers(9);
    add(faces, randomEmbedding(random, 16), 'p0', BLURRED);
    add(faces, randomEmbedding(random, 16));
    const found = await measure(faces);
    expect(found).toMatchObject({ faces: 6, persons: 2, unrecognisable: 1, unnamed: 1 });
    expect([found.genuine.count, found.impostor.count, found.nearest.count]).toEqual([2, 4, 4]);
  });

  test.each([0, 1])('has nothing to compare with %d people', async (people) => {
    const faces = new GroupFaces();
    fill(faces, people, 1);
    const found = await measure(faces, [50]);
    for (const one of [found.genuine, found.impostor, found.nearest]) {
      expect(one).toMatchObject({ count: 0, possible: 0, reached: [0] });
      expect(one.percentiles).toBeUndefined();
    }
    expect(found.mostAlike).toEqual([]);
  });
});

describe('a sample of pairs', () => {
  const sizes = [1, 2, 7, 40];
  const persons = sizes.map((size, i) => {
    const begin = sizes.slice(0, i).reduce((sum, one) => sum + one, 0);
    return { begin, end: begin + size };
  });
  const arranged: ArrangedRows = { rows: Array.from({ length: 50 }, (_, i) => 100 + i), persons };
  const personAt = (row: number): number => persons.findIndex(({ end }) => row - 100 < end);

  test.each([
    ['one person', listGenuinePairs, true],
    ['two people', listImpostorPairs, false],
  ] as const)('of %s takes each pair equally often', (_, list, isGenuine) => {
    const all = [...list(arranged, createSampler(1), 10_000)].map(([a, b]) => `${a} ${b}`);
    expect(new Set(all).size).toBe(all.length);
    const limit = 200;
    const counts = new Map<string, number>(all.map((pair) => [pair, 0]));
    let wrong = 0;
    for (let seed = 0; seed < 200; seed++) {
      const sample = [...list(arranged, createSampler(seed), limit)];
      wrong += limit - sample.length;
      for (const [a, b] of sample) {
        if ((personAt(a) === personAt(b)) !== isGenuine) wrong++;
        const pair = `${Math.min(a, b)} ${Math.max(a, b)}`;
        counts.set(pair, counts.get(pair)! + 1);
      }
    }
    expect(wrong).toBe(0);
    const expected = (200 * limit) / all.length;
    expect(all.length).toBe(isGenuine ? 1 + countPairs(7) + countPairs(40) : countPairs(50) - 802);
    for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });

  test('of a group of one large person and one other has no end of rejected draws', () => {
    const two: ArrangedRows = {
      rows: Array.from({ length: 50_001 }, (_, i) => i),
      persons: [
        { begin: 0, end: 50_000 },
        { begin: 50_000, end: 50_001 },
      ],
    };
    const sample = [...listImpostorPairs(two, createSampler(1), 1_000)];
    expect(sample).toHaveLength(1_000);
    for (const pair of sample) expect(pair).toContain(50_000);
  });
});

describe('the meter', () => {
  test('measures one state of a group once, and a changed group again', async () => {
    const faces = new GroupFaces();
    fill(faces, 5, 2);
    const meter = new SimilarityMeter(() => faces, noRest);
    const options = { scales, thresholds: [90] };
    const [one, other] = await Promise.all([meter.measure(staff, options), meter.measure(staff, options)]);
    expect(other).toBe(one);
    expect(await meter.measure(staff, options)).toBe(one);
    expect(await meter.measure(staff, { ...options, thresholds: [80] })).not.toBe(one);
    const before = await meter.measure(staff, options);
    const faceId = add(faces, randomEmbedding(randomNumbers(3), 16), 'new');
    const after = await meter.measure(staff, options);
    expect([before.faces, after.faces]).toEqual([10, 11]);
    faces.rename(new Set([faceId]), 'new', 'p0');
    expect((await meter.measure(staff, options)).persons).toBe(5);
    faces.remove(faceId);
    expect((await meter.measure(staff, options)).faces).toBe(10);
  });

  test('gives the thread back between short slices', async () => {
    const faces = new GroupFaces();
    fill(faces, 100, 4);
    let rests = 0;
    const found = await measure(faces, [], async () => {
      rests++;
    });
    expect(found.impostor.count).toBe(countPairs(400) - 100 * countPairs(4));
    expect(rests).toBeGreaterThan(2);
  });

  test('begins again when the group changes, and is refused where it never rests', async () => {
    const faces = new GroupFaces();
    fill(faces, 100, 4);
    const random = randomNumbers(5);
    let changes = 0;
    const change = async (): Promise<void> => {
      if (changes++ === 0) add(faces, randomEmbedding(random, 16), 'late');
    };
    expect((await measure(faces, [], change)).faces).toBe(401);
    const always = async (): Promise<void> => void add(faces, randomEmbedding(random, 16), 'late');
    await expect(measure(faces, [], always)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  });

  test('ends when the group is deleted meanwhile, and measures others afterwards', async () => {
    const faces = new GroupFaces();
    fill(faces, 100, 4);
    let isDeleted = false;
    const find = (): GroupFaces => {
      if (isDeleted) throw new AppError('GROUP_NOT_FOUND', 'no such group');
      return faces;
    };
    const meter = new SimilarityMeter(find, async () => {
      isDeleted = true;
    });
    await expect(meter.measure(staff, { scales, thresholds: [] })).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
    isDeleted = false;
    const found = meter.measure(staff, { scales, thresholds: [] });
    await expect(found).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
  });
});
