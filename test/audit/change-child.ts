// A process in which several clients change a gallery with an audit log, until it is killed. It prints a line for each finished change.
import { AuditLog } from '../../src/audit/audit-log.js';
import { silentLog } from '../../src/domain/log.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { newFace, staff } from '../gallery/faces.js';
import { limitFiles } from '../store/disk-limit.js';
import { masterKey, randomNumbers } from '../store/values.js';

const [directory = '', seed, mode] = process.argv.slice(2);
const signal = new AbortController().signal;
const store = new SealedStore({ directory, masterKey, log: silentLog });
const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
const limits = { maxGroups: 1_000, maxFacesPerGroup: 100_000 };
const gallery = new LevelGallery({ store, audit, limits, clock: Date.now, log: silentLog });

async function client(number: number): Promise<never> {
  const random = randomNumbers(Number(seed) * 100 + number);
  const own = { ...staff, groupId: `g${number}` };
  for (;;) {
    if (!(await exists(own.groupId))) await gallery.createGroup(own, 'm1', 'app:test');
    const ref = random() < 0.5 ? own : staff;
    const {
      enrolled: [first],
    } = await gallery.enrol(ref, [newFace(random), newFace(random)], 'app:test');
    if (random() < 0.6) await gallery.deleteFace(ref, first?.faceId ?? '', 'app:test');
    if (random() < 0.1) await gallery.deleteGroup(own, 'app:test');
    console.log('changed');
  }
}

async function exists(groupId: string): Promise<boolean> {
  return (await gallery.listGroups(staff.owner, { limit: 200 })).items.some((group) => group.groupId === groupId);
}

await store.start(signal);
await audit.start();
await gallery.start(signal);
if (!(await exists(staff.groupId))) await gallery.createGroup(staff, 'm1', 'app:test');
if (mode === 'kill') for (let i = 0; i < 6; i++) void client(i);
else {
  const random = randomNumbers(1);
  const enrol = (): Promise<string> =>
    gallery.enrol(staff, [newFace(random)]).then(
      () => 'done',
      () => 'refused',
    );
  const outcomes = [await enrol()];
  limitFiles(1);
  outcomes.push(...(await Promise.all([enrol(), enrol()])), await enrol());
  limitFiles('unlimited');
  outcomes.push(await enrol());
  await gallery.stop();
  await audit.stop();
  await store.stop();
  console.log(outcomes.join(' '));
}
