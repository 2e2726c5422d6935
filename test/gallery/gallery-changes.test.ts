// The feed of changes: a mirror that is built from it alone is equal to the gallery, whoever wrote.
import { expect, test } from 'vitest';
import { AppError } from '../../src/errors.js';
import type { FacesChange, GroupChange } from '../../src/gallery/gallery-changes.js';
import type { GroupRef } from '../../src/gallery/gallery.types.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { temporaryDirectory } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { anything, newFace, percent, staff } from './faces.js';
import { openGallery } from './support.js';

const visitors: GroupRef = { owner: staff.owner, groupId: 'visitors' };
const people = ['anna', 'bert', 'carla', 'dora', undefined];
const options = { merge: true, scales: percent, actor: 'test' };

/** Faces by faceId, of each group by its id. */
type Mirror = Map<string, Map<string, string>>;

/** Builds a mirror from the feed. It fails where the changes do not follow from one another. */
function mirrorChanges(gallery: LevelGallery): Mirror {
  const mirror: Mirror = new Map();
  const find = (groupId: string): Map<string, string> => {
    const group = mirror.get(groupId);
    if (!group) throw new Error(`the feed has not announced the group ${groupId}`);
    return group;
  };
  gallery.changes.listen(({ groupId }, change) => {
    if (change === 'created') {
      if (mirror.has(groupId)) throw new Error('a group was created twice');
      mirror.set(groupId, new Map());
    } else if (change === 'deleted') {
      find(groupId);
      mirror.delete(groupId);
    } else {
      const faces = find(groupId);
      for (const { faceId, sequence, record } of change.puts) faces.set(faceId, describe(sequence, record));
      for (const faceId of change.deletes) if (!faces.delete(faceId)) throw new Error('an unknown face was deleted');
    }
  });
  return mirror;
}

function describe(sequence: number, record: Buffer): string {
  return `${sequence} ${record.toString('base64')}`;
}

async function readAll(gallery: LevelGallery): Promise<Mirror> {
  const found: Mirror = new Map();
  for (const { groupId } of (await gallery.listGroups(staff.owner, { limit: 200 })).items) {
    const faces = new Map<string, string>();
    for await (const face of gallery.copies.listFaces({ owner: staff.owner, groupId })) {
      faces.set(face.faceId, describe(face.sequence, face.record));
    }
    found.set(groupId, faces);
  }
  return found;
}

test('changes of all kinds at the same time reach a listener in the order of the writes', async () => {
  const random = randomNumbers(11);
  const { gallery } = await openGallery(await temporaryDirectory());
  const failures: unknown[] = [];
  const mirror = mirrorChanges(gallery);
  await gallery.createGroup(staff, 'v1');
  await gallery.createGroup(visitors, 'v1');
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const makeOne = (): Promise<unknown> => {
    const ref = pick([staff, visitors]);
    const person = pick(people);
    switch (Math.floor(random() * 8)) {
      case 0:
        return gallery.people.delete(ref, person ?? 'anna', 'test');
      case 1:
        return gallery.people.rename(ref, person ?? 'anna', pick(people) ?? 'dora', options);
      case 2:
        return gallery.people.move(ref, person ?? 'anna', ref === staff ? 'visitors' : 'staff', options);
      case 3: {
        return gallery.listFaces(ref, { limit: 200 }).then(async ({ items }) => {
          if (items.length > 0) await gallery.deleteFace(ref, pick(items).faceId);
        });
      }
      case 4:
        if (random() > 0.15) return gallery.enrol(ref, [newFace(random)]);
        return gallery.deleteGroup(visitors).then(() => gallery.createGroup(visitors, 'v1'));
      default: {
        const count = 1 + Math.floor(random() * 3);
        const named = person === undefined ? {} : { externalImageId: person };
        const faces = Array.from({ length: count }, () => newFace(random, named));
        return gallery.enrol(ref, faces, 'test', { policy: 'open', scales: percent, facesInPicture: count });
      }
    }
  };
  for (let round = 0; round < 60; round++) {
    const made = await Promise.allSettled(Array.from({ length: 8 }, makeOne));
    for (const one of made) if (one.status === 'rejected') failures.push(one.reason);
    expect(mirror).toEqual(await readAll(gallery));
  }
  expect(mirror.get('staff')!.size).toBeGreaterThan(10);
  // What was refused, such as a rename of somebody who is not there, is refused for a reason of the client.
  expect(failures.every((failure) => failure instanceof AppError)).toBe(true);
});

test('a listener hears of a change when it is on the disk, and of no change that was refused', async () => {
  const random = randomNumbers(12);
  const { gallery, store } = await openGallery(await temporaryDirectory(), {
    limits: { maxGroups: 1, maxFacesPerGroup: 1 },
  });
  const heard: GroupChange[] = [];
  gallery.changes.listen((_ref, change) => heard.push(change));
  await gallery.createGroup(staff, 'v1');
  await expect(gallery.createGroup(visitors, 'v1')).rejects.toThrow('limit');
  const { enrolled } = await gallery.enrol(staff, [newFace(random)]);
  await expect(gallery.enrol(staff, [newFace(random)])).rejects.toThrow('full');
  expect(heard).toHaveLength(2);
  expect((heard[1] as FacesChange).puts[0]).toMatchObject({ faceId: enrolled[0]!.faceId, sequence: 1 });
  await store.stop();
  await expect(gallery.deleteFace(staff, enrolled[0]!.faceId)).rejects.toThrow();
  await expect(gallery.deleteGroup(staff)).rejects.toThrow();
  expect(heard).toHaveLength(2);
});

test('a listener that throws changes nothing, and one that has ended hears nothing', async () => {
  const random = randomNumbers(13);
  const errors: object[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (f: object) => errors.push(f),
  };
  const { gallery } = await openGallery(await temporaryDirectory(), { log });
  const heard: GroupChange[] = [];
  gallery.changes.listen(() => {
    throw new Error('the listener is broken');
  });
  const end = gallery.changes.listen((_ref, change) => heard.push(change));
  await gallery.createGroup(staff, 'v1');
  const face = newFace(random);
  await gallery.enrol(staff, [face]);
  expect(gallery.searchByEmbedding(staff, face, anything)).toHaveLength(1);
  expect(errors).toEqual([{ error: 'the listener is broken' }, { error: 'the listener is broken' }]);
  end();
  await gallery.deleteGroup(staff);
  expect(heard).toHaveLength(2);
});

test('changes of a copy are not announced: they come from the fleet', async () => {
  const { gallery } = await openGallery(await temporaryDirectory());
  const heard: GroupChange[] = [];
  gallery.changes.listen((_ref, change) => heard.push(change));
  await gallery.createCopy(staff, 'v1', { fleet: '00', group: '11', authority: 'head-office' });
  await gallery.copies.apply(staff, { head: '{}', puts: [], deletes: [] });
  await gallery.deleteCopy(staff);
  expect(heard).toEqual([]);
});
