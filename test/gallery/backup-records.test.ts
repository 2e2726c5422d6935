// The records of a backup: the gallery as it was at one moment, there and back, and what is no backup.
import { expect, test } from 'vitest';
import {
  decodeRecords,
  encodeRecords,
  exportGallery,
  readGallery,
  writeGallery,
  type BackupRecord,
} from '../../src/gallery/backup-records.js';
import { FACE_KEYS, encodeFace } from '../../src/gallery/face-record.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { collect, openStore, temporaryDirectory, withCode, withRaw } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { anything, newFace, randomEmbedding, staff } from './faces.js';
import { openGallery } from './support.js';

const clock = (): number => 1_000;
const guests = { owner: 'another', groupId: 'guests' };

/** Everything that a client can see of it. */
async function view(gallery: LevelGallery): Promise<unknown> {
  const groups = [staff, guests].map((ref) => gallery.group(ref));
  const faces = await Promise.all([staff, guests].map((ref) => gallery.listFaces(ref, { limit: 200 })));
  const probe = { embedding: randomEmbedding(randomNumbers(3)) };
  const matches = [staff, guests].map((ref) => gallery.searchByEmbedding(ref, probe, anything));
  return { groups, faces: faces.map(({ items }) => items), matches };
}

async function filled(directory: string): Promise<Awaited<ReturnType<typeof openGallery>>> {
  const open = await openGallery(directory);
  const random = randomNumbers(41);
  await open.gallery.createGroup(staff, 'm1');
  await open.gallery.createGroup(guests, 'm2');
  for (let i = 0; i < 30; i++) {
    await open.gallery.enrol(staff, [newFace(random, { externalImageId: `p${i}` }), newFace(random)]);
  }
  await open.gallery.enrol(guests, [newFace(random)]);
  return open;
}

const APP_KEYS = Buffer.from('{"keys":[]}\n');
const readAppKeys = (): Buffer => APP_KEYS;

