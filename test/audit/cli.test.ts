// `lintel audit`, and the entries that the other commands leave, with a service on the data directory and without one.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AuditLog } from '../../src/audit/audit-log.js';
import { encodeAuditLines } from '../../src/audit/audit-lines.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { ENTRY_KEYS, readAuditLog } from '../../src/audit/audit-space.js';
import { auditFirst, auditRotation } from '../../src/audit/audited.js';
import { registerAudit } from '../../src/cli/audit.js';
import { registerClock } from '../../src/cli/clock.js';
import { checkAudit } from '../../src/cli/doctor/storage.js';
import { registerGallery } from '../../src/cli/gallery/backup.js';
import { registerKeys } from '../../src/cli/keys.js';
import { registerRotate } from '../../src/cli/rotate.js';
import { dataPaths } from '../../src/config/paths.js';
import { configSchema, type Config } from '../../src/config/schema.js';
import { KeyRegistries } from '../../src/keys/key-registries.js';
import { createKeyRoutes } from '../../src/keys/key-requests.js';
import { createMasterKey } from '../../src/keys/secrets.js';
import { silentLog } from '../../src/domain/log.js';
import { exportGallery } from '../../src/gallery/backup-records.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { AdminSocket } from '../../src/platform/admin-socket.js';
import { MasterKeyKeeper } from '../../src/keys/master-key-keeper.js';
import { countUnknownFaces } from '../../src/privacy/face-spans.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { lintel, type Run } from '../cli/terminal.js';
import { newFace, staff } from '../gallery/faces.js';
import { randomNumbers } from '../store/values.js';
import { tempDir } from '../support/temp-dir.js';

const signal = new AbortController().signal;
const PASS = ['--passphrase-file', 'pass'];
const START = Date.UTC(2026, 4, 1);

const run = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(
    args,
    { gallery: registerGallery, keys: [registerKeys, registerRotate], audit: registerAudit, clock: registerClock },
    { cwd, clock: () => START + 60_000 },
  );

interface Device {
  cwd: string;
  config: Config;
  store: SealedStore;
  audit: AuditLog;
  stop: () => Promise<void>;
}

/** Starts the parts of a service that the commands need, in the folders of the default configuration, with a group and two faces. */
async function device(): Promise<Device> {
  const cwd = tempDir();
  const config = configSchema.parse({ dataDir: join(cwd, 'var/data'), keysDir: join(cwd, 'var/keys') });
  const { dataDir, keysDir } = config;
  await writeFile(join(cwd, 'pass'), 'a passphrase for tests\n', { mode: 0o600 });
  await mkdir(dataDir, { recursive: true });
  const store = new SealedStore({
    directory: join(dataDir, 'db'),
    masterKey: (await createMasterKey(keysDir)).key,
    log: silentLog,
  });
  const audit = new AuditLog({ store, clock: () => START, log: silentLog });
  const keeper = new MasterKeyKeeper({ store: auditRotation(store, audit), keysDir, origin: 'file', log: silentLog });
  const limits = { maxGroups: 10, maxFacesPerGroup: 100 };
  const gallery = new LevelGallery({ store, audit, limits, clock: () => START, log: silentLog });
  const keys = new KeyRegistries({ store, audit, oldFiles: dataPaths(config), clock: () => START, log: silentLog });
  const admin = new AdminSocket({
    path: join(dataDir, 'admin.sock'),
    routes: {
      ...createKeyRoutes(keys),
      'GET /gallery': () =>
        auditFirst(audit, { action: 'gallery.exported', actor: 'cli', subject: {} }, () =>
          exportGallery(
            store,
            () => START,
            () => keys.appKeys.encode(),
          ),
        ),
      'GET /audit': () => encodeAuditLines(readAuditLog(store)),
      'GET /unknown-faces': async function* () {
        yield Buffer.from(JSON.stringify(await countUnknownFaces(store)));
      },
      'POST /master-key': async function* () {
        await keeper.rotate();
        yield new Uint8Array(0);
      },
    },
    log: silentLog,
  });
  const parts = [store, audit, keeper, keys, gallery, admin];
  const stop = async (): Promise<void> => {
    for (const part of [...parts].reverse()) await part.stop();
  };
  onTestFinished(stop);
  for (const part of parts) await part.start(signal);
  await gallery.createGroup(staff, 'm1', 'app:door');
  const random = randomNumbers(5);
  await gallery.enrol(staff, [newFace(random), newFace(random)], 'app:door');
  return { cwd, config, store, audit, stop };
}

const listActions = ({ stdout }: Run): string[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ +/)[2] ?? '');

