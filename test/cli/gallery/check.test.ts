// `lintel gallery check`, under a running service and without one: its report, its JSON document and its exit codes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AuditLog } from '../../../src/audit/audit-log.js';
import { registerCheck } from '../../../src/cli/gallery/check.js';
import type { GalleryCheck } from '../../../src/cli/gallery/check-report.js';
import { dataPaths } from '../../../src/config/paths.js';
import { normalise } from '../../../src/domain/embedding.js';
import { silentLog } from '../../../src/domain/log.js';
import { exportGallery } from '../../../src/gallery/backup-records.js';
import { LevelGallery } from '../../../src/gallery/leveldb-gallery.js';
import { KeyRegistries } from '../../../src/keys/key-registries.js';
import { createKeyRoutes } from '../../../src/keys/key-requests.js';
import { createMasterKey } from '../../../src/keys/secrets.js';
import { loadManifest } from '../../../src/models/manifest.js';
import { AdminSocket } from '../../../src/platform/admin-socket.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import { newFace, randomEmbedding } from '../../gallery/faces.js';
import { randomNumbers } from '../../store/values.js';
import { tempDir } from '../../support/temp-dir.js';
import { lintel, type Run } from '../terminal.js';

const MODEL = loadManifest().sets.standard!.modelVersion;
const signal = new AbortController().signal;
const random = randomNumbers(11);

interface Device {
  /** Runs `lintel gallery check`. */
  check: (...args: string[]) => Promise<Run>;
  readJson: (...args: string[]) => Promise<GalleryCheck>;
  enrol: (groupId: string, faces: readonly [id: string | undefined, embedding: Float32Array][]) => Promise<string[]>;
  createGroup: (groupId: string, modelVersion?: string) => Promise<void>;
  stop: () => Promise<void>;
}

