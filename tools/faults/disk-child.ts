// Fills the file system under a gallery and empties it again, round by round, and compares its faces with the acknowledged changes.
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../src/domain/log.js';
import { AppError, describeError } from '../../src/errors.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { anything, newFace, staff } from '../../test/gallery/faces.js';
import { masterKey, randomNumbers } from '../../test/store/values.js';
import type { DiskTally } from './disk.js';

const REFUSALS_PER_ROUND = 10;
const MANY_REQUESTS = 4_000;
const [mount, rounds, seed] = process.argv.slice(2);
const signal = new AbortController().signal;
const random = randomNumbers(Number(seed));
const store = new SealedStore({ directory: join(mount!, 'db'), masterKey, log: silentLog });
const limits = { maxGroups: 10, maxFacesPerGroup: 100_000 };
const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
const ballast = join(mount!, 'ballast');
const acknowledged = new Map<string, Float32Array>();
const tally: DiskTally = { rounds: Number(rounds), registered: 0, deleted: 0, refused: {}, searches: 0, problems: [] };

/** Fills the disk until about this number of bytes is free, to within one block. */
function fillDisk(freeBytes: number): void {
  const { bavail, bsize } = statfsSync(mount!);
  const block = Buffer.alloc(bsize, 1);
  const file = openSync(ballast, 'w');
  for (let left = bavail - Math.ceil(freeBytes / bsize); left > 0; left--) writeSync(file, block);
  closeSync(file);
}

/** Enrols or deletes one face. @returns whether the change was acknowledged */
async function oneChange(): Promise<boolean> {
  try {
    if (random() < 0.7 || acknowledged.size < 10) {
      const face = newFace(random);
      const { enrolled } = await gallery.enrol(staff, [face]);
      acknowledged.set(enrolled[0]!.faceId, face.embedding);
      tally.registered++;
    } else {
      const faceId = anyFace();
      await gallery.deleteFace(staff, faceId);
      acknowledged.delete(faceId);
      tally.deleted++;
    }
    return true;
  } catch (error) {
    const code = error instanceof AppError ? error.code : describeError(error);
    tally.refused[code] = (tally.refused[code] ?? 0) + 1;
    return false;
  }
}

function anyFace(): string {
  return [...acknowledged.keys()][Math.floor(random() * acknowledged.size)]!;
}

function search(when: string): void {
  const faceId = anyFace();
  const probe = acknowledged.get(faceId) as Float32Array;
  const [match] = gallery.searchByEmbedding(staff, { embedding: probe }, { ...anything, limit: 1, threshold: 99.9 });
  if (match?.face.faceId !== faceId) tally.problems.push(`${when}: a search does not find ${faceId}`);
  tally.searches++;
}

async function compare(when: string): Promise<void> {
  const { items } = await gallery.listFaces(staff, { limit: 100_000 });
  const present = new Set(items.map(({ faceId }) => faceId));
  for (const id of acknowledged.keys()) if (!present.has(id)) tally.problems.push(`${when}: face ${id} is lost`);
  for (const id of present)
    if (!acknowledged.has(id)) tally.problems.push(`${when}: face ${id} exists, but was refused or deleted`);
  if (gallery.group(staff).faceCount !== items.length)
    tally.problems.push(`${when}: faceCount differs from the number of listed faces`);
}

await store.start(signal);
await gallery.start(signal);
await gallery.createGroup(staff, 'm1');
for (let i = 0; i < 20; i++) await oneChange();
for (let round = 1; round <= tally.rounds; round++) {
  // The free space is between nothing and room for some hundred faces.
  fillDisk(Math.floor(random() * 200_000));
  let refusals = 0;
  for (let n = 0; refusals < REFUSALS_PER_ROUND && n < MANY_REQUESTS; n++) {
    if (await oneChange()) continue;
    refusals++;
    search(`round ${round}, with a full disk`);
  }
  if (refusals < REFUSALS_PER_ROUND) tally.problems.push(`round ${round}: the disk was never full`);
  rmSync(ballast);
  if (!(await oneChange()))
    tally.problems.push(`round ${round}: a change was refused although the disk has room again`);
  if (gallery.health().status !== 'ok')
    tally.problems.push(`round ${round}: the gallery is not healthy although the disk has room again`);
  await compare(`round ${round}`);
  await gallery.stop();
  await store.stop();
  await store.start(signal);
  await gallery.start(signal);
  await compare(`round ${round}, after a restart`);
}
await gallery.stop();
await store.stop();
console.log(JSON.stringify(tally));
