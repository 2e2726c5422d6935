// `lintel gallery groups` and the doctor's check of the groups: whether their models are installed, with a service and without one.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkGroups } from '../../../src/cli/doctor/groups.js';
import { registerDoctor } from '../../../src/cli/doctor/doctor.js';
import { registerGroups } from '../../../src/cli/gallery/groups.js';
import { configSchema } from '../../../src/config/schema.js';
import { createMasterKey } from '../../../src/keys/secrets.js';
import { silentLog } from '../../../src/domain/log.js';
import { LevelGallery } from '../../../src/gallery/leveldb-gallery.js';
import { readStoredGroups } from '../../../src/gallery/stored-groups.js';
import { loadManifest } from '../../../src/models/manifest.js';
import { AdminSocket } from '../../../src/platform/admin-socket.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import { newFace } from '../../gallery/faces.js';
import { createKeyRoutes } from '../../../src/keys/key-requests.js';
import { KeyRegistries } from '../../../src/keys/key-registries.js';
import { AuditLog } from '../../../src/audit/audit-log.js';
import { dataPaths } from '../../../src/config/paths.js';
import { randomNumbers } from '../../store/values.js';
import { tempDir } from '../../support/temp-dir.js';
import { lintel } from '../terminal.js';

const OLDER_FILE = Buffer.from('the embedder of the older set');
const CURRENT = loadManifest().sets.standard!.modelVersion;
const signal = new AbortController().signal;

/** The standard set and an older one, whose embedder is installed when its file is written. */
function olderManifest(): object {
  const manifest = structuredClone(loadManifest());
  const { standard } = manifest.sets;
  manifest.models.older = {
    ...structuredClone(manifest.models[standard!.embedder]!),
    file: 'older.onnx',
    sha256: createHash('sha256').update(OLDER_FILE).digest('hex'),
  };
  const older = { ...standard, modelVersion: 'older-1', embedder: 'older' };
  return { ...manifest, sets: { standard, older } };
}

/** Creates a device with two groups of the appKey `door`. @param routes version of the routes that the running service knows */
async function device(routes: 'new' | 'old' = 'new') {
  const cwd = tempDir();
  const config = configSchema.parse({
    dataDir: join(cwd, 'data'),
    keysDir: join(cwd, 'keys'),
    http: { port: 0 },
    models: { dir: join(cwd, 'models') },
  });
  const manifestPath = join(cwd, 'manifest.json');
  writeFileSync(manifestPath, JSON.stringify(olderManifest()));
  const { dataDir, keysDir, http, models } = config;
  writeFileSync(join(cwd, 'lintel.yaml'), JSON.stringify({ dataDir, keysDir, http: { port: http.port }, models }));
  for (const folder of [dataDir, models.dir ?? '']) mkdirSync(folder, { mode: 0o700 });
  const masterKey = (await createMasterKey(keysDir)).key;
  const store = new SealedStore({ directory: join(dataDir, 'db'), masterKey, log: silentLog });
  const limits = { maxGroups: 10, maxFacesPerGroup: 100 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
  const keys = new KeyRegistries({ store, audit, oldFiles: dataPaths(config), clock: Date.now, log: silentLog });
  const listed = {
    ...createKeyRoutes(keys),
    'GET /groups': async function* () {
      yield Buffer.from(JSON.stringify(await readStoredGroups(store)));
    },
  };
  const path = join(dataDir, 'admin.sock');
  const admin = new AdminSocket({ path, routes: routes === 'new' ? listed : {}, log: silentLog });
  const parts = [store, audit, keys, gallery, admin];
  const stop = async (): Promise<void> => {
    for (const part of [...parts].reverse()) await part.stop();
  };
  onTestFinished(stop);
  for (const part of parts) await part.start(signal);
  const { entry: appKey } = await keys.appKeys.create('door');
  await gallery.createGroup({ owner: appKey.id, groupId: 'old' }, 'older-1');
  await gallery.createGroup({ owner: appKey.id, groupId: 'new' }, CURRENT);
  await gallery.enrol({ owner: appKey.id, groupId: 'old' }, [newFace(randomNumbers(5))]);

  const context = { environment: {}, clock: Date.now };
  const run = (...args: string[]) =>
    lintel(
      ['--config', 'lintel.yaml', ...args],
      {
        gallery: (command, own) => registerGroups(command, own, manifestPath),
        doctor: (command, own) => registerDoctor(command, own, { manifestPath }),
      },
      { cwd, clock: Date.now },
    );
  return {
    run,
    stop,
    install: () => writeFileSync(join(models.dir ?? '', 'older.onnx'), OLDER_FILE),
    check: () => checkGroups(config, context, manifestPath),
  };
}

describe.each(['under a service', 'without one'])('groups of two sets, %s', (how) => {
  it('are listed with their appKey and models; where models are missing, the doctor names the command', async () => {
    const { run, stop, install, check } = await device();
    if (how === 'without one') await stop();
    const listed = await run('gallery', 'groups');
    expect(listed.code).toBe(0);
    expect(listed.stdout).toBe(
      'GROUP  APPKEY  FACES  MODEL VERSION  MODELS\n' +
        `new    door        0  ${CURRENT}     in use\n` +
        'old    door        1  older-1        not installed\n',
    );
    expect(listed.stderr).toBe('1 of 2 groups cannot be used, because their models are not installed.\n');
    const text =
      '1 of 2 groups cannot be used, because their models (older-1) are not installed: run "lintel gallery groups" to list them';
    expect(await check()).toEqual([{ level: 'warn', text }]);
    install();
    expect(await check()).toEqual([{ level: 'ok', text: 'groups: 2; the models of all of them are installed' }]);
    expect(JSON.parse((await run('gallery', 'groups', '--json')).stdout)).toEqual([
      { appKey: 'door', groupId: 'new', modelVersion: CURRENT, faces: 0, models: 'in use' },
      { appKey: 'door', groupId: 'old', modelVersion: 'older-1', faces: 1, models: 'installed, of the set older' },
    ]);
  });
});

describe('the doctor', () => {
  it('lists the groups in its report', async () => {
    const { run } = await device();
    expect((await run('doctor')).stdout).toMatch(
      /^warn {2}groups +1 of 2 groups cannot be used, .*"lintel gallery groups"/m,
    );
  });

  it('continues when the service is of a version that cannot list groups', async () => {
    const { check } = await device('old');
    const text = 'not checked: the service does not know this request';
    expect(await check()).toEqual([{ level: 'warn', text }]);
  });

  it('reports no groups when there is no data yet', async () => {
    const cwd = tempDir();
    const config = configSchema.parse({ dataDir: join(cwd, 'data'), keysDir: join(cwd, 'keys') });
    expect(await checkGroups(config, { environment: {}, clock: Date.now })).toEqual([
      { level: 'ok', text: 'there is no group yet' },
    ]);
  });
});