/** Creates a device with the parts of a service that a check needs, and an empty group `door` of the appKey `desk`. */
async function createDevice(cameras: object[] = []): Promise<Device> {
  const cwd = tempDir();
  const folders = { dataDir: join(cwd, 'data'), keysDir: join(cwd, 'keys') };
  writeFileSync(join(cwd, 'lintel.yaml'), JSON.stringify({ ...folders, cameras }));
  mkdirSync(folders.dataDir, { mode: 0o700 });
  const masterKey = (await createMasterKey(folders.keysDir)).key;
  const store = new SealedStore({ directory: join(folders.dataDir, 'db'), masterKey, log: silentLog });
  const limits = { maxGroups: 10, maxFacesPerGroup: 1_000 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
  const keys = new KeyRegistries({ store, audit, oldFiles: dataPaths(folders), clock: Date.now, log: silentLog });
  const routes = {
    ...createKeyRoutes(keys),
    'GET /gallery': () => exportGallery(store, Date.now, () => keys.appKeys.encode()),
  };
  const admin = new AdminSocket({ path: join(folders.dataDir, 'admin.sock'), routes, log: silentLog });
  const parts = [store, audit, keys, gallery, admin];
  const stop = async (): Promise<void> => {
    for (const part of [...parts].reverse()) await part.stop();
  };
  onTestFinished(stop);
  for (const part of parts) await part.start(signal);
  const { entry } = await keys.appKeys.create('desk');
  const createGroup = async (groupId: string, modelVersion = MODEL): Promise<void> => {
    await gallery.createGroup({ owner: entry.id, groupId }, modelVersion);
  };
  await createGroup('door');
  const check = (...args: string[]): Promise<Run> =>
    lintel(
      ['--config', 'lintel.yaml', 'gallery', 'check', ...args],
      { gallery: registerCheck },
      { cwd, clock: Date.now },
    );
  return {
    check,
    readJson: async (...args) => JSON.parse((await check('--json', ...args)).stdout) as GalleryCheck,
    createGroup,
    enrol: async (groupId, faces) => {
      const all = faces.map(([externalImageId, embedding]) =>
        newFace(random, {
          ...(externalImageId !== undefined && { externalImageId }),
          embedding,
          condition: { recognisability: 0.9, masked: false },
        }),
      );
      return (await gallery.enrol({ owner: entry.id, groupId }, all)).enrolled.map(({ faceId }) => faceId);
    },
    stop,
  };
}

/** Directions that are at right angles to each other: people who are unlike. */
function makePeople(count: number): Float32Array[] {
  return Array.from({ length: count }, (_, i) => Float32Array.from({ length: 128 }, (_value, k) => Number(k === i)));
}

const mix = (one: Float32Array, other: Float32Array, share = 0.5): Float32Array =>
  normalise(one.map((value, i) => value * (1 - share) + other[i]! * share));

/** The biases of these embeddings are those of no real face: similarities are some points lower than their cosines say. */
const [ann, bob, carl, dora] = makePeople(4) as [Float32Array, Float32Array, Float32Array, Float32Array];

describe.each(['under a service', 'without one'])('lintel gallery check, %s', (how) => {
  const open = async (enrol: (device: Device) => Promise<void>, cameras?: object[]): Promise<Device> => {
    const device = await createDevice(cameras);
    await enrol(device);
    if (how === 'without one') await device.stop();
    return device;
  };

  it('finds an id with two people, a person under two ids and a possible morph, and exits with 1', async () => {
    const device = await open(async ({ enrol }) => {
      await enrol('door', [
        ['ann', ann],
        ['shared', bob],
        ['shared', carl],
        ['twice', mix(ann, dora, 0.1)],
        ['morph', mix(ann, bob)],
      ]);
    });
    const { code, stdout, stderr } = await device.check();
    expect(code).toBe(1);
    expect(stdout).toContain('door (appKey desk): 5 faces of 4 people\n');
    expect(stdout).toMatch(/ {2}1 id with several people:\n {4}shared: 1 \+ 1 faces, similarity 0\.0\n/);
    // The morph is so near to its two people that it counts as each of them.
    expect(stdout).toMatch(/ {2}4 pairs of ids with one person:\n {4}(ann and twice|twice and ann): 9\d\.\d\n/);
    expect(stdout).toMatch(
      / {2}1 face near two people who are unlike each other \(possible morphs\):\n {4}morph, face [0-9a-f-]{36}: near /,
    );
    expect(stderr).toMatch(/Checked 1 group: something needs a look\.\n$/);
    const { groups, isSuspicious } = await device.readJson('--group', 'door');
    expect(isSuspicious).toBe(true);
    expect(groups).toMatchObject([
      {
        groupId: 'door',
        appKey: 'desk',
        threshold: 90,
        alikeSimilarity: 88,
        findings: { faces: 5, people: 4, severalPeople: [{ externalImageId: 'shared' }], samePerson: { length: 4 } },
      },
    ]);
    expect(groups[0]?.findings?.possibleMorphs[0]?.externalImageId).toBe('morph');
  });

  it('finds nothing in an honest group, and exits with 0', async () => {
    const device = await open(async ({ enrol }) => {
      await enrol('door', [
        ['ann', ann],
        ['ann', mix(ann, dora, 0.3)],
        ['bob', bob],
        [undefined, carl],
      ]);
    });
    const { code, stdout, stderr } = await device.check();
    expect([code, stdout]).toEqual([0, 'door (appKey desk): 4 faces of 3 people\n']);
    expect(stderr).toMatch(/Checked 1 group: nothing suspicious was found\.\n$/);
  });

  it('lists look-alikes by the lowest threshold of the cameras that watch the group, without an error', async () => {
    const source = { type: 'file', path: 'clip.avi' };
    const cameras = [
      { id: 'front', appKey: 'desk', group: 'door', threshold: 85, source },
      { id: 'back', appKey: 'desk', groups: [{ group: 'door', threshold: 70 }], source },
      { id: 'other', appKey: 'other', group: 'door', threshold: 20, source },
    ];
    const device = await open(async ({ enrol }) => {
      await enrol('door', [
        ['ann', ann],
        ['bob', normalise(Float32Array.from(bob, (value, i) => value * 0.866 + ann[i]! * 0.5))],
      ]);
    }, cameras);
    const { groups, isSuspicious } = await device.readJson();
    expect(isSuspicious).toBe(false);
    expect(groups[0]).toMatchObject({ threshold: 70, alikeSimilarity: 68 });
    expect(groups[0]?.findings?.lookAlikes).toHaveLength(1);
    expect((await device.readJson('--threshold', '95', '--margin', '0')).groups[0]).toMatchObject({
      alikeSimilarity: 95,
      findings: { lookAlikes: [] },
    });
    const { code, stdout } = await device.check('--margin', '5');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      / {2}1 pair of people who are alike \(similarity from 65\.0\):\n {4}\w+ and \w+: [789]\d\.\d\n/,
    );
  });

  it('reports a group whose models it does not know, and checks the others', async () => {
    const device = await open(async ({ createGroup, enrol }) => {
      await createGroup('old', 'unheard-of-1');
      await enrol('old', [['ann', randomEmbedding(random)]]);
      await enrol('door', [['ann', ann]]);
    });
    const { code, stdout } = await device.check();
    expect(code).toBe(1);
    expect(stdout).toBe(
      'door (appKey desk): 1 face of 1 person\n' +
        'old (appKey desk): not checked: its models, unheard-of-1, are unknown to this version of Lintel\n',
    );
    expect((await device.check('--group', 'door')).code).toBe(0);
  });

  it('refuses a group that there is not, and numbers out of range', async () => {
    const device = await open(async () => undefined);
    expect(await device.check('--group', 'none')).toMatchObject({ code: 1, stdout: '' });
    for (const args of [
      ['--threshold', '0'],
      ['--threshold', '101'],
      ['--margin', '-1'],
      ['--margin', 'x'],
    ]) {
      const { code, stderr } = await device.check(...args);
      expect(code).toBe(2);
      expect(stderr).toContain('It must be a number from');
    }
  });
});
