// A version of a copy that is written piece by piece: nobody sees it before it is whole, and then everybody sees all of it.
import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { GroupCheck } from '../../src/audit/group-check.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import type { AuditEntry } from '../../src/domain/audit.js';
import { encodeFace } from '../../src/gallery/face-record.js';
import type { CopiedFace } from '../../src/gallery/copy-records.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { STAGED_LABEL } from '../../src/gallery/staged-copy.js';
import { temporaryDirectory, withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { anything, newFace, percent, randomEmbedding, staff } from './faces.js';
import { openGallery } from './support.js';

const origin = { fleet: 'f'.repeat(32), group: 'a'.repeat(32), authority: 'head-office' };
const findScales = (): typeof percent => percent;
const random = randomNumbers(77);

/** Person `p0`, `p1` ... of 20: several faces each, alike, so that their means count. */
const people = Array.from({ length: 20 }, () => randomEmbedding(random));

function makeFace(sequence: number, changes: Partial<CopiedFace> & { faceId?: string } = {}): CopiedFace {
  const { faceId = randomUUID(), ...others } = changes;
  const { bbox, detectionScore } = newFace(random);
  const noise = randomEmbedding(random);
  const mixed = people[sequence % people.length]!.map((value, i) => value + 0.5 * noise[i]!);
  const length = Math.hypot(...mixed);
  const embedding = mixed.map((value) => value / length);
  const face = { faceId, imageId: randomUUID(), externalImageId: `p${sequence % people.length}`, bbox, detectionScore };
  const record = encodeFace(face, embedding);
  return {
    id: createHash('sha256').update(faceId).digest('hex').slice(0, 32),
    digest: createHash('sha256').update(record).digest(),
    sequence,
    record,
    ...others,
  };
}

function makeFaces(from: number, count: number): CopiedFace[] {
  return Array.from({ length: count }, (_, i) => makeFace(from + i));
}

function shuffle<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

async function openCopy(directory: string, first: readonly CopiedFace[] = []) {
  const opened = await openGallery(directory, { findScales });
  const { items } = await opened.gallery.listGroups(staff.owner, { limit: 10 });
  if (items.length === 0) await opened.gallery.createCopy(staff, 'v1', origin);
  if (first.length > 0) await opened.gallery.copies.apply(staff, { head: 'first', puts: first, deletes: [] });
  return opened;
}

/** What the group answers, for comparisons. */
async function describeGroup(gallery: LevelGallery): Promise<unknown> {
  const { head, digests } = await gallery.copies.read(staff);
  const probes = people.slice(0, 3).map((embedding) => ({ embedding }));
  return {
    head,
    digests: [...digests].map(([id, digest]) => `${id} ${digest.toString('hex')}`).sort(),
    faces: (await gallery.listFaces(staff, { limit: 200 })).items,
    people: gallery.people.list(staff, { limit: 100 }, percent).persons,
    matches: probes.map((probe) => gallery.searchByEmbedding(staff, probe, { ...anything, limit: 50 })),
    persons: probes.map((probe) => gallery.searchPersons(staff, probe, { ...anything, limit: 50 })),
  };
}

/** The group as one that was filled in the order of the enrolments gives it. */
async function describeExpected(head: string, faces: readonly CopiedFace[]): Promise<unknown> {
  const { gallery } = await openCopy(await temporaryDirectory());
  const inOrder = faces.toSorted((a, b) => a.sequence - b.sequence);
  await gallery.copies.apply(staff, { head, puts: inOrder, deletes: [] });
  return describeGroup(gallery);
}

test('a first copy is invisible until its commit, and then it is whole, also after a restart', async () => {
  const directory = await temporaryDirectory();
  const { gallery, store, stop } = await openCopy(directory);
  const faces = makeFaces(1, 700);
  const staged = await gallery.copies.begin(staff, { expected: 700 });
  const pieces = shuffle(faces);
  await staged.add(pieces.slice(0, 300));
  expect(gallery.group(staff).faceCount).toBe(0);
  expect(await store.findAltered()).toEqual([]);
  await staged.add(pieces.slice(300));
  expect(gallery.searchByEmbedding(staff, { embedding: people[0]! }, anything)).toEqual([]);
  expect((await gallery.copies.read(staff)).head).toBeUndefined();
  await staged.commit({ head: 'one', deletes: [] });
  const expected = await describeExpected('one', faces);
  expect(await describeGroup(gallery)).toEqual(expected);
  expect(await store.findAltered()).toEqual([]);
  expect(store.spaces(STAGED_LABEL)).toHaveLength(0);
  expect(store.spaces('group')).toHaveLength(1);
  await stop();
  const again = await openCopy(directory);
  expect(await describeGroup(again.gallery)).toEqual(expected);
  // Small changes go on from there.
  const more = makeFaces(1_001, 3);
  await again.gallery.copies.apply(staff, { head: 'two', puts: more, deletes: [faces[5]!.id] });
  const now = [...faces.filter((_, i) => i !== 5), ...more];
  expect(await describeGroup(again.gallery)).toEqual(await describeExpected('two', now));
});

test('a later version takes present faces along, replaces some, and leaves others out', async () => {
  const directory = await temporaryDirectory();
  const present = makeFaces(1, 400);
  const { gallery, stop } = await openCopy(directory, present);
  const before = await describeGroup(gallery);
  const staged = await gallery.copies.begin(staff);
  const changed = present.slice(0, 50).map(({ id, sequence }, i) => makeFace(sequence, { id, faceId: `changed-${i}` }));
  const added = makeFaces(500, 300);
  await staged.add([...changed, ...added]);
  // The authority changed one more while the rest was read, and deleted two that were staged already.
  const again = makeFace(added[0]!.sequence, { id: added[0]!.id, faceId: 'changed again' });
  await staged.add([again]);
  expect(await describeGroup(gallery)).toEqual(before);
  const deletes = [...present.slice(100, 180), ...added.slice(1, 3)].map(({ id }) => id);
  await staged.commit({ head: 'two', deletes });
  const now = [...changed, ...present.slice(50, 100), ...present.slice(180), again, ...added.slice(3)];
  const expected = await describeExpected('two', now);
  expect(await describeGroup(gallery)).toEqual(expected);
  await stop();
  const restarted = await openCopy(directory);
  expect(await describeGroup(restarted.gallery)).toEqual(expected);
  expect(await restarted.store.findAltered()).toEqual([]);
});

test('a version that a kill or a stop left half written is gone after the next start', async () => {
  const directory = await temporaryDirectory();
  const { gallery, store, stop } = await openCopy(directory, makeFaces(1, 20));
  const before = await describeGroup(gallery);
  const staged = await gallery.copies.begin(staff);
  await staged.add(makeFaces(100, 300));
  expect(store.spaces(STAGED_LABEL)).toHaveLength(1);
  await stop();
  await expect(staged.commit({ head: 'two', deletes: [] })).rejects.toThrow(withCode('STOPPED'));
  const again = await openCopy(directory);
  expect(again.store.spaces(STAGED_LABEL)).toHaveLength(0);
  expect(await describeGroup(again.gallery)).toEqual(before);
  await again.store.idle();
  expect(await again.store.findAltered()).toEqual([]);
});

test('a second version in the writing abandons the first one', async () => {
  const { gallery, store } = await openCopy(await temporaryDirectory());
  const first = await gallery.copies.begin(staff);
  await first.add(makeFaces(1, 10));
  const second = await gallery.copies.begin(staff);
  expect(store.spaces(STAGED_LABEL)).toHaveLength(1);
  await expect(first.add([])).rejects.toThrow(TypeError);
  await second.add(makeFaces(100, 5));
  await second.commit({ head: 'one', deletes: [] });
  await second.abandon();
  expect(gallery.group(staff).faceCount).toBe(5);
});

describe('a face that does not fit is FLEET_FORGED, and the present version stays:', () => {
  test.each([
    [
      'a faceId twice',
      () => [makeFace(100, { faceId: 'same' }), makeFace(101, { faceId: 'same', id: 'b'.repeat(32) })],
    ],
    ['a sequence twice', () => [makeFace(100), makeFace(100)]],
    ['another length', () => [makeFace(100), { ...makeFace(101), record: encodeOther() }]],
  ])('%s', async (_, make) => {
    const { gallery } = await openCopy(await temporaryDirectory(), makeFaces(1, 5));
    const before = await describeGroup(gallery);
    const staged = await gallery.copies.begin(staff);
    await expect(staged.add(make())).rejects.toThrow(withCode('FLEET_FORGED'));
    await staged.abandon();
    expect(await describeGroup(gallery)).toEqual(before);
  });

  test('a sequence of a present face that stays', async () => {
    const { gallery } = await openCopy(await temporaryDirectory(), makeFaces(1, 5));
    const before = await describeGroup(gallery);
    const staged = await gallery.copies.begin(staff);
    await staged.add([makeFace(3)]);
    await expect(staged.commit({ head: 'two', deletes: [] })).rejects.toThrow(withCode('FLEET_FORGED'));
    expect(await describeGroup(gallery)).toEqual(before);
  });
});

test('a group that is deleted meanwhile stays deleted', async () => {
  const { gallery, store } = await openCopy(await temporaryDirectory(), makeFaces(1, 5));
  const staged = await gallery.copies.begin(staff);
  await staged.add(makeFaces(100, 5));
  await gallery.deleteCopy(staff);
  await expect(staged.commit({ head: 'two', deletes: [] })).rejects.toThrow(withCode('GROUP_NOT_FOUND'));
  await staged.abandon();
  await gallery.createCopy(staff, 'v1', origin);
  const next = await gallery.copies.begin(staff);
  await next.add(makeFaces(1, 5));
  const commit = next.commit({ head: 'one', deletes: [] });
  await Promise.all([commit, gallery.deleteCopy(staff)]).catch(() => undefined);
  expect(() => gallery.group(staff)).toThrow(withCode('GROUP_NOT_FOUND'));
  await next.abandon().catch(() => undefined);
  expect([...store.spaces('group'), ...store.spaces(STAGED_LABEL)]).toHaveLength(0);
  expect(await store.findAltered()).toEqual([]);
});

test('a version with many changes is staged by itself: it is whole, and nothing is left of the one before', async () => {
  const directory = await temporaryDirectory();
  const faces = makeFaces(1, 1_100);
  const { gallery, store, stop } = await openCopy(directory);
  await gallery.copies.apply(staff, { head: 'one', puts: shuffle(faces), deletes: [] });
  expect(gallery.group(staff).faceCount).toBe(1_100);
  await gallery.copies.apply(staff, { head: 'two', puts: [], deletes: faces.slice(20).map(({ id }) => id) });
  const expected = await describeExpected('two', faces.slice(0, 20));
  expect(await describeGroup(gallery)).toEqual(expected);
  expect([store.spaces('group').length, store.spaces(STAGED_LABEL).length]).toEqual([1, 0]);
  const forged = [...makeFaces(2_000, 1_000), makeFace(1, { faceId: 'forged' })];
  await expect(gallery.copies.apply(staff, { head: 'three', puts: forged, deletes: [] })).rejects.toThrow(
    withCode('FLEET_FORGED'),
  );
  expect(await describeGroup(gallery)).toEqual(expected);
  expect(store.spaces(STAGED_LABEL)).toHaveLength(0);
  await stop();
  const again = await openCopy(directory);
  expect(await describeGroup(again.gallery)).toEqual(expected);
  expect(await again.store.findAltered()).toEqual([]);
});

test('the audit log says nothing of the number of faces in a copy, which is no finding', async () => {
  const check = new GroupCheck();
  const entry = (action: AuditEntry['action']): AuditRecord => ({
    sequence: 1,
    at: '',
    previous: '',
    hash: '',
    action,
    actor: 'fleet',
    subject: { ...staff },
  });
  check.add(entry('group.created'));
  expect(check.compare([{ ...staff, faces: 5 }])).toHaveLength(1);
  check.add(entry('group.copied'));
  expect(check.compare([{ ...staff, faces: 5 }])).toEqual([]);
});

test('a page of faces goes on in the next version', async () => {
  const { gallery } = await openCopy(await temporaryDirectory(), makeFaces(1, 6));
  const { nextToken } = await gallery.listFaces(staff, { limit: 3 });
  const staged = await gallery.copies.begin(staff);
  await staged.commit({ head: 'two', deletes: [] });
  const { items } = await gallery.listFaces(staff, { limit: 3, token: nextToken });
  expect(items).toHaveLength(3);
});

test('a copy of models that are not installed is held, and listed as unusable', async () => {
  const scales = (modelVersion: string): typeof percent | undefined => (modelVersion === 'v1' ? percent : undefined);
  const { gallery } = await openGallery(await temporaryDirectory(), { findScales: scales });
  const next = { ...staff, groupId: 'next' };
  await gallery.createCopy(staff, 'v1', origin);
  await gallery.createCopy(next, 'v2', { ...origin, group: 'b'.repeat(32) });
  await gallery.createGroup({ ...staff, groupId: 'own' }, 'v1');
  const staged = await gallery.copies.begin(next);
  await staged.add(makeFaces(1, 4));
  await staged.commit({ head: 'one', deletes: [] });
  expect(gallery.copies.list()).toEqual([
    { ref: staff, group: origin.group, origin, modelVersion: 'v1', faces: 0, isUsable: true },
    {
      ref: next,
      group: 'b'.repeat(32),
      origin: { ...origin, group: 'b'.repeat(32) },
      modelVersion: 'v2',
      faces: 4,
      isUsable: false,
    },
  ]);
});

function encodeOther(): Buffer {
  const { bbox, detectionScore } = newFace(random);
  return encodeFace({ faceId: randomUUID(), imageId: randomUUID(), bbox, detectionScore }, randomEmbedding(random, 64));
}
