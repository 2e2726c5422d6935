// When, how well and from where a face was enrolled: kept over restarts, changes and backups; records of earlier versions have none of it.
import { expect, test } from 'vitest';
import { decodeRecords, encodeRecords, readGallery, writeGallery } from '../../src/gallery/backup-records.js';
import type { BackupRecord } from '../../src/gallery/backup.types.js';
import { decodeFace } from '../../src/gallery/face-record.js';
import type { EnrolledFace, NewFace } from '../../src/gallery/gallery.types.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { collect, openStore, temporaryDirectory } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { makeOldRecord, newFace, percent, staff } from './faces.js';
import { openGallery } from './support.js';

const START_MS = Date.UTC(2026, 10, 1);
const change = { merge: false, scales: percent, actor: 'admin:desk' };
const random = randomNumbers(5);

/** Returns a clock that goes on by one minute at each look. */
function makeClock(): () => number {
  let minutes = 0;
  return () => START_MS + 60_000 * minutes++;
}

const facts = ({ externalImageId, enrolledAtMs, quality, origin }: EnrolledFace): unknown[] => [
  externalImageId,
  enrolledAtMs === undefined ? undefined : (enrolledAtMs - START_MS) / 60_000,
  quality,
  origin,
];

async function list(gallery: LevelGallery, groupId = staff.groupId): Promise<unknown[][]> {
  const { items } = await gallery.listFaces({ ...staff, groupId }, { limit: 200 });
  return items.map(facts);
}

async function openFilled(): Promise<{ directory: string; open: Awaited<ReturnType<typeof openGallery>> }> {
  const directory = await temporaryDirectory();
  const open = await openGallery(directory, { clock: makeClock() });
  await open.gallery.createGroup(staff, 'm1');
  const faces: Partial<NewFace>[] = [
    { externalImageId: 'ann', quality: 0.123456, origin: 'camera' },
    { externalImageId: 'bob', origin: 'nhn' },
    { externalImageId: 'cec', quality: 1, origin: 'bulk' },
    { externalImageId: 'dan', quality: 0 },
  ];
  for (const face of faces) await open.gallery.enrol(staff, [newFace(random, face)]);
  return { directory, open };
}

const NEWEST_FIRST = [
  ['dan', 4, 0, undefined],
  ['cec', 3, 1, 'bulk'],
  ['bob', 2, undefined, 'nhn'],
  ['ann', 1, 0.1235, 'camera'],
];

test('are the same in memory, after a restart, and when rows move into a gap', async () => {
  const { directory, open } = await openFilled();
  expect(await list(open.gallery)).toEqual(NEWEST_FIRST);
  await open.stop();
  const { gallery } = await openGallery(directory);
  expect(await list(gallery)).toEqual(NEWEST_FIRST);
  const { items } = await gallery.listFaces(staff, { limit: 10 });
  await gallery.deleteFace(staff, items.at(-1)!.faceId);
  expect(await list(gallery)).toEqual(NEWEST_FIRST.slice(0, 3));
});

test('stay with a face that is renamed or moved', async () => {
  const { directory, open } = await openFilled();
  await open.gallery.createGroup({ ...staff, groupId: 'hall' }, 'm1');
  await open.gallery.people.rename(staff, 'ann', 'eve', change);
  await open.gallery.people.move(staff, 'bob', 'hall', change);
  const inDoor = [...NEWEST_FIRST.slice(0, 2), ['eve', 1, 0.1235, 'camera']];
  const check = async (gallery: LevelGallery): Promise<void> => {
    expect(await list(gallery)).toEqual(inDoor);
    expect(await list(gallery, 'hall')).toEqual([['bob', 2, undefined, 'nhn']]);
  };
  await check(open.gallery);
  await open.stop();
  await check((await openGallery(directory)).gallery);
});

test.each([-0.1, 1.1, Number.NaN])('a quality of %f is a TypeError, and enrols nobody', async (quality) => {
  const { gallery } = await openGallery(await temporaryDirectory());
  await gallery.createGroup(staff, 'm1');
  await expect(gallery.enrol(staff, [newFace(random, { quality })])).rejects.toThrow(TypeError);
  expect(gallery.group(staff).faceCount).toBe(0);
});

/** Restores the gallery of a store into an empty directory, with records of this version. */
async function restoreAs(store: SealedStore, version: 1 | 2 | 3): Promise<string> {
  const records = await collect(readGallery(store, Date.now, () => Buffer.from('{"keys":[]}')));
  async function* aged(): AsyncGenerator<BackupRecord> {
    for (const record of records) {
      if (record.kind !== 'face' || version === 3) yield record;
      else yield { ...record, value: makeOldRecord(record.value, version) };
    }
  }
  const directory = await temporaryDirectory();
  const target = await openStore(directory);
  await writeGallery(target, decodeRecords(encodeRecords(aged())));
  await target.stop();
  return directory;
}

test.each([1, 2, 3] as const)('a backup with records of version %i is restored with what it has', async (version) => {
  const { open } = await openFilled();
  const directory = await restoreAs(open.store, version);
  const restored = await openGallery(directory);
  const expected = version === 3 ? NEWEST_FIRST : NEWEST_FIRST.map(([id]) => [id, undefined, undefined, undefined]);
  expect(await list(restored.gallery)).toEqual(expected);
  // A face that is written again gets the newest version, and no date that nobody knows.
  await restored.gallery.people.rename(staff, 'dan', 'fay', change);
  const renamed = expected.map(([id, ...rest]) => [id === 'dan' ? 'fay' : id, ...rest]);
  expect(await list(restored.gallery)).toEqual(renamed);
  const stored = await collect(readGallery(restored.store, Date.now, () => Buffer.from('{"keys":[]}')));
  const versions = stored.flatMap((record) =>
    record.kind === 'face' ? [[decodeFace(record.value).face.externalImageId, record.value[0]]] : [],
  );
  expect(versions.toSorted()).toEqual([
    ['ann', version],
    ['bob', version],
    ['cec', version],
    ['fay', 3],
  ]);
  await restored.stop();
  expect(await list((await openGallery(directory)).gallery)).toEqual(renamed);
});
