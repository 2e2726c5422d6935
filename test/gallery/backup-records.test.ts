// The records of a backup: the gallery as it was at one moment, there and back, and what is no backup.
import { expect, test } from 'vitest';
import {
  decodeRecords,
  encodeRecords,
  exportGallery,
  readGallery,
  writeGallery,
} from '../../src/gallery/backup-records.js';
import type { BackupEnd, BackupRecord } from '../../src/gallery/backup.types.js';
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
const states = (groups: number, faces: number): BackupRecord => ({
  kind: 'begin',
  createdAtMs: 1,
  totals: { groups, faces },
});
const appKeys: BackupRecord = { kind: 'appKeys', content: APP_KEYS };
const inGroup = (...records: BackupRecord[]): BackupRecord[] => [states(1, 2), { kind: 'group', group }, ...records];
const withGroup = (change: object): BackupRecord[] => [
  begin,
  { kind: 'group', group: { ...group, ...change } },
  end(1, 0),
];
/** Makes a number of the face's header that is no number: the box begins at 3. */
const asNan = (value: Buffer): Buffer => (value.writeDoubleLE(NaN, 3), value);
const infiniteEmbedding = (value: Buffer): Buffer => (value.writeFloatLE(Infinity, value.length - 4), value);
const end = (groups: number, faces: number): BackupRecord => ({ kind: 'end', end: { groups, faces, damaged: 0 } });
function face(change: (value: Buffer) => Buffer = (value) => value, key = FACE_KEYS.encode(1)): BackupRecord {
  const { embedding, ...rest } = newFace(randomNumbers(1));
  const value = encodeFace({ ...rest, faceId: 'f', imageId: 'i' }, embedding);
  return { kind: 'face', key, value: change(value) };
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
  ['more groups than it states', [begin, { kind: 'group', group }, { kind: 'group', group }, end(2, 0)]],
  [
    'more faces than it states',
    [begin, { kind: 'group', group }, face(), face((v) => v, FACE_KEYS.encode(2)), end(1, 2)],
  ],
  ['more groups than a backup can hold', [states(100_001, 0), end(0, 0)]],
  ['more faces than a backup can hold', [states(1, 10_000_001), end(0, 0)]],
  ['totals that are no counts', [states(-1, 0.5), end(0, 0)]],
  ['a last record without counts', [begin, { kind: 'end', end: {} as BackupEnd }]],
  ['two registries', [begin, appKeys, appKeys, end(0, 0)]],
  ['a group behind the registry', [begin, appKeys, { kind: 'group', group }, end(1, 0)]],
  ['a registry of 5 MiB', [begin, { kind: 'appKeys', content: Buffer.alloc(5 << 20, ' ') }, end(0, 0)]],
  ['a group of 5 kB', withGroup({ more: 'x'.repeat(5_000) })],
  ['a group without an owner', withGroup({ owner: undefined })],
  ['a group whose id is no group id', withGroup({ groupId: '../door' })],
  ['a group whose time is beyond all dates', withGroup({ createdAtMs: 1e300 })],
  ['a group whose time is text', withGroup({ createdAtMs: 'today' })],
  [
    'a face of 40 kB',
    inGroup(
      face((value) => Buffer.concat([value, Buffer.alloc(40_000)])),
      end(1, 1),
    ),
  ],
  [
    'a face under a key of another kind',
    inGroup(
      face((v) => v, Buffer.from('a00000001')),
      end(1, 1),
    ),
  ],
  [
    'a face whose number is the last possible one',
    inGroup(
      face((v) => v, Buffer.from(`66${'ff'.repeat(8)}`, 'hex')),
      end(1, 1),
    ),
  ],
  ['two faces under one key', inGroup(face(), face(), end(1, 2))],
  [
    'faces out of order',
    inGroup(
      face((v) => v, FACE_KEYS.encode(2)),
      face(),
      end(1, 2),
    ),
  ],
  ['a face whose box is no number', inGroup(face(asNan), end(1, 1))],
  ['a face whose embedding is infinite', inGroup(face(infiniteEmbedding), end(1, 1))],
  ['a face of another version', [begin, { kind: 'group', group }, face((v) => (v.writeUInt8(9), v)), end(1, 1)]],
])('refuses %s', async (_, records) => {
  await expect(collect(decodeRecords(encodeRecords(from(...records))))).rejects.toEqual(withCode('STORE_CORRUPT'));
});

test('accepts what a later version may know about a group', async () => {
  const records = inGroup(face(), appKeys, end(1, 1)).with(1, { kind: 'group', group: { ...group, more: 1 } as never });
  expect(await collect(decodeRecords(encodeRecords(from(...records))))).toHaveLength(5);
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

test('copies of the fleet are in no backup, and a backup that has one gives none', async () => {
  const { gallery, store } = await filled(await temporaryDirectory());
  const origin = { fleet: 'f'.repeat(32), group: 'a'.repeat(32), authority: 'head-office' };
  await gallery.createCopy({ owner: staff.owner, groupId: 'copied' }, 'm1', origin);
  const records = await collect(readGallery(store, clock, readAppKeys));
  expect(records.flatMap((one) => (one.kind === 'group' ? [one.group.groupId] : []))).toEqual(
    expect.not.arrayContaining(['copied']),
  );
  expect(records[0]).toMatchObject({ kind: 'begin', totals: { groups: 2, faces: 61 } });
  const target = await openStore(await temporaryDirectory(), { masterKey: Buffer.alloc(32, 9) });
  async function* withCopy(): AsyncGenerator<BackupRecord> {
    for (const record of records) {
      yield record;
      if (record.kind === 'begin') {
        const group = { owner: staff.owner, groupId: 'copied', modelVersion: 'm1', createdAtMs: 0, copyOf: origin };
        yield { kind: 'group', group };
      }
    }
  }
  await writeGallery(target, withCopy());
  expect(target.spaces('group')).toHaveLength(2);
});
