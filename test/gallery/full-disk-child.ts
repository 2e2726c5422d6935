// A process whose gallery meets a full disk: every change is tried, and the disk takes writes again.
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { limitFiles } from '../store/disk-limit.js';
import { masterKey, randomNumbers } from '../store/values.js';
import { anything, newFace, staff } from './faces.js';

const [directory = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const random = randomNumbers(1);
const store = new SealedStore({ directory, masterKey, log: silentLog });
const limits = { maxGroups: 10, maxFacesPerGroup: 1_000 };
const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
const guests = { ...staff, groupId: 'guests' };

const readCode = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
const groups = async (): Promise<string[]> =>
  (await gallery.listGroups(staff.owner, { limit: 10 })).items.map((group) => group.groupId);

await store.start(signal);
await gallery.start(signal);
await gallery.createGroup(staff, 'm1');
await gallery.createGroup(guests, 'm1');
const probe = newFace(random);
const { enrolled } = await gallery.enrol(staff, [probe, newFace(random)]);

limitFiles(1);
const report: Record<string, unknown> = {
  enrol: await readCode(gallery.enrol(staff, [newFace(random)])),
  deleteFace: await readCode(gallery.deleteFace(staff, enrolled[1]!.faceId)),
  deleteGroup: await readCode(gallery.deleteGroup(guests)),
  createGroup: await readCode(gallery.createGroup({ ...staff, groupId: 'new' }, 'm1')),
  health: gallery.health().status,
  matchesWhileFull: gallery.searchByEmbedding(staff, probe, anything).length,
  groupsWhileFull: await groups(),
  freeWhileFull: gallery.freePlaces(staff),
};

limitFiles('unlimited');
await gallery.createGroup({ ...staff, groupId: 'new' }, 'm1');
await gallery.deleteGroup(guests);
await gallery.enrol(staff, [newFace(random), newFace(random)]);
await gallery.deleteFace(staff, enrolled[1]!.faceId);
const state = async (): Promise<string> =>
  JSON.stringify([await groups(), await gallery.listFaces(staff, { limit: 10 }), gallery.health(), gallery.stats()]);
report.facesAfterwards = gallery.group(staff).faceCount;
report.groupsAfterwards = await groups();
const before = await state();
await gallery.stop();
await store.stop();
await store.start(signal);
await gallery.start(signal);
report.unchangedByRestart = (await state()) === before;
await gallery.stop();
await store.stop();
console.log(JSON.stringify(report));
