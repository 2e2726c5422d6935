// A group from the gallery of an authority through a folder into the gallery of a door: the same answers, whole versions, no other change.
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderLog } from '../../src/fleet/folder-log.js';
import { GalleryCopyStore } from '../../src/fleet/gallery-copy-store.js';
import { GroupCopy } from '../../src/fleet/group-copy.js';
import { GroupPublisher } from '../../src/fleet/group-publisher.js';
import { PublishedGroups } from '../../src/fleet/published-groups.js';
import { encodeFace } from '../../src/gallery/face-record.js';
import type { CopiedFace } from '../../src/gallery/copy-records.js';
import type { SourceFace } from '../../src/gallery/group-copies.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { openGallery } from '../gallery/support.js';
import { anything, newFace, randomEmbedding, staff } from '../gallery/faces.js';
import { temporaryDirectory, withCode, withRaw } from '../store/support.js';
import { randomNumbers } from '../store/values.js';

const MODEL = 'v1';
const HOUR = 3_600_000;
const copyRef = { owner: 'door-key', groupId: 'staff' };

async function startFleet() {
  const folder = await temporaryDirectory();
  const log = new FolderLog({ folder, pollMs: 5, timers: globalThis, newId: randomUUID });
  const keys = generateKeyPairSync('ed25519');
  const [fleet, group] = [newId(), newId()];
  const { gallery, store: disk } = await openGallery(await temporaryDirectory());
  await gallery.createGroup(staff, MODEL);
  const groups = new PublishedGroups({ store: disk, randomBytes });
  await groups.open();
  const state = await groups.create({ group, modelVersion: MODEL });
  const listFaces = (): AsyncIterable<SourceFace> => gallery.copies.listFaces(staff);
  const options = { log, authority: keys.privateKey, fleet, state, listFaces, headLifeMs: HOUR };
  const publisher = await GroupPublisher.open({ ...options, clock: Date.now, randomBytes });
  const publish = async (): Promise<void> => {
    await publisher.reconcile();
    await publisher.publish([]);
  };
  const openDoor = async (directory: string) => {
    const door = await openGallery(directory);
    const found = (await door.gallery.listGroups(copyRef.owner, { limit: 10 })).items;
    if (found.length === 0) await door.gallery.createCopy(copyRef, MODEL, { fleet, group, authority: 'head-office' });
    const store = new GalleryCopyStore(door.gallery.copies, copyRef);
    const findEpochKey = (epoch: number): Buffer | undefined => state.facts.epochKeys.get(epoch);
    const common = { log, store, authority: keys.publicKey, fleet, group, clock: Date.now };
    const copy = new GroupCopy({ ...common, findEpochKey, timers: globalThis }, await store.read());
    return { ...door, copy };
  };
  return { folder, gallery, publish, openDoor };
}

function newId(): string {
  return randomBytes(16).toString('hex');
}

async function listAll(gallery: LevelGallery, ref: typeof staff): Promise<unknown[]> {
  return (await gallery.listFaces(ref, { limit: 200 })).items;
}

test('a door gives the answers of the authority, after enrolments, deletions, a new id, and a restart', async () => {
  const random = randomNumbers(3);
  const { gallery, publish, openDoor } = await startFleet();
  const directory = await temporaryDirectory();
  const first = await openDoor(directory);
  const names = ['anna', 'bert', undefined, 'carla'];
  for (let i = 0; i < 40; i++) {
    const externalImageId = names[i % 4];
    await gallery.enrol(staff, [newFace(random, { ...(externalImageId !== undefined && { externalImageId }) })]);
  }
  await publish();
  expect((await first.copy.sync()).outcome).toBe('applied');
  const check = async (door: LevelGallery): Promise<void> => {
    expect(await listAll(door, copyRef)).toEqual(await listAll(gallery, staff));
    for (let i = 0; i < 5; i++) {
      const probe = { embedding: randomEmbedding(random) };
      expect(door.searchByEmbedding(copyRef, probe, anything)).toEqual(
        gallery.searchByEmbedding(staff, probe, anything),
      );
      expect(door.searchPersons(copyRef, probe, anything)).toEqual(gallery.searchPersons(staff, probe, anything));
    }
  };
  await check(first.gallery);
  const { items } = await gallery.listFaces(staff, { limit: 200 });
  for (const { faceId } of items.slice(0, 7)) await gallery.deleteFace(staff, faceId);
  await gallery.people.rename(staff, 'anna', 'anne', { merge: false, scales: anything.scales, actor: 'test' });
  await publish();
  expect((await first.copy.sync()).outcome).toBe('applied');
  await check(first.gallery);
  await first.stop();
  const again = await openDoor(directory);
  await check(again.gallery);
  expect((await again.copy.sync()).outcome).toBe('unchanged');
  await gallery.people.delete(staff, 'bert', 'test');
  await publish();
  await again.copy.sync();
  await check(again.gallery);
});