async function* piecewise(pieces: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.concat(await collect(pieces));
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

test('a gallery comes back as it was, in its order, and can be added to', async () => {
  const { gallery, store } = await filled(await temporaryDirectory());
  const before = await view(gallery);
  const directory = await temporaryDirectory();
  const target = await openStore(directory, { masterKey: Buffer.alloc(32, 9) });
  const { end, appKeys } = await writeGallery(
    target,
    decodeRecords(piecewise(exportGallery(store, clock, readAppKeys), 777)),
  );
  expect(end).toEqual({ groups: 2, faces: 61, damaged: 0 });
  expect(appKeys).toEqual(APP_KEYS);
  await target.stop();
  await expect(openGallery(directory)).rejects.toEqual(withCode('STORE_KEY_WRONG'));

  const again = await openGallery(await restored(exportGallery(store, clock, readAppKeys)));
  expect(await view(again.gallery)).toEqual(before);
  await again.gallery.enrol(staff, [newFace(randomNumbers(8), { externalImageId: 'newest' })]);
  const { items } = await again.gallery.listFaces(staff, { limit: 1 });
  expect(items[0]!.externalImageId).toBe('newest');
});

test('holds the moment at which it began, whatever is enrolled and deleted while it is read', async () => {
  const { gallery, store } = await filled(await temporaryDirectory());
  const before = await view(gallery);
  const random = randomNumbers(42);
  async function* disturbed(): AsyncGenerator<BackupRecord> {
    let n = 0;
    for await (const record of readGallery(store, clock, readAppKeys)) {
      if (++n === 3) {
        await gallery.enrol(staff, [newFace(random)]);
        await gallery.deleteFace(staff, (await gallery.listFaces(staff, { limit: 200 })).items[10]!.faceId);
        await gallery.deleteGroup(guests);
        await gallery.createGroup({ ...guests, groupId: 'new' }, 'm1');
        await store.idle();
      }
      yield record;
    }
  }
  const { gallery: again } = await openGallery(await restored(encodeRecords(disturbed())));
  expect(await view(again)).toEqual(before);
  expect(again.stats()).toMatchObject({ groups: 2 });
});

async function restored(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const directory = await temporaryDirectory();
  const target = await openStore(directory);
  await writeGallery(target, decodeRecords(bytes));
  await target.stop();
  return directory;
}

test('what cannot be read is counted and left out', async () => {
  const directory = await temporaryDirectory();
  await (await filled(directory)).stop();
  await withRaw(directory, async (level) => {
    const bySpace = new Map<string, [Buffer, Buffer][]>();
    for (const entry of await level.iterator({ gte: Buffer.from('d'), lt: Buffer.from('e') }).all()) {
      const id = entry[0].subarray(1, 9).toString('hex');
      bySpace.set(id, [...(bySpace.get(id) ?? []), entry]);
    }
    // A face of the large group, and the record of the small one.
    for (const records of bySpace.values()) {
      const [key, value] = records[records.length > 2 ? 5 : 0]!;
      value[value.length - 1]! ^= 1;
      await level.put(key, value);
    }
  });
  const store = await openStore(directory);
  const records = await collect(decodeRecords(exportGallery(store, clock, readAppKeys)));
  expect(records.at(-1)).toEqual({ kind: 'end', end: { groups: 1, faces: 59, damaged: 2 } });
});

const group = { owner: 'o', groupId: 'g', modelVersion: 'm', createdAtMs: 1 };
const begin: BackupRecord = { kind: 'begin', createdAtMs: 1, totals: { groups: 1, faces: 1 } };
const end = (groups: number, faces: number): BackupRecord => ({ kind: 'end', end: { groups, faces, damaged: 0 } });
function face(change: (value: Buffer) => Buffer = (value) => value): BackupRecord {
  const { embedding, ...rest } = newFace(randomNumbers(1));
  const value = encodeFace({ ...rest, faceId: 'f', imageId: 'i' }, embedding);
  return { kind: 'face', key: FACE_KEYS.encode(1), value: change(value) };
}
async function* from(...records: BackupRecord[]): AsyncGenerator<BackupRecord> {
  yield* records;
}

test.each<[string, BackupRecord[]]>([
  ['nothing', []],
  ['no beginning', [{ kind: 'group', group }, end(1, 0)]],
  ['two beginnings', [begin, begin, end(0, 0)]],
  ['no end', [begin, { kind: 'group', group }]],
  ['something behind the end', [begin, end(0, 0), { kind: 'group', group }]],
  ['a face without a group', [begin, face(), end(0, 1)]],
  ['a face less than its end says', [begin, { kind: 'group', group }, end(1, 1)]],
  ['a face that is cut off', [begin, { kind: 'group', group }, face((value) => value.subarray(0, -1)), end(1, 1)]],
  ['a face of another version', [begin, { kind: 'group', group }, face((v) => (v.writeUInt8(9), v)), end(1, 1)]],
])('refuses %s', async (_, records) => {
  await expect(collect(decodeRecords(encodeRecords(from(...records))))).rejects.toEqual(withCode('STORE_CORRUPT'));
});

test('refuses records that are cut off, of no known kind, or too long to be one', async () => {
  const whole = Buffer.concat(await collect(encodeRecords(from(begin, { kind: 'group', group }, face(), end(1, 1)))));
  expect(await collect(decodeRecords(piecewise(slices(whole), 3)))).toHaveLength(4);
  const odd = Buffer.from(whole);
  odd[4] = 'x'.charCodeAt(0);
  const long = Buffer.from(whole);
  long[0] = 0xff;
  for (const bytes of [whole.subarray(0, -1), odd, long]) {
    await expect(collect(decodeRecords(slices(bytes)))).rejects.toEqual(withCode('STORE_CORRUPT'));
  }
});

async function* slices(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
