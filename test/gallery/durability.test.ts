// The gallery against what goes wrong: a full disk, bit rot, and eyes on the data directory.
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Log } from '../../src/domain/log.js';
import { silentLog } from '../../src/domain/log.js';
import { canLimitFiles } from '../store/disk-limit.js';
import { readContents, startChild, temporaryDirectory, withRaw } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { newFace, staff } from './faces.js';
import { openGallery } from './support.js';

const childPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

test.skipIf(!canLimitFiles)('on a full disk nothing changes, searches go on, and it recovers by itself', async () => {
  const child = startChild(childPath('full-disk-child.ts'), await temporaryDirectory());
  expect(await child.ended).toBe(0);
  expect(JSON.parse(child.lines.at(-1) as string)).toEqual({
    enrol: 'STORE_UNAVAILABLE',
    deleteFace: 'STORE_UNAVAILABLE',
    deleteGroup: 'STORE_UNAVAILABLE',
    createGroup: 'STORE_UNAVAILABLE',
    health: 'failed',
    matchesWhileFull: 2,
    groupsWhileFull: ['guests', 'staff'],
    freeWhileFull: 998,
    facesAfterwards: 3,
    groupsAfterwards: ['new', 'staff'],
    unchangedByRestart: true,
  });
});

describe('records that do not open', () => {
  test('are reported, counted and kept, and everything else is served', async () => {
    const directory = await temporaryDirectory();
    const first = await openGallery(directory);
    const random = randomNumbers(23);
    const ids: string[] = [];
    await first.gallery.createGroup(staff, 'm1');
    await first.gallery.createGroup({ ...staff, groupId: 'guests' }, 'm1');
    await first.gallery.createGroup({ ...staff, groupId: 'visitors' }, 'm1');
    for (let i = 0; i < 5; i++) ids.push((await first.gallery.enrol(staff, [newFace(random)])).enrolled[0]!.faceId);
    await first.gallery.enrol({ ...staff, groupId: 'guests' }, [newFace(random)]);
    await first.stop();

    // In the group of five faces one is altered, of the group of one the record is; the third has nothing but its record, and loses it.
    await withRaw(directory, async (level) => {
      const bySpace = new Map<string, [Buffer, Buffer][]>();
      for (const entry of await level.iterator({ gte: Buffer.from('d'), lt: Buffer.from('e') }).all()) {
        const id = entry[0].subarray(1, 9).toString('hex');
        bySpace.set(id, [...(bySpace.get(id) ?? []), entry]);
      }
      for (const records of bySpace.values()) {
        const [key, value] = records[records.length === 6 ? 2 : 0]!;
        value[value.length - 1]! ^= 1;
        if (records.length === 1) await level.del(key);
        else await level.put(key, value);
      }
    });

    const errors: object[] = [];
    const log: Log = { ...silentLog, error: (fields) => void errors.push(fields) };
    const second = await openGallery(directory, { log });
    const { items } = await second.gallery.listFaces(staff, { limit: 10 });
    expect(items.map((face) => face.faceId)).toEqual([4, 3, 2, 0].map((i) => ids[i]));
    expect(second.gallery.stats()).toEqual({ groups: 1, faces: 4, damagedGroups: 2, damagedFaces: 1 });
    expect(second.gallery.health()).toMatchObject({ status: 'degraded', facts: { damagedGroups: 2, damagedFaces: 1 } });
    expect(errors).toHaveLength(3);
    // The damaged face keeps its place in the order: a new one does not overwrite it.
    await second.gallery.enrol(staff, [newFace(random)]);
    await second.stop();
    const third = await openGallery(directory);
    expect(third.gallery.stats()).toEqual({ groups: 1, faces: 5, damagedGroups: 2, damagedFaces: 1 });
  });

  test('also at the end of the order, where the next face would go', async () => {
    const directory = await temporaryDirectory();
    const first = await openGallery(directory);
    const random = randomNumbers(24);
    await first.gallery.createGroup(staff, 'm1');
    await first.gallery.enrol(staff, [newFace(random), newFace(random)]);
    await first.stop();
    const last = await withRaw(directory, async (level) => {
      const newest = await level.iterator({ lt: Buffer.from('e'), reverse: true, limit: 1 }).all();
      const [key, value] = newest[0]!;
      value[30]! ^= 1;
      await level.put(key, value);
      return [key, value];
    });
    const second = await openGallery(directory);
    await second.gallery.enrol(staff, [newFace(random)]);
    await second.stop();
    expect(await withRaw(directory, (level) => level.get(last[0]!))).toEqual(last[1]);
  });
});

test('no name, no id and no embedding can be read in the data directory', async () => {
  const directory = await temporaryDirectory();
  const { gallery, store, stop } = await openGallery(directory);
  const ref = { owner: 'the-owner-of-the-door', groupId: 'night-shift-of-the-lab' };
  await gallery.createGroup(ref, 'standard-model-7');
  const faces = Array.from({ length: 20 }, (_, i) =>
    newFace(randomNumbers(30 + i), { externalImageId: `ada.lovelace-${i}` }),
  );
  const { imageId, enrolled } = await gallery.enrol(ref, faces);
  await gallery.deleteFace(ref, enrolled[3]!.faceId);
  const secrets: Buffer[] = [
    ...[ref.owner, ref.groupId, 'standard-model-7', imageId, 'ada.lovelace'].map((text) => Buffer.from(text)),
    ...enrolled.map((face) => Buffer.from(face.faceId)),
    ...enrolled.map((face) => Buffer.from(face.faceId.replaceAll('-', ''), 'hex')),
    ...faces.map(({ embedding }) => Buffer.from(embedding.buffer, 40, 12)),
    ...faces.map(({ embedding }) => Buffer.from(Float64Array.from(embedding).buffer, 40, 16)),
    Buffer.from(new Float64Array([faces[0]!.bbox.x1]).buffer),
  ];
  const search = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const [name, content] of await readContents(directory)) {
      for (const secret of secrets) if (content.includes(secret)) found.push(`${secret.toString('hex')} in ${name}`);
    }
    return found;
  };
  // No file may disappear during the search.
  await store.idle();
  expect(await search()).toEqual([]);
  await stop();
  expect(await search()).toEqual([]);
  // Opening moves the log into a table: another form of the same records.
  const again = await openGallery(directory);
  expect(await search()).toEqual([]);
  expect(again.gallery.group(ref).faceCount).toBe(19);
});
