// The successor of a group: the same faces under the next models, which follow every change of the group.
import { expect, test } from 'vitest';
import type { GroupRef } from '../../src/gallery/gallery.types.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { temporaryDirectory, withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { newFace, percent, randomEmbedding, staff } from './faces.js';
import { openGallery } from './support.js';

const random = randomNumbers(5);
const next: GroupRef = { ...staff, groupId: 'staff--next' };
const successors = { groups: ['staff'], modelVersion: 'v2' };
const options = { merge: true, scales: percent, actor: 'test' };

async function openOld(directory: string) {
  const old = await openGallery(directory);
  await old.gallery.createGroup(staff, 'v1');
  return old;
}

/** Enrols faces in the group and in its successor, as an enrolment does. */
async function enrolBoth(gallery: LevelGallery, ...people: (string | undefined)[]): Promise<string[]> {
  const faces = people.map((person) => newFace(random, person === undefined ? {} : { externalImageId: person }));
  const { enrolled } = await gallery.enrol(staff, faces);
  const succeeding = enrolled.map(({ faceId }) => ({ faceId, embedding: randomEmbedding(random, 64) }));
  await gallery.successors.enrol(staff, succeeding, 'test');
  return enrolled.map(({ faceId }) => faceId);
}

async function listFaces(gallery: LevelGallery, ref: GroupRef): Promise<string[]> {
  const { items } = await gallery.listFaces(ref, { limit: 200 });
  return items.map(({ faceId, imageId, externalImageId }) => `${faceId} ${imageId} ${externalImageId}`).sort();
}

test('it is made at the start, has the faces that are enrolled from then on, and says who is missing', async () => {
  const directory = await temporaryDirectory();
  const { gallery: before, stop } = await openOld(directory);
  await before.enrol(staff, [newFace(random, { externalImageId: 'anna' }), newFace(random)]);
  expect(before.successors.describe(staff)).toBeUndefined();
  await stop();
  const { gallery } = await openGallery(directory, { successors });
  expect(gallery.group(next)).toMatchObject({ modelVersion: 'v2', faceCount: 0, successorOf: 'staff' });
  const described = (missing: number, people: number): object => ({ ref: next, modelVersion: 'v2', people, missing });
  expect(gallery.successors.describe(staff)).toEqual(described(2, 2));
  await enrolBoth(gallery, 'bert', 'anna');
  expect(gallery.successors.describe(staff)).toEqual(described(1, 3));
  expect(await listFaces(gallery, next)).toHaveLength(2);
  expect(await listFaces(gallery, staff)).toEqual(expect.arrayContaining(await listFaces(gallery, next)));
  await expect(gallery.enrol(next, [newFace(random)])).rejects.toThrow(withCode('GROUP_READ_ONLY'));
  await expect(gallery.people.delete(next, 'anna', 'test')).rejects.toThrow(withCode('GROUP_READ_ONLY'));
});

test('deletions, renames and moves of the group are followed, and after a restart too', async () => {
  const directory = await temporaryDirectory();
  const old = await openOld(directory);
  await old.gallery.createGroup({ ...staff, groupId: 'guests' }, 'v1');
  await old.stop();
  const { gallery, stop } = await openGallery(directory, { successors });
  const [first = '', second = ''] = await enrolBoth(gallery, 'anna', 'bert', 'carla', 'dora', undefined);
  await gallery.deleteFace(staff, first);
  await gallery.people.rename(staff, 'bert', 'bertha', options);
  await gallery.people.move(staff, 'carla', 'guests', options);
  // What has left the group counts no more, also before the successor has followed.
  expect(gallery.successors.confirms(staff, { faceId: first, externalImageId: 'anna' })).toBe(false);
  expect(gallery.successors.confirms(staff, { faceId: second, externalImageId: 'bert' })).toBe(false);
  expect(gallery.successors.confirms(staff, { faceId: second, externalImageId: 'bertha' })).toBe(true);
  await gallery.successors.idle();
  expect(await listFaces(gallery, next)).toEqual(await listFaces(gallery, staff));
  await stop();
  // A kill between the two writes: the group has changed, the successor has not.
  const without = await openGallery(directory);
  await without.gallery.people.delete(staff, 'dora', 'test');
  await without.gallery.people.rename(staff, 'bertha', 'b', options);
  await without.stop();
  const again = await openGallery(directory, { successors });
  expect(await listFaces(again.gallery, next)).toEqual(await listFaces(again.gallery, staff));
  expect(again.gallery.successors.describe(staff)).toMatchObject({ people: 2, missing: 0 });
  await again.gallery.deleteGroup(staff);
  await again.gallery.successors.idle();
  expect(() => again.gallery.group(next)).toThrow(withCode('GROUP_NOT_FOUND'));
});

test('a face that leaves the group while it is embedded does not come into the successor', async () => {
  const directory = await temporaryDirectory();
  await (await openOld(directory)).stop();
  const { gallery } = await openGallery(directory, { successors });
  const { enrolled } = await gallery.enrol(staff, [newFace(random)]);
  const [{ faceId } = { faceId: '' }] = enrolled;
  await gallery.deleteFace(staff, faceId);
  await gallery.successors.enrol(staff, [{ faceId, embedding: randomEmbedding(random, 64) }], 'test');
  expect(gallery.group(next).faceCount).toBe(0);
});

test('a group of somebody else with such an id is left as it is', async () => {
  const directory = await temporaryDirectory();
  const old = await openOld(directory);
  await old.gallery.createGroup(next, 'v2');
  await old.gallery.enrol(next, [newFace(random)]);
  await old.stop();
  const { gallery } = await openGallery(directory, { successors });
  expect(gallery.group(next).faceCount).toBe(1);
  expect(gallery.successors.describe(staff)).toBeUndefined();
  await gallery.enrol(next, [newFace(random)]);
});

test('the copies of a group and its successor are a pair at a door', async () => {
  const { gallery } = await openGallery(await temporaryDirectory());
  const origin = { fleet: 'f'.repeat(32), group: 'a'.repeat(32), authority: 'head-office' };
  await gallery.createCopy(staff, 'v1', origin);
  await gallery.createCopy(next, 'v2', { ...origin, group: 'b'.repeat(32) });
  expect(gallery.successors.describe(staff)).toEqual({ ref: next, modelVersion: 'v2', people: 0, missing: 0 });
  expect(gallery.successors.isKept(staff)).toBe(false);
});