test('nobody but the fleet changes a copy, and the refusal names the authority', async () => {
  const random = randomNumbers(4);
  const { gallery, publish, openDoor } = await startFleet();
  await gallery.enrol(staff, [newFace(random, { externalImageId: 'anna' })]);
  await publish();
  const door = await openDoor(await temporaryDirectory());
  await door.copy.sync();
  const [face] = (await door.gallery.listFaces(copyRef, { limit: 1 })).items;
  const { people } = door.gallery;
  const change = { merge: false, scales: anything.scales, actor: 'test' };
  for (const attempt of [
    () => door.gallery.enrol(copyRef, [newFace(random)]),
    () => door.gallery.deleteFace(copyRef, face!.faceId),
    () => door.gallery.deleteGroup(copyRef),
    () => people.delete(copyRef, 'anna', 'test'),
    () => people.rename(copyRef, 'anna', 'anne', change),
  ]) {
    const error: unknown = await attempt().then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject({ code: 'GROUP_READ_ONLY', detail: expect.stringContaining('head-office') as string });
  }
  expect(await listAll(door.gallery, copyRef)).toEqual(await listAll(gallery, staff));
  await door.gallery.deleteCopy(copyRef);
  await expect(door.gallery.listFaces(copyRef, { limit: 1 })).rejects.toThrow(withCode('GROUP_NOT_FOUND'));
});

test('the log holds no name, no embedding and no id of the gallery in plain', async () => {
  const random = randomNumbers(5);
  const { folder, gallery, publish } = await startFleet();
  const embedding = randomEmbedding(random);
  await gallery.enrol(staff, [newFace(random, { externalImageId: 'anna-of-accounting', embedding })]);
  await publish();
  const [face] = (await gallery.listFaces(staff, { limit: 1 })).items;
  const secrets = [
    Buffer.from('anna-of-accounting'),
    Buffer.from(face!.faceId),
    Buffer.from('staff'),
    Buffer.from(embedding.buffer, embedding.byteOffset, 16),
  ];
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const contents = names.filter((one) => one.isFile()).map((one) => readFileSync(join(one.parentPath, one.name)));
  expect(contents.length).toBeGreaterThan(2);
  for (const secret of secrets) {
    expect(contents.filter((content) => content.includes(secret))).toEqual([]);
    expect(names.filter(({ name }) => name.includes(secret.toString('latin1')))).toEqual([]);
  }
});

test('a version with a face that does not fit is refused as a whole, on the disk and in memory', async () => {
  const random = randomNumbers(6);
  const directory = await temporaryDirectory();
  const { gallery, stop } = await openGallery(directory);
  await gallery.createCopy(copyRef, MODEL, { fleet: newId(), group: newId(), authority: 'head-office' });
  const make = (sequence: number, faceId = randomUUID(), dimensions = 128): CopiedFace => {
    const { bbox, detectionScore } = newFace(random);
    const face = { faceId, imageId: randomUUID(), bbox, detectionScore };
    const record = encodeFace(face, randomEmbedding(random, dimensions));
    return { id: newId(), digest: randomBytes(32), sequence, record };
  };
  const resident = make(1, '11111111-1111-4111-8111-111111111111');
  await gallery.copies.apply(copyRef, { head: 'first', puts: [resident], deletes: [] });
  const had = await listAll(gallery, copyRef);
  for (const [bad, code] of [
    [make(2, '11111111-1111-4111-8111-111111111111'), 'FLEET_FORGED'],
    [make(1), 'FLEET_FORGED'],
    [make(2, randomUUID(), 64), 'FLEET_FORGED'],
    [{ ...make(2), record: Buffer.from('no face') }, 'STORE_CORRUPT'],
  ] as const) {
    const change = { head: 'second', puts: [make(9), bad], deletes: [] };
    await expect(gallery.copies.apply(copyRef, change)).rejects.toThrow(withCode(code));
    expect(await listAll(gallery, copyRef)).toEqual(had);
  }
  await stop();
  const again = await openGallery(directory);
  expect(await listAll(again.gallery, copyRef)).toEqual(had);
  expect((await again.gallery.copies.read(copyRef)).head).toBe('first');
});

test('a face that does not open is left out of the comparison, and stops nothing', async () => {
  const random = randomNumbers(9);
  const directory = await temporaryDirectory();
  const first = await openGallery(directory);
  await first.gallery.createGroup(staff, MODEL);
  for (let i = 0; i < 5; i++) await first.gallery.enrol(staff, [newFace(random)]);
  await first.stop();
  await withRaw(directory, async (level) => {
    const entries = await level.iterator({ gte: Buffer.from('d'), lt: Buffer.from('e') }).all();
    // The largest values are the faces.
    const [key, value] = entries.sort(([, a], [, b]) => b.length - a.length)[0]!;
    value[value.length - 1]! ^= 1;
    await level.put(key, value);
  });
  const { gallery } = await openGallery(directory);
  const found: string[] = [];
  for await (const { faceId } of gallery.copies.listFaces(staff)) found.push(faceId);
  expect(found).toHaveLength(4);
  expect((await gallery.listFaces(staff, { limit: 10 })).items.map(({ faceId }) => faceId).sort()).toEqual(
    found.sort(),
  );
});
