// Conditions of enrolled faces: stored, estimated where a record has none, restored from backups of both versions.
import { expect, test } from 'vitest';
import { markMasked } from '../../src/domain/bias.js';
import type { FaceCondition } from '../../src/domain/condition.js';
import { normalise } from '../../src/domain/embedding.js';
import { decodeRecords, encodeRecords, readGallery, writeGallery } from '../../src/gallery/backup-records.js';
import type { BackupRecord } from '../../src/gallery/backup.types.js';
import { decodeFace } from '../../src/gallery/face-record.js';
import type { EnrolledFace } from '../../src/gallery/gallery.types.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { collect, openStore, temporaryDirectory } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { BLURRED, CLEAR, conditionScales as scales, MASKED, WEAK, withBias } from './conditions.js';
import { makeOldRecord, newFace, randomEmbedding, staff } from './faces.js';
import { openGallery } from './support.js';

const probe = { embedding: randomEmbedding(randomNumbers(1)), condition: CLEAR };
const options = { limit: 10, threshold: 1, scales };

/** Returns a vector of length 1 with this cosine to another one. */
function turnBy(embedding: Float32Array, cosine: number): Float32Array {
  const other = randomEmbedding(randomNumbers(77));
  const along = embedding.reduce((sum, value, i) => sum + value * other[i]!, 0);
  const across = normalise(other.map((value, i) => value - along * embedding[i]!));
  return embedding.map((value, i) => cosine * value + Math.sqrt(1 - cosine ** 2) * across[i]!);
}

/** Enrols the probe's own embedding in each condition, with the condition's name as externalImageId. */
async function enrolAll(gallery: LevelGallery, conditions: Record<string, FaceCondition | undefined>) {
  const random = randomNumbers(2);
  for (const [externalImageId, condition] of Object.entries(conditions)) {
    const { embedding } = probe;
    await gallery.enrol(staff, [newFace(random, { externalImageId, embedding, ...(condition && { condition }) })]);
  }
}

const named = (faces: readonly EnrolledFace[]) => faces.map((face) => [face.externalImageId, face.condition]);
const found = (gallery: LevelGallery) => gallery.searchByEmbedding(staff, probe, options).map(({ face }) => face);

test('a condition is stored with its face, and decides whom it matches, before and after a restart', async () => {
  const directory = await temporaryDirectory();
  const first = await openGallery(directory);
  await first.gallery.createGroup(staff, 'm1');
  await enrolAll(first.gallery, { BLURRED, WEAK, CLEAR, MASKED, none: undefined });
  const check = async (gallery: LevelGallery): Promise<void> => {
    const { items } = await gallery.listFaces(staff, { limit: 10 });
    const stored = [['none', undefined], ['MASKED', MASKED], ['CLEAR', CLEAR], ['WEAK', WEAK], ['BLURRED', BLURRED]]; // prettier-ignore
    expect(named(items)).toEqual(stored);
    expect(named(found(gallery)).toSorted()).toEqual(stored.slice(0, 4).toSorted());
    const blurred = items.at(-1)?.faceId ?? '';
    expect(gallery.compareWithFace(staff, blurred, probe, scales)).toBe(0);
    expect(gallery.searchByFace(staff, blurred, options)).toEqual([]);
    const clear = items[2]?.faceId ?? '';
    expect(gallery.compareWithFace(staff, clear, { ...probe, condition: BLURRED }, scales)).toBe(0);
    expect(gallery.compareWithFace(staff, clear, probe, scales)).toBeCloseTo(100, 3);
  };
  await check(first.gallery);
  await first.stop();
  await check((await openGallery(directory)).gallery);
});

test('a face without a condition gets the estimate of its model version, which is not stored', async () => {
  const directory = await temporaryDirectory();
  const asked: string[] = [];
  const estimating = (condition: FaceCondition | undefined) => ({
    estimateCondition: (modelVersion: string, embedding: Float32Array) => {
      asked.push(`${modelVersion} ${embedding.length}`);
      return condition;
    },
  });
  const first = await openGallery(directory, estimating(WEAK));
  await first.gallery.createGroup(staff, 'm1');
  await enrolAll(first.gallery, { CLEAR, none: undefined });
  // The other face is asked for its bias alone.
  expect(asked).toEqual(['m1 128', 'm1 128']);
  expect(named(found(first.gallery))).toEqual([['CLEAR', CLEAR], ['none', WEAK]]); // prettier-ignore
  await first.stop();
  const second = await openGallery(directory, estimating(BLURRED));
  expect(asked).toHaveLength(4);
  expect(named(found(second.gallery))).toEqual([['CLEAR', CLEAR]]);
  await second.stop();
  const third = await openGallery(directory);
  expect(named(found(third.gallery))).toEqual([['CLEAR', CLEAR], ['none', undefined]]); // prettier-ignore
});

