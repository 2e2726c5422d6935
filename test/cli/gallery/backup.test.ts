// `lintel gallery backup`, `restore`, `verify` and `lintel keys rotate`, with a service on the data directory and without one.
import { chmod, mkdir, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { galleryCommand } from '../../../src/cli/gallery/command.js';
import { registerGallery } from '../../../src/cli/gallery/backup.js';
import { registerKeys } from '../../../src/cli/keys.js';
import { registerRotate } from '../../../src/cli/rotate.js';
import { createMasterKey, readMasterKey } from '../../../src/keys/secrets.js';
import { silentLog } from '../../../src/domain/log.js';
import { exportGallery } from '../../../src/gallery/backup-records.js';
import { LevelGallery } from '../../../src/gallery/leveldb-gallery.js';
import { AdminSocket } from '../../../src/platform/admin-socket.js';
import { MasterKeyKeeper } from '../../../src/keys/master-key-keeper.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import { newFace, staff } from '../../gallery/faces.js';
import { randomNumbers } from '../../store/values.js';
import { tempDir } from '../../support/temp-dir.js';
import { lintel, type Run } from '../terminal.js';

const signal = new AbortController().signal;
const PASS = ['--passphrase-file', 'pass'];

const run = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(
    args,
    [(program, context) => registerGallery(galleryCommand(program), context), registerKeys, registerRotate],
    { cwd, clock: Date.now },
  );

/** A running service's part of it, on the folders of the default configuration. */
interface Device {
  cwd: string;
  store: SealedStore;
  gallery: LevelGallery;
  start: () => Promise<void>;
  stop: () => Promise<void>;
}

async function device({ faces }: { faces: number }): Promise<Device> {
  const cwd = tempDir();
  const [data, keysDir] = [join(cwd, 'var/data'), join(cwd, 'var/keys')];
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(join(cwd, 'pass'), 'a passphrase for tests\n', { mode: 0o600 });
  await writeFile(join(data, 'app-keys.json'), '{"keys":"as they are"}');
  const { key } = await createMasterKey(keysDir);
  const store = new SealedStore({ directory: join(data, 'db'), masterKey: key, log: silentLog });
  const limits = { maxGroups: 10, maxFacesPerGroup: 1_000 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const keeper = new MasterKeyKeeper({ store, keysDir, origin: 'file', log: silentLog });
  const admin = new AdminSocket({
    path: join(data, 'admin.sock'),
    routes: {
      'GET /gallery': () => exportGallery(store, Date.now),
      'POST /master-key': async function* () {
        await keeper.rotate();
        yield new Uint8Array(0);
      },
    },
    log: silentLog,
  });
  const parts = [store, keeper, gallery, admin];
  const start = async (): Promise<void> => {
    for (const part of parts) await part.start(signal);
  };
  const stop = async (): Promise<void> => {
    for (const part of [...parts].reverse()) await part.stop();
  };
  onTestFinished(stop);
  await start();
  const random = randomNumbers(51);
  await gallery.createGroup(staff, 'm1');
  for (let i = 0; i < faces; i++) await gallery.enrol(staff, [newFace(random)]);
  return { cwd, store, gallery, start, stop };
}

/** An empty one, with the same passphrase file. */
async function emptyDevice(): Promise<string> {
  const cwd = tempDir();
  await writeFile(join(cwd, 'pass'), 'a passphrase for tests\n', { mode: 0o600 });
  return cwd;
}

describe('lintel gallery', () => {
  it('backs up, verifies and restores, whether a service runs or not', async () => {
    const { cwd, gallery, stop } = await device({ faces: 20 });
    const { items } = await gallery.listFaces(staff, { limit: 200 });
    const first = await run(cwd, 'gallery', 'backup', 'first', ...PASS);
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('first holds 1 group and 20 faces.');
    expect((await stat(join(cwd, 'first'))).mode & 0o777).toBe(0o600);
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('holds 1 group and 20 faces.');
    await gallery.deleteFace(staff, items[0].faceId);
    await stop();
    expect((await run(cwd, 'gallery', 'backup', 'second', ...PASS)).stderr).toContain('1 group and 19 faces.');
    expect((await run(cwd, 'gallery', 'verify')).code).toBe(0);

    for (const [name, faces] of [
      ['first', 20],
      ['second', 19],
    ] as const) {
      const file = join(cwd, name);
      expect((await run(cwd, 'gallery', 'verify', name, ...PASS)).stderr).toContain(`1 group and ${faces} faces.`);
      const target = await emptyDevice();
      expect(await run(target, 'gallery', 'restore', file, ...PASS)).toMatchObject({ code: 0, stdout: '' });
      expect((await run(target, 'gallery', 'verify')).stderr).toContain(`1 group and ${faces} faces.`);
      expect(await readFile(join(target, 'var/data/app-keys.json'), 'utf8')).toBe('{"keys":"as they are"}');
      expect((await readdir(join(target, 'var/data'))).sort()).toEqual(['app-keys.json', 'db']);
      // Never over what is there.
      const again = await run(target, 'gallery', 'restore', file, ...PASS);
      expect(again).toMatchObject({ code: 1 });
      expect(again.stderr).toContain('is not empty');
    }
    expect((await readdir(cwd)).sort()).toEqual(['first', 'pass', 'second', 'var']);
  });

  it('leaves nothing behind where the backup does not open, and can be tried again', async () => {
    const { cwd, stop } = await device({ faces: 700 });
    await run(cwd, 'gallery', 'backup', 'file', ...PASS);
    await stop();
    const file = join(cwd, 'file');
    const { size } = await stat(file);
    const whole = await readFile(file);
    await truncate(file, size - 100);
    const target = await emptyDevice();
    const cutOff = await run(target, 'gallery', 'restore', file, ...PASS);
    expect(cutOff).toMatchObject({ code: 1 });
    expect(cutOff.stderr).toContain('the backup is cut off');
    expect(await readdir(join(target, 'var/data'))).toEqual([]);
    expect(await run(target, 'gallery', 'verify', file, ...PASS)).toMatchObject({ code: 1 });

    await writeFile(file, whole);
    await writeFile(join(target, 'other'), 'another passphrase\n', { mode: 0o600 });
    const wrong = await run(target, 'gallery', 'restore', file, '--passphrase-file', 'other');
    expect(wrong.stderr).toContain('sealed under another passphrase');
    // As after a kill between the registry and the database.
    await mkdir(join(target, 'var/data/db.restore'));
    await writeFile(join(target, 'var/data/app-keys.json'), '{}');
    expect(await run(target, 'gallery', 'restore', file, ...PASS)).toMatchObject({ code: 0 });
    expect((await run(target, 'gallery', 'verify')).stderr).toContain('1 group and 700 faces.');
  });

  it.each([
    [['backup', 'taken', ...PASS], 'there is such a file already'],
    [['backup', 'no/folder', ...PASS], 'ENOENT'],
    [['backup', 'new', '--passphrase-file', 'short'], 'less than 12 characters'],
    [['backup', 'new', '--passphrase-file', 'absent'], 'there is no file'],
    [['backup', 'new', '--passphrase-file', 'open'], 'open to other users'],
    [['verify', 'taken', ...PASS], 'no backup of Lintel'],
    [['verify', 'taken'], 'needs --passphrase-file'],
    [['verify', 'absent', ...PASS], 'ENOENT'],
    [['restore', 'absent', ...PASS], 'is not empty'],
  ])('refuses %j in a sentence', async (args, sentence) => {
    const { cwd } = await device({ faces: 1 });
    await writeFile(join(cwd, 'taken'), 'x'.repeat(100));
    await writeFile(join(cwd, 'short'), 'short\n', { mode: 0o600 });
    await writeFile(join(cwd, 'open'), 'a passphrase for all\n');
    await chmod(join(cwd, 'open'), 0o644);
    const { code, stderr } = await run(cwd, 'gallery', ...args);
    expect(code).toBe(1);
    expect(stderr).toContain(sentence);
    expect(await readFile(join(cwd, 'taken'), 'utf8')).toBe('x'.repeat(100));
    expect((await readdir(cwd)).sort()).toEqual(['open', 'pass', 'short', 'taken', 'var']);
  });

  it('says where there is nothing to back up, and where a service does not answer', async () => {
    const { stderr } = await run(await emptyDevice(), 'gallery', 'backup', 'file', ...PASS);
    expect(stderr).toContain('there is no gallery in');
    const { cwd, store, stop } = await device({ faces: 1 });
    await stop();
    await store.start(signal);
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('another process has the data directory open');
  });

  it('ends with code 1 where something does not open, and still backs up the rest', async () => {
    const { cwd, store, gallery } = await device({ faces: 3 });
    // Of a newer version, say: sealed by us and not a face.
    const [space] = store.spaces('group');
    await store.write([{ ...space.put(Buffer.from('f87654321'), Buffer.from('x')), value: Buffer.alloc(60, 1) }]);
    const { code, stderr } = await run(cwd, 'gallery', 'backup', 'file', ...PASS);
    expect(code).toBe(1);
    expect(stderr).toContain('1 record could not be read and is missing: there are 1 group and 3 faces without it.');
    expect((await run(cwd, 'gallery', 'verify')).code).toBe(1);
    expect((await run(await emptyDevice(), 'gallery', 'restore', join(cwd, 'file'), ...PASS)).code).toBe(1);
    expect(gallery.group(staff).faceCount).toBe(3);
  });
});

describe('lintel keys rotate', () => {
  const keyOf = async (cwd: string): Promise<string | undefined> =>
    (await readMasterKey({ environment: {}, keysDir: join(cwd, 'var/keys') }))?.key.toString('hex');

  it('changes the key under a running service, which goes on, and without one', async () => {
    const { cwd, gallery, stop } = await device({ faces: 2 });
    const keys = [await keyOf(cwd)];
    const token = (await gallery.listFaces(staff, { limit: 1 })).nextToken as string;
    expect(await run(cwd, 'keys', 'rotate')).toMatchObject({ code: 0, stdout: '' });
    keys.push(await keyOf(cwd));
    await gallery.enrol(staff, [newFace(randomNumbers(6))]);
    expect((await gallery.listFaces(staff, { limit: 1, token })).items).toHaveLength(1);
    await stop();
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('1 group and 3 faces.');
    expect(await run(cwd, 'keys', 'rotate')).toMatchObject({ code: 0, stdout: '' });
    keys.push(await keyOf(cwd));
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('1 group and 3 faces.');
    expect(new Set(keys).size).toBe(3);
  });

  it('says what the service says when it refuses', async () => {
    const { cwd } = await device({ faces: 0 });
    await writeFile(join(cwd, 'var/keys/master.key.next'), 'x', { mode: 0o600 });
    const { code, stderr } = await run(cwd, 'keys', 'rotate');
    expect(code).toBe(1);
    expect(stderr).toContain('is not settled');
  });
});
