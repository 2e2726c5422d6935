// Lists and changes of whole people against a model of the group: what memory answers, what the store holds after a restart, what the audit log says.
import { describe, expect, test } from 'vitest';
import { GroupCheck } from '../../src/audit/group-check.js';
import { normalise } from '../../src/domain/embedding.js';
import type { EnrolmentPolicy } from '../../src/domain/enrolment-policy.js';
import type { EnrolledFace, NewFace } from '../../src/gallery/gallery.types.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { openAudit, readRecords, type OpenAudit } from '../audit/support.js';
import { temporaryDirectory, withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { CLEAR, conditionScales as scales } from './conditions.js';
import { newFace, randomEmbedding, staff } from './faces.js';

const ACTOR = 'admin:front';
const guests = { ...staff, groupId: 'guests' };
const random = randomNumbers(7);
const anna = randomEmbedding(random);
const bert = randomEmbedding(random);

function near(centre: Float32Array, spread = 0.2): Float32Array {
  const other = randomEmbedding(random);
  return normalise(centre.map((value, i) => value + spread * other[i]!));
}

function faceOf(externalImageId: string | undefined, embedding = randomEmbedding(random)): NewFace {
  return newFace(random, { embedding, condition: CLEAR, ...(externalImageId !== undefined && { externalImageId }) });
}

interface OpenPeople extends OpenAudit {
  policies: Record<string, EnrolmentPolicy>;
}

/** Opens a gallery with the groups `staff` and `guests`, of one model version. */
async function open(
  directory?: string,
  policies: Record<string, EnrolmentPolicy> = {},
  maxFacesPerGroup = 1_000,
): Promise<OpenPeople> {
  const opened = await openAudit(directory ?? (await temporaryDirectory()), Date.now, {
    limits: { maxGroups: 10, maxFacesPerGroup },
    findPolicy: (groupId) => policies[groupId] ?? 'open',
    findScales: () => scales,
  });
  const { gallery } = opened;
  if ((await gallery.listGroups(staff.owner, { limit: 1 })).items.length === 0) {
    for (const ref of [staff, guests]) await gallery.createGroup(ref, 'm1');
  }
  return { ...opened, policies };
}

const options = (merge = false) => ({ merge, scales, actor: ACTOR });

/** Everything that a group answers: its faces, its people, and who is found by the embeddings. */
async function describeGroups(gallery: LevelGallery): Promise<unknown> {
  const groups = [];
  for (const ref of [staff, guests]) {
    const { items } = await gallery.listFaces(ref, { limit: 200 });
    const found = [anna, bert].map((embedding) =>
      gallery
        .searchPersons(ref, { embedding, condition: CLEAR }, { limit: 10, threshold: 0, scales })
        .map(({ face, faces, similarity }) => [face.faceId, faces, similarity]),
    );
    groups.push({ faces: items, people: gallery.people.list(ref, { limit: 1_000 }), found });
  }
  return groups;
}

/** Checks that a restart gives the same answers, and that the groups agree with the audit log. */
async function expectDurable({ gallery, store, audit, stop }: OpenPeople, directory: string): Promise<void> {
  const before = await describeGroups(gallery);
  const check = new GroupCheck();
  for (const record of await readRecords(store)) check.add(record);
  const counted = [staff, guests].map((ref) => ({ ...ref, faces: gallery.group(ref).faceCount }));
  expect(check.compare(counted)).toEqual([]);
  expect((await audit.verify()).problems).toEqual([]);
  await stop();
  const again = await open(directory);
  expect(await describeGroups(again.gallery)).toEqual(before);
}

describe('the list of people', () => {
  test('has each person once, in the order of the ids, page by page, with what is known of their faces', async () => {
    const { gallery } = await open();
    for (const [id, detectionScore] of [
      ['b', 0.5],
      ['a', 0.9],
      ['b', 0.75],
      ['c:1', 0.6],
      [undefined, 0.1],
    ] as const) {
      // prettier-ignore
      await gallery.enrol(staff, [{ ...faceOf(id), detectionScore }]);
    }
    await gallery.enrol(staff, [
      { ...faceOf('b'), detectionScore: 0.6, condition: { recognisability: 0.3, masked: true } },
    ]);
    expect(gallery.people.count(staff)).toBe(3);
    const first = gallery.people.list(staff, { limit: 2 });
    expect(first.persons.map(({ externalImageId, faces }) => [externalImageId, faces])).toEqual([['a', 1], ['b', 3]]); // prettier-ignore
    expect(first.persons[1]).toEqual({
      externalImageId: 'b',
      faces: 3,
      masked: 1,
      detectionScore: { best: 0.75, worst: 0.5 },
      recognisability: { best: 0.9, worst: 0.3 },
      firstEnrolledAtMs: expect.any(Number) as number,
      lastEnrolledAtMs: expect.any(Number) as number,
    });
    expect(first.next).toBe('b');
    const second = gallery.people.list(staff, { limit: 2, after: 'b' });
    expect(second.persons.map(({ externalImageId }) => externalImageId)).toEqual(['c:1']);
    expect(second.next).toBeUndefined();
    const ofC = gallery.people.list(staff, { limit: 2, prefix: 'c:' });
    expect(ofC.persons.map(({ externalImageId }) => externalImageId)).toEqual(['c:1']);
    expect(gallery.people.list(staff, { limit: 2, prefix: 'd' })).toEqual({ persons: [] });
    const found = gallery.people.list(staff, { limit: 2, search: 'C:' });
    expect(found.persons.map(({ externalImageId }) => externalImageId)).toEqual(['c:1']);
  });

  test('of many people has the same pages as a sorted list', async () => {
    const { gallery } = await open();
    const ids = Array.from({ length: 300 }, () => `p${Math.floor(random() * 200)}`);
    await gallery.enrol(
      staff,
      ids.map((id) => faceOf(id)),
    );
    const expected = [...new Set(ids)].sort();
    for (const limit of [1, 7, 1_000]) {
      const listed: string[] = [];
      let after: string | undefined;
      do {
        const page = gallery.people.list(staff, { limit, after });
        listed.push(...page.persons.map(({ externalImageId }) => externalImageId));
        after = page.next;
      } while (after !== undefined);
      expect(listed).toEqual(expected);
    }
  });

  test('is refused for a group that is not there, and a person for an id without faces', async () => {
    const { gallery } = await open();
    const none = { ...staff, groupId: 'none' };
    expect(() => gallery.people.list(none, { limit: 1 })).toThrow(withCode('GROUP_NOT_FOUND'));
    expect(() => gallery.people.summary(staff, 'nobody')).toThrow(withCode('NOT_FOUND'));
    expect(() => gallery.people.closest(staff, 'nobody', scales)).toThrow(withCode('NOT_FOUND'));
  });
});

describe('the closest other person', () => {
  test('is the most similar one, by the mean of the faces, and never the person', async () => {
    const { gallery } = await open();
    const { enrolled } = await gallery.enrol(staff, [
      faceOf('anna', near(anna)),
      faceOf('anna', near(anna)),
      faceOf('twin', near(anna, 0.3)),
      faceOf('bert', bert),
    ]);
    const closest = gallery.people.closest(staff, 'anna', scales);
    expect(closest).toMatchObject({ externalImageId: 'twin', faceId: enrolled[2]!.faceId });
    expect(closest?.similarity).toBeGreaterThan(80);
    expect(gallery.people.closest(staff, 'twin', scales)?.externalImageId).toBe('anna');
    await gallery.enrol(guests, [faceOf('alone')]);
    expect(gallery.people.closest(guests, 'alone', scales)).toBeUndefined();
    const { enrolled: nameless } = await gallery.enrol(guests, [faceOf(undefined)]);
    const only = gallery.people.closest(guests, 'alone', scales);
    expect(only).toEqual({ faceId: nameless[0]!.faceId, similarity: only?.similarity });
  });
});

describe('a person is deleted', () => {
  test('with all faces and no others, in memory, on the disk and in the audit log', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory);
    const { gallery, store } = opened;
    for (let i = 0; i < 12; i++) {
      const id = ['anna', 'bert', undefined][i % 3];
      await gallery.enrol(staff, [faceOf(id, near(i % 3 === 0 ? anna : bert))]);
    }
    const change = await gallery.people.delete(staff, 'anna', ACTOR);
    expect(change).toMatchObject({ faces: 4, merged: false });
    const records = await readRecords(store);
    const { sequence, hash, action, actor, subject } = records.at(-1)!;
    expect(change.proof).toEqual({ sequence, hash });
    expect([action, actor, subject]).toEqual(['person.deleted', ACTOR, { ...staff, faces: 4 }]);
    expect(records.slice(-5, -1).map((record) => record.action)).toEqual(Array(4).fill('face.deleted'));
    expect(gallery.group(staff).faceCount).toBe(8);
    expect(gallery.people.list(staff, { limit: 9 }).persons).toMatchObject([{ externalImageId: 'bert', faces: 4 }]);
    await expect(gallery.people.delete(staff, 'anna', ACTOR)).rejects.toThrow(withCode('NOT_FOUND'));
    await expectDurable(opened, directory);
  });

  test('while single faces of theirs are deleted by others: each face once', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory);
    const { gallery, store } = opened;
    const { enrolled } = await gallery.enrol(staff, [faceOf('anna'), faceOf('anna'), faceOf('anna'), faceOf('bert')]);
    const [first, second] = enrolled as [EnrolledFace, EnrolledFace];
    const before = gallery.deleteFace(staff, first.faceId);
    const all = gallery.people.delete(staff, 'anna', ACTOR);
    await before;
    expect((await all).faces).toBe(2);
    await expect(gallery.deleteFace(staff, second.faceId)).rejects.toThrow(withCode('FACE_NOT_FOUND'));
    const deleted = (await readRecords(store)).filter(({ action }) => action === 'face.deleted');
    expect(new Set(deleted.map(({ subject }) => subject.faceId)).size).toBe(3);
    expect(deleted).toHaveLength(3);
    await expectDurable(opened, directory);
  });

  test('with more faces than one batch holds', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory, {}, 5_000);
    const { gallery, store } = opened;
    await gallery.enrol(staff, [...Array.from({ length: 2_001 }, () => faceOf('crowd')), faceOf('bert', bert)]);
    await expect(gallery.people.rename(staff, 'crowd', 'people', options())).rejects.toThrow(
      withCode('QUOTA_EXCEEDED'),
    );
    expect((await gallery.people.delete(staff, 'crowd', ACTOR)).faces).toBe(2_001);
    const records = await readRecords(store);
    expect(records.filter(({ action }) => action === 'person.deleted')).toHaveLength(1);
    expect(gallery.group(staff).faceCount).toBe(1);
    await expectDurable(opened, directory);
  }, 60_000);
});

