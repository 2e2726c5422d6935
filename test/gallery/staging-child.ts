// A process that stages and commits versions of a copy until it is killed. It says which version it has committed, one line each.
import { createHash } from 'node:crypto';
import { silentLog } from '../../src/domain/log.js';
import type { CopiedFace } from '../../src/gallery/copy-records.js';
import { encodeFace } from '../../src/gallery/face-record.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { masterKey, randomNumbers } from '../store/values.js';
import { newFace, staff } from './faces.js';

/** Faces of each version: they carry its number. */
const FACES = 60;
const [directory = '', first = '1'] = process.argv.slice(2);
const signal = new AbortController().signal;
const store = new SealedStore({ directory, masterKey, log: silentLog });
const limits = { maxGroups: 10, maxFacesPerGroup: 1_000 };
const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });

function makeFace(version: number, i: number): CopiedFace {
  const { embedding, bbox, detectionScore } = newFace(randomNumbers(version * FACES + i));
  const face = { faceId: `${version} ${i}`, imageId: '', externalImageId: `v${version}`, bbox, detectionScore };
  const record = encodeFace(face, embedding);
  const digest = createHash('sha256').update(record).digest();
  return { id: createHash('md5').update(face.faceId).digest('hex'), digest, sequence: version * FACES + i, record };
}

await store.start(signal);
await gallery.start(signal);
const { items } = await gallery.listGroups(staff.owner, { limit: 10 });
if (items.length === 0) {
  await gallery.createCopy(staff, 'v1', { fleet: 'f'.repeat(32), group: 'a'.repeat(32), authority: 'head-office' });
}
process.stdout.write('ready\n');
for (let version = Number(first); ; version++) {
  const { digests } = await gallery.copies.read(staff);
  const staged = await gallery.copies.begin(staff);
  const faces = Array.from({ length: FACES }, (_, i) => makeFace(version, i));
  await staged.add(faces.slice(0, FACES / 2));
  await staged.add(faces.slice(FACES / 2));
  await staged.commit({ head: `${version}`, deletes: [...digests.keys()] });
  process.stdout.write(`committed ${version}\n`);
}
