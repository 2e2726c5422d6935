// A process that serves a gallery to its parent until it is killed: each request and each answer is one message.
import { AuditLog } from '../../src/audit/audit-log.js';
import { readAuditLog } from '../../src/audit/audit-space.js';
import { GroupCheck } from '../../src/audit/group-check.js';
import { silentLog } from '../../src/domain/log.js';
import { describeError } from '../../src/errors.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { readStoredGroups } from '../../src/gallery/stored-groups.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { anything, newFace } from '../../test/gallery/faces.js';
import { masterKey, randomNumbers } from '../../test/store/values.js';
import type { Answer, Request } from './gallery-target.js';
import { FACES_PER_PICTURE } from './gallery-target.js';
import type { FoundGroup } from './ledger.js';

const OWNER = 'faults';
const [directory = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const store = new SealedStore({ directory, counterFile: `${directory}.counter`, masterKey, log: silentLog });
const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
const limits = { maxGroups: 1_000, maxFacesPerGroup: 100_000 };
const gallery = new LevelGallery({ store, audit, limits, clock: Date.now, log: silentLog });

const makeRef = (groupId: string) => ({ owner: OWNER, groupId });

/** Makes the faces of a picture from its name: every process makes the same ones. */
function makeFaces(picture: string) {
  const seed = [...picture].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0, 7);
  const random = randomNumbers(seed);
  // The detection score identifies the face within its picture.
  return Array.from({ length: FACES_PER_PICTURE }, (_, i) =>
    newFace(random, { externalImageId: picture, detectionScore: i / FACES_PER_PICTURE }),
  );
}

async function inspect(groupId: string): Promise<FoundGroup> {
  const ref = makeRef(groupId);
  const { faceCount } = gallery.group(ref);
  const { items } = await gallery.listFaces(ref, { limit: 100_000 });
  const unsearchable = items.filter(({ faceId, externalImageId = '', detectionScore }) => {
    const { embedding } = makeFaces(externalImageId)[Math.round(detectionScore * FACES_PER_PICTURE)]!;
    const [match] = gallery.searchByEmbedding(ref, { embedding }, { ...anything, limit: 1, threshold: 99.9 });
    return match?.face.faceId !== faceId;
  });
  return {
    faceCount,
    faces: items.map(({ faceId, imageId, externalImageId = '' }) => ({ faceId, imageId, picture: externalImageId })),
    unsearchable: unsearchable.map(({ faceId }) => faceId),
  };
}

async function listProblems(): Promise<string[]> {
  const { damagedGroups, damagedFaces } = gallery.stats();
  const check = new GroupCheck();
  for await (const line of readAuditLog(store)) if (line.kind === 'entry') check.add(line.record);
  return [
    ...(damagedGroups + damagedFaces > 0 ? [`${damagedGroups} groups and ${damagedFaces} faces are damaged`] : []),
    ...(await store.findAltered()).map(({ label, problem }) => `${label}: ${problem}`),
    ...(await audit.verify()).problems,
    ...check.compare(await readStoredGroups(store)),
  ];
}

async function serve({ operation, groupId, text }: Request): Promise<unknown> {
  switch (operation) {
    case 'createGroup':
      return gallery.createGroup(makeRef(groupId), 'm1');
    case 'deleteGroup':
      return gallery.deleteGroup(makeRef(groupId));
    case 'register':
      return (await gallery.enrol(makeRef(groupId), makeFaces(text))).enrolled.map(({ faceId }) => faceId);
    case 'deleteFace':
      return gallery.deleteFace(makeRef(groupId), text);
    case 'groupIds':
      return (await gallery.listGroups(OWNER, { limit: 1_000 })).items.map((group) => group.groupId);
    case 'inspect':
      return inspect(groupId);
    case 'listProblems':
      return listProblems();
  }
}

process.on('message', (request: Request) => {
  serve(request).then(
    (value) => process.send?.({ id: request.id, value } satisfies Answer),
    (error: unknown) => process.send?.({ id: request.id, error: describeError(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit(1));
await store.start(signal);
await audit.start();
await gallery.start(signal);
process.send?.({ id: 0 } satisfies Answer);
