// A process that enrols pictures of three faces and deletes faces until it is killed, and says what was acknowledged.
import { writeSync } from 'node:fs';
import { silentLog } from '../../src/domain/log.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { masterKey, randomNumbers } from '../store/values.js';
import { newFace, staff } from './faces.js';

const [directory, seed] = process.argv.slice(2);
const signal = new AbortController().signal;
const random = randomNumbers(Number(seed) * 1_000);
const store = new SealedStore({ directory, masterKey, log: silentLog });
const limits = { maxGroups: 10, maxFacesPerGroup: 100_000 };
const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
await store.start(signal);
await gallery.start(signal);
if ((await gallery.listGroups(staff.owner, { limit: 1 })).items.length === 0) await gallery.createGroup(staff, 'm1');

// At once on the pipe: a line that was said is heard, also after a kill.
const say = (...words: string[]): void => void writeSync(1, `${words.join(' ')}\n`);

async function work(): Promise<void> {
  for (;;) {
    const { imageId, enrolled } = await gallery.enrol(staff, [newFace(random), newFace(random), newFace(random)]);
    for (const { faceId } of enrolled) say('enrolled', imageId, faceId);
    if (random() < 0.3) {
      const { faceId } = enrolled[1];
      say('deleting', imageId, faceId);
      await gallery.deleteFace(staff, faceId);
      say('deleted', imageId, faceId);
    }
  }
}
await Promise.all([work(), work(), work()]);