describe('lintel audit', () => {
  it.each(['under a service', 'without one'])('lists, verifies and exports %s', async (how) => {
    const { cwd, audit, stop } = await device();
    const { head } = audit;
    if (how === 'without one') await stop();
    expect(listActions(await run(cwd, 'audit', 'list'))).toEqual(['group.created', 'face.enrolled', 'face.enrolled']);
    const { stdout } = await run(cwd, 'audit', 'list', '-n', '1', '--action', 'face.enrolled', '--actor', 'app:door');
    expect(stdout).toMatch(
      /^3  2026-05-01T00:00:00.000Z  face.enrolled +app:door  owner=default  groupId=staff  faceId=/,
    );
    expect((await run(cwd, 'audit', 'list', '--actor', 'cli')).stdout).toBe('');

    expect(await run(cwd, 'audit', 'verify', '--expect-head', head.hash)).toMatchObject({
      code: 0,
      stdout: `3 ${head.hash}\n`,
    });
    const other = await run(cwd, 'audit', 'verify', '--expect-head', 'a'.repeat(64));
    expect(other).toMatchObject({ code: 1, stdout: `3 ${head.hash}\n` });
    expect(other.stderr).toContain('no entry has the expected head');

    const lines = (await run(cwd, 'audit', 'export')).stdout;
    expect(await run(cwd, 'audit', 'export', 'file')).toMatchObject({ code: 0, stdout: '' });
    expect(await readFile(join(cwd, 'file'), 'utf8')).toBe(lines);
    const records = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditRecord);
    expect(records.at(-1)).toMatchObject({ sequence: 3, hash: head.hash, actor: 'app:door' });
  });

  it.each([
    [['list', '-n', '0'], '--count must be 1 or more'],
    [['list', '-n', 'all'], '--count must be 1 or more'],
    [['verify', '--expect-head', 'abc'], '64 hexadecimal digits'],
    [['export', 'pass'], 'the file exists already'],
  ])('refuses %j in a sentence', async (args, sentence) => {
    const { cwd } = await device();
    const { code, stderr } = await run(cwd, 'audit', ...args);
    expect(code).toBe(1);
    expect(stderr).toContain(sentence);
  });

  it('ends with code 1 when the log is not whole, and the doctor reports it', async () => {
    const { cwd, config, store, audit } = await device();
    const context = { environment: {}, clock: () => START };
    const findings = await checkAudit(config, context);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok']);
    expect(findings.map(({ text }) => text).join('\n')).toContain(`head 3 ${audit.head.hash}`);
    expect(findings[0]?.text).toBe('3 entries since 2026-05-01T00:00:00.000Z, about 1.4 kB');
    expect(findings[2]?.text).toBe('0 stored faces of unknown persons, the configuration keeps none');
    await store.write([audit.space.delete(ENTRY_KEYS.encode(2))]);
    const { code, stderr } = await run(cwd, 'audit', 'verify');
    expect(code).toBe(1);
    expect(stderr).toBe('lintel: entry 2 is missing\n');
    expect((await checkAudit(config, context))[0]).toEqual({
      level: 'fail',
      text: 'the audit log: entry 2 is missing',
    });
  });

  it('is checked by the doctor also without a service, and before the first start', async () => {
    const { config, stop } = await device();
    await stop();
    const context = { environment: {}, clock: () => START };
    expect((await checkAudit(config, context)).map(({ level }) => level)).toEqual(['ok', 'ok', 'ok']);
    const empty = configSchema.parse({ dataDir: tempDir(), keysDir: tempDir() });
    expect(await checkAudit(empty, context)).toEqual([{ level: 'ok', text: 'there is no audit log yet' }]);
  });
});

describe('entries of commands', () => {
  it.each(['under a service', 'without one'])('a backup and a rotation %s', async (how) => {
    const { cwd, stop } = await device();
    if (how === 'without one') await stop();
    expect((await run(cwd, 'gallery', 'backup', 'file', ...PASS)).code).toBe(0);
    expect((await run(cwd, 'keys', 'rotate')).code).toBe(0);
    expect(listActions(await run(cwd, 'audit', 'list')).slice(3)).toEqual(['gallery.exported', 'key.rotated']);
    expect((await run(cwd, 'audit', 'list', '--actor', 'cli')).stdout).toContain('key=master');
    expect((await run(cwd, 'audit', 'verify')).code).toBe(0);
  });

  it('a restore starts a log of its own, which records the restore', async () => {
    const { cwd, stop } = await device();
    await run(cwd, 'gallery', 'backup', 'file', ...PASS);
    await stop();
    const target = tempDir();
    await writeFile(join(target, 'pass'), 'a passphrase for tests\n', { mode: 0o600 });
    expect((await run(target, 'gallery', 'restore', join(cwd, 'file'), ...PASS)).code).toBe(0);
    const { stdout } = await run(target, 'audit', 'list');
    expect(stdout).toMatch(/^1  .* gallery.restored  cli  groups=1  faces=2  damaged=0\n$/);
  });

  it('accepting the clock needs a service', async () => {
    const { cwd, stop } = await device();
    await stop();
    const { code, stderr } = await run(cwd, 'clock', 'accept');
    expect(code).toBe(1);
    expect(stderr).toContain('no service is running');
  });
});