describe('a person is renamed', () => {
  test('with all faces, which keep their ids, their order and their embeddings', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory);
    const { gallery, store } = opened;
    await gallery.enrol(staff, [faceOf('anna', near(anna)), faceOf('bert', near(bert)), faceOf('anna', near(anna))]);
    const faces = (await gallery.listFaces(staff, { limit: 9 })).items;
    const change = await gallery.people.rename(staff, 'anna', 'badge-17', options());
    expect(change).toMatchObject({ faces: 2, merged: false });
    const after = (await gallery.listFaces(staff, { limit: 9 })).items;
    expect(after).toEqual(
      faces.map((one) => (one.externalImageId === 'anna' ? { ...one, externalImageId: 'badge-17' } : one)),
    );
    const { sequence, hash, action, subject } = (await readRecords(store)).at(-1)!;
    expect(change).toMatchObject({ proof: { sequence, hash } });
    // Neither id: an externalImageId may be a name, and the audit log outlives it.
    expect([action, subject]).toEqual(['person.renamed', { ...staff, faces: 2, merged: false }]);
    await expectDurable(opened, directory);
  });

  test('to an id that is taken only where the two may merge; the templates are those of a restart', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory);
    const { gallery } = opened;
    await gallery.enrol(staff, [faceOf('a', near(anna)), faceOf('b', near(anna)), faceOf('a', near(anna))]);
    const before = await describeGroups(gallery);
    await expect(gallery.people.rename(staff, 'b', 'a', options())).rejects.toThrow(withCode('PERSON_EXISTS'));
    expect(await describeGroups(gallery)).toEqual(before);
    expect(await gallery.people.rename(staff, 'b', 'a', options(true))).toMatchObject({ faces: 1, merged: true });
    expect(gallery.people.list(staff, { limit: 9 }).persons).toMatchObject([{ externalImageId: 'a', faces: 3 }]);
    await expectDurable(opened, directory);
  });

  test('and merged with another one only where the policy allows it', async () => {
    const { gallery, store, policies } = await open(undefined, { staff: 'one-person-per-id' });
    const { enrolled } = await gallery.enrol(staff, [faceOf('a', anna), faceOf('b', bert)]);
    const entries = (await readRecords(store)).length;
    const refused = await gallery.people.rename(staff, 'b', 'a', options(true));
    expect(refused).toMatchObject({ concern: { reason: 'another-person', faceId: enrolled[0]!.faceId } });
    expect(gallery.people.count(staff)).toBe(2);
    expect(await readRecords(store)).toHaveLength(entries);
    const noScales = { ...options(true), scales: undefined };
    await expect(gallery.people.rename(staff, 'b', 'a', noScales)).rejects.toThrow(withCode('MODEL_VERSION_MISMATCH'));
    policies.staff = 'open';
    expect(await gallery.people.rename(staff, 'b', 'a', noScales)).toMatchObject({ merged: true });
  });

  test('while one of the faces is deleted: it does not come back', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory);
    const { gallery } = opened;
    const { enrolled } = await gallery.enrol(staff, [faceOf('a'), faceOf('a'), faceOf('a'), faceOf('a')]);
    const ids = enrolled.map(({ faceId }) => faceId);
    const deletions = [gallery.deleteFace(staff, ids[0]!)];
    const renaming = gallery.people.rename(staff, 'a', 'b', options());
    deletions.push(gallery.deleteFace(staff, ids[1]!));
    await Promise.all([renaming, ...deletions, gallery.people.rename(staff, 'b', 'c', options())]);
    await gallery.deleteFace(staff, ids[2]!);
    expect((await gallery.listFaces(staff, { limit: 9 })).items).toMatchObject([
      { faceId: ids[3], externalImageId: 'c' },
    ]);
    await expectDurable(opened, directory);
  });
});