test('the bias of a face is subtracted from its cosines; it is not stored, but computed at the enrolment and at the start', async () => {
  const directory = await temporaryDirectory();
  const estimateCondition = (): FaceCondition => withBias(BLURRED, 0.5);
  const first = await openGallery(directory, { estimateCondition });
  await first.gallery.createGroup(staff, 'm1');
  await enrolAll(first.gallery, { CLEAR });
  const check = ({ gallery }: { gallery: LevelGallery }): void => {
    // A cosine of 0.9 to the enrolled face; the bias takes 0.2 of it.
    const other = turnBy(probe.embedding, 0.9);
    const biased = { embedding: other, condition: withBias(CLEAR, 0.4) };
    const [match] = gallery.searchByEmbedding(staff, biased, options);
    expect(match?.similarity).toBeCloseTo(70, 2);
    expect(match?.face.condition).toEqual(CLEAR);
    const [unbiased] = gallery.searchByEmbedding(staff, { ...biased, condition: CLEAR }, options);
    expect(unbiased?.similarity).toBeCloseTo(90, 2);
    // A picture is 100 to itself, whatever its condition.
    const same = { ...probe, condition: withBias(CLEAR, 0.5) };
    expect(gallery.searchByEmbedding(staff, same, options)[0]?.similarity).toBeCloseTo(100, 2);
    expect(gallery.compareWithFace(staff, match?.face.faceId ?? '', same, scales)).toBeCloseTo(100, 2);
  };
  check(first);
  await first.stop();
  check(await openGallery(directory, { estimateCondition }));
});

test('a face that was stored as masked keeps the bias of the mask, also where its embedding shows none', async () => {
  const directory = await temporaryDirectory();
  const estimateCondition = (): FaceCondition => withBias(CLEAR, 0);
  const first = await openGallery(directory, { estimateCondition });
  await first.gallery.createGroup(staff, 'm1');
  await enrolAll(first.gallery, { MASKED });
  const masked = { embedding: turnBy(probe.embedding, 0.9), condition: markMasked(CLEAR) };
  const search = (gallery: LevelGallery) => gallery.searchByEmbedding(staff, masked, options)[0]?.similarity;
  const before = search(first.gallery);
  expect(before).toBeLessThan(80);
  await first.stop();
  expect(search((await openGallery(directory, { estimateCondition })).gallery)).toBe(before);
});

test.each([-0.1, 1.1, Number.NaN])('a recognisability of %f is a TypeError, and enrols nobody', async (value) => {
  const { gallery } = await openGallery(await temporaryDirectory());
  await gallery.createGroup(staff, 'm1');
  const face = newFace(randomNumbers(3), { condition: { recognisability: value, masked: false } });
  await expect(gallery.enrol(staff, [face])).rejects.toThrow(TypeError);
  expect(gallery.group(staff).faceCount).toBe(0);
});

/** Reads a backup, with face records of the version before conditions were stored. */
async function* readOldBackup(store: SealedStore): AsyncGenerator<BackupRecord> {
  for await (const record of readGallery(store, Date.now, () => Buffer.from('{"keys":[]}'))) {
    yield record.kind === 'face' ? { ...record, value: makeOldRecord(record.value) } : record;
  }
}

test.each([
  ['now', (store: SealedStore) => readGallery(store, Date.now, () => Buffer.from('{"keys":[]}')), [WEAK, CLEAR]],
  ['before conditions were stored', readOldBackup, [MASKED, MASKED]],
])('a backup of %s is restored with what it has', async (_, read, conditions) => {
  const first = await openGallery(await temporaryDirectory());
  await first.gallery.createGroup(staff, 'm1');
  await enrolAll(first.gallery, { CLEAR, WEAK });
  const records = await collect(read(first.store));
  for (const record of records)
    if (record.kind === 'face') expect(decodeFace(record.value).embedding).toHaveLength(128);

  const directory = await temporaryDirectory();
  const target = await openStore(directory);
  async function* again(): AsyncGenerator<BackupRecord> {
    yield* records;
  }
  await writeGallery(target, decodeRecords(encodeRecords(again())));
  await target.stop();
  const { gallery } = await openGallery(directory, { estimateCondition: () => MASKED });
  const { items } = await gallery.listFaces(staff, { limit: 10 });
  expect(items.map(({ condition }) => condition)).toEqual(conditions);
  const before = (await first.gallery.listFaces(staff, { limit: 10 })).items;
  expect(items.map(({ faceId }) => faceId)).toEqual(before.map(({ faceId }) => faceId));
});