describe('a person is moved', () => {
  test('with all faces, which keep their ids, in one batch with the entries of both groups', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory);
    const { gallery, store } = opened;
    await gallery.enrol(staff, [faceOf('anna', near(anna)), faceOf('bert', near(bert)), faceOf('anna', near(anna))]);
    const { enrolled } = await gallery.enrol(guests, [faceOf('carl')]);
    const change = await gallery.people.move(staff, 'anna', 'guests', options());
    expect(change).toMatchObject({ faces: 2, merged: false });
    const { sequence, hash, action, subject } = (await readRecords(store)).at(-1)!;
    expect(change).toMatchObject({ proof: { sequence, hash } });
    expect([action, subject]).toEqual(['person.moved', { ...staff, toGroupId: 'guests', faces: 2, merged: false }]);
    expect(gallery.people.list(staff, { limit: 9 }).persons).toMatchObject([{ externalImageId: 'bert', faces: 1 }]);
    expect(gallery.people.list(guests, { limit: 9 }).persons).toMatchObject([
      { externalImageId: 'anna', faces: 2 },
      { externalImageId: 'carl', faces: 1 },
    ]);
    // The oldest face of the other group stays the oldest one.
    expect((await gallery.listFaces(guests, { limit: 9 })).items.at(-1)?.faceId).toBe(enrolled[0]!.faceId);
    await gallery.enrol(guests, [faceOf('dora')]);
    await expectDurable(opened, directory);
  });

  test('to and fro at the same time, without waiting for each other for ever', async () => {
    const directory = await temporaryDirectory();
    const opened = await open(directory);
    const { gallery } = opened;
    await gallery.enrol(staff, [faceOf('a'), faceOf('a')]);
    await gallery.enrol(guests, [faceOf('b')]);
    await Promise.all([
      gallery.people.move(staff, 'a', 'guests', options()),
      gallery.people.move(guests, 'b', 'staff', options()),
      gallery.people.rename(guests, 'a', 'c', options()),
    ]);
    expect(gallery.people.list(staff, { limit: 9 }).persons).toMatchObject([{ externalImageId: 'b', faces: 1 }]);
    expect(gallery.people.list(guests, { limit: 9 }).persons).toMatchObject([{ externalImageId: 'c', faces: 2 }]);
    await expectDurable(opened, directory);
  });

  test('under the policy and the limits of the other group', async () => {
    const { gallery, policies } = await open(undefined, { guests: 'one-person-per-id' }, 20);
    await gallery.enrol(staff, [faceOf('a', anna), faceOf('a', bert), faceOf('b', bert)]);
    await gallery.enrol(guests, [faceOf('b', anna)]);
    const move = (id: string, merge = false, to = 'guests') => gallery.people.move(staff, id, to, options(merge));
    expect(await move('a')).toMatchObject({ concern: { reason: 'several-people' } });
    await expect(move('b')).rejects.toThrow(withCode('PERSON_EXISTS'));
    expect(await move('b', true)).toMatchObject({ concern: { reason: 'another-person' } });
    policies.guests = 'open';
    await gallery.createGroup({ ...staff, groupId: 'other' }, 'm2');
    await expect(move('b', true, 'other')).rejects.toThrow(withCode('MODEL_VERSION_MISMATCH'));
    await expect(move('b', true, 'none')).rejects.toThrow(withCode('GROUP_NOT_FOUND'));
    await expect(move('b', true, 'staff')).rejects.toThrow(withCode('INVALID_PARAM'));
    await expect(move('nobody')).rejects.toThrow(withCode('NOT_FOUND'));
    await gallery.enrol(
      guests,
      Array.from({ length: 19 }, () => faceOf(undefined)),
    );
    await expect(move('b', true)).rejects.toThrow(withCode('QUOTA_EXCEEDED'));
    expect(gallery.people.count(staff)).toBe(2);
    expect(gallery.group(guests).faceCount).toBe(20);
  });

  test('into a group that is deleted at the same time: the move is refused, and nothing is lost', async () => {
    const { gallery, store } = await open();
    await gallery.enrol(staff, [faceOf('a')]);
    const moving = gallery.people.move(staff, 'a', 'guests', options());
    await Promise.all([expect(moving).rejects.toThrow(withCode('GROUP_NOT_FOUND')), gallery.deleteGroup(guests)]);
    expect(gallery.people.count(staff)).toBe(1);
    expect((await readRecords(store)).at(-1)).toMatchObject({ action: 'group.deleted', subject: { faces: 0 } });
  });
});

test('any sequence of changes leaves the templates as a restart makes them', async () => {
  const directory = await temporaryDirectory();
  const opened = await open(directory);
  const { gallery } = opened;
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const ids = ['a', 'b', 'c', 'd'];
  const ignore = (error: unknown): void =>
    expect(error).toMatchObject({ code: expect.stringMatching(/NOT_FOUND|INVALID/) as string });
  for (let round = 0; round < 60; round++) {
    const ref = pick([staff, guests]);
    await gallery.enrol(ref, [faceOf(pick(ids), near(pick([anna, bert]), pick([0.2, 0.5])))]);
    const changes = [
      () => gallery.people.rename(ref, pick(ids), pick(ids.slice(0, 2)), options(true)),
      () => gallery.people.move(ref, pick(ids), pick(['staff', 'guests']), options(true)),
      () => gallery.people.delete(ref, pick(ids), ACTOR),
    ];
    await Promise.all([pick(changes)().catch(ignore), round % 3 === 0 ? pick(changes)().catch(ignore) : undefined]);
  }
  expect(gallery.group(staff).faceCount + gallery.group(guests).faceCount).toBeGreaterThan(0);
  await expectDurable(opened, directory);
});
