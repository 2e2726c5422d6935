// `lintel gallery backup`, `restore`, `verify` and `lintel keys rotate`, with a service on the data directory and without one.
import { chmod, mkdir, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readMasterKey } from '../../../src/keys/secrets.js';
import { newFace, staff } from '../../gallery/faces.js';
import { randomNumbers } from '../../store/values.js';
import { createBackupDevice, createEmptyDevice, PASSPHRASE_ARGS, run, signal } from './backup-device.js';

describe('lintel gallery', () => {
  it('backs up, verifies and restores, whether a service runs or not', async () => {
    const { cwd, gallery, stop } = await createBackupDevice({ faces: 20 });
    await run(cwd, 'keys', 'add', 'door');
    await run(cwd, 'keys', 'add', 'yard');
    await run(cwd, 'keys', 'revoke', 'yard');
    const { stdout: listed } = await run(cwd, 'keys', 'list');
    expect(listed).toMatch(/^door .*\n^yard .*:\d\d .*:\d\d\n$/m);
    const { items } = await gallery.listFaces(staff, { limit: 200 });
    const first = await run(cwd, 'gallery', 'backup', 'first', ...PASSPHRASE_ARGS);
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('first holds 1 group and 20 faces.');
    expect((await stat(join(cwd, 'first'))).mode & 0o777).toBe(0o600);
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('holds 1 group and 20 faces.');
    await gallery.deleteFace(staff, items[0]!.faceId);
    await stop();
    expect((await run(cwd, 'gallery', 'backup', 'second', ...PASSPHRASE_ARGS)).stderr).toContain(
      '1 group and 19 faces.',
    );
    expect((await run(cwd, 'gallery', 'verify')).code).toBe(0);

    for (const [name, faces] of [
      ['first', 20],
      ['second', 19],
    ] as const) {
      const file = join(cwd, name);
      expect((await run(cwd, 'gallery', 'verify', name, ...PASSPHRASE_ARGS)).stderr).toContain(
        `1 group and ${faces} faces.`,
      );
      const target = await createEmptyDevice();
      expect(await run(target, 'gallery', 'restore', file, ...PASSPHRASE_ARGS)).toMatchObject({ code: 0, stdout: '' });
      expect((await run(target, 'gallery', 'verify')).stderr).toContain(`1 group and ${faces} faces.`);
      expect((await run(target, 'keys', 'list')).stdout).toBe(listed);
      expect(await readdir(join(target, 'var/data'))).toEqual(['db']);
      // A restore never overwrites existing data.
      const again = await run(target, 'gallery', 'restore', file, ...PASSPHRASE_ARGS);
      expect(again).toMatchObject({ code: 1 });
      expect(again.stderr).toContain('is not empty');
    }
    expect((await readdir(cwd)).sort()).toEqual(['first', 'pass', 'second', 'var']);
  });

  it('leaves nothing behind when the backup cannot be opened, and can be repeated', async () => {
    const { cwd, stop } = await createBackupDevice({ faces: 700 });
    await run(cwd, 'gallery', 'backup', 'file', ...PASSPHRASE_ARGS);
    await stop();
    const file = join(cwd, 'file');
    const { size } = await stat(file);
    const whole = await readFile(file);
    await truncate(file, size - 100);
    const target = await createEmptyDevice();
    const cutOff = await run(target, 'gallery', 'restore', file, ...PASSPHRASE_ARGS);
    expect(cutOff).toMatchObject({ code: 1 });
    expect(cutOff.stderr).toContain('the backup is cut off');
    expect(await readdir(join(target, 'var/data'))).toEqual([]);
    expect(await run(target, 'gallery', 'verify', file, ...PASSPHRASE_ARGS)).toMatchObject({ code: 1 });

    await writeFile(file, whole);
    await writeFile(join(target, 'other'), 'another passphrase\n', { mode: 0o600 });
    const wrong = await run(target, 'gallery', 'restore', file, '--passphrase-file', 'other');
    expect(wrong.stderr).toContain('sealed under another passphrase');
    // A kill in the middle of a restore leaves this folder.
    await mkdir(join(target, 'var/data/db.restore'));
    expect(await run(target, 'gallery', 'restore', file, ...PASSPHRASE_ARGS)).toMatchObject({ code: 0 });
    expect((await run(target, 'gallery', 'verify')).stderr).toContain('1 group and 700 faces.');
  });

  it.each([
    [['backup', 'taken', ...PASSPHRASE_ARGS], 'the file exists already'],
    [['backup', 'no/folder', ...PASSPHRASE_ARGS], 'ENOENT'],
    [['backup', 'new', '--passphrase-file', 'short'], 'fewer than 12 characters'],
    [['backup', 'new', '--passphrase-file', 'absent'], 'there is no file'],
    [['backup', 'new', '--passphrase-file', 'open'], 'open to other users'],
    [['verify', 'taken', ...PASSPHRASE_ARGS], 'no backup of Lintel'],
    [['verify', 'taken'], 'needs --passphrase-file'],
    [['verify', 'absent', ...PASSPHRASE_ARGS], 'ENOENT'],
    [['restore', 'absent', ...PASSPHRASE_ARGS], 'is not empty'],
  ])('refuses %j with a sentence', async (args, sentence) => {
    const { cwd } = await createBackupDevice({ faces: 1 });
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

  it('reports that there is nothing to back up, or that a service does not answer', async () => {
    const { stderr } = await run(await createEmptyDevice(), 'gallery', 'backup', 'file', ...PASSPHRASE_ARGS);
    expect(stderr).toContain('there is no gallery in');
    const { cwd, store, stop } = await createBackupDevice({ faces: 1 });
    await stop();
    await store.start(signal);
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('another process has the data directory open');
  });

  it('ends with code 1 when a record cannot be opened, and still backs up the other records', async () => {
    const { cwd, store, gallery } = await createBackupDevice({ faces: 3 });
    // The record is sealed with the right key, but is no face: a newer version could have written it.
    const [space] = store.spaces('group');
    await store.write([{ ...space!.put(Buffer.from('f87654321'), Buffer.from('x')), value: Buffer.alloc(60, 1) }]);
    const { code, stderr } = await run(cwd, 'gallery', 'backup', 'file', ...PASSPHRASE_ARGS);
    expect(code).toBe(1);
    expect(stderr).toContain('1 record could not be read and is missing: there are 1 group and 3 faces without it.');
    expect((await run(cwd, 'gallery', 'verify')).code).toBe(1);
    expect(
      (await run(await createEmptyDevice(), 'gallery', 'restore', join(cwd, 'file'), ...PASSPHRASE_ARGS)).code,
    ).toBe(1);
    expect(gallery.group(staff).faceCount).toBe(3);
  });
});

describe('a backup of Lintel 0.1', () => {
  const file = fileURLToPath(new URL('../../store/backup-of-0.1.lintel', import.meta.url));

  it('can be verified and restored', async () => {
    const target = await createEmptyDevice();
    const verified = await run(target, 'gallery', 'verify', file, ...PASSPHRASE_ARGS);
    expect(verified.stderr).toContain('holds 2 groups and 3 faces.');
    expect(await run(target, 'gallery', 'restore', file, ...PASSPHRASE_ARGS)).toMatchObject({ code: 0 });
    expect((await run(target, 'gallery', 'verify')).stderr).toContain('2 groups and 3 faces.');
    expect((await run(target, 'keys', 'list')).stdout).toMatch(/^door /m);
  });

  it('cannot be opened with an identity file', async () => {
    const target = await createEmptyDevice();
    await writeFile(join(target, 'key'), `AGE-SECRET-KEY-1${'Q'.repeat(58)}\n`, { mode: 0o600 });
    const { code, stderr } = await run(target, 'gallery', 'verify', file, '--identity', 'key');
    expect([code, stderr]).toEqual([1, 'lintel: the backup has a passphrase, not an identity\n']);
  });
});

describe('the secrets of a backup', () => {
  it.each([
    [['backup', 'new'], 2, 'needs either --passphrase-file or --recipient'],
    [['backup', 'new', ...PASSPHRASE_ARGS, '-r', 'age1x'], 2, 'needs either --passphrase-file or --recipient'],
    [['backup', 'new', '-r', 'age1x'], 1, 'age1x is no recipient of age'],
    [['verify', 'absent'], 1, 'needs --passphrase-file or --identity'],
    [['verify', 'absent', ...PASSPHRASE_ARGS, '-i', 'key'], 1, 'needs --passphrase-file or --identity, and not both'],
    [['verify', 'absent', '-i', 'key'], 1, '--identity: there is no file'],
    [['verify', 'absent', '-i', 'open'], 1, 'is open to other users'],
    [['verify', 'absent', '-i', 'empty'], 1, 'holds no private key'],
  ])('%j ends with exit code %d and a sentence', async (args, exitCode, sentence) => {
    const { cwd } = await createBackupDevice({ faces: 1 });
    await writeFile(join(cwd, 'empty'), '# created: 2026-11-28\n\n', { mode: 0o600 });
    await writeFile(join(cwd, 'open'), 'x\n');
    await chmod(join(cwd, 'open'), 0o644);
    const { code, stderr } = await run(cwd, 'gallery', ...args);
    expect(stderr).toContain(sentence);
    expect(code).toBe(exitCode);
    expect((await readdir(cwd)).sort()).toEqual(['empty', 'open', 'pass', 'var']);
  });
});

describe('lintel keys rotate', () => {
  const readKey = async (cwd: string): Promise<string | undefined> =>
    (await readMasterKey({ environment: {}, keysDir: join(cwd, 'var/keys') }))?.key.toString('hex');

  it('changes the key while a service runs, which continues to work, and without a service', async () => {
    const { cwd, gallery, stop } = await createBackupDevice({ faces: 2 });
    const keys = [await readKey(cwd)];
    const token = (await gallery.listFaces(staff, { limit: 1 })).nextToken as string;
    expect(await run(cwd, 'keys', 'rotate')).toMatchObject({ code: 0, stdout: '' });
    keys.push(await readKey(cwd));
    await gallery.enrol(staff, [newFace(randomNumbers(6))]);
    expect((await gallery.listFaces(staff, { limit: 1, token })).items).toHaveLength(1);
    await stop();
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('1 group and 3 faces.');
    expect(await run(cwd, 'keys', 'rotate')).toMatchObject({ code: 0, stdout: '' });
    keys.push(await readKey(cwd));
    expect((await run(cwd, 'gallery', 'verify')).stderr).toContain('1 group and 3 faces.');
    expect(new Set(keys).size).toBe(3);
  });

  it('prints the error of the service when the service refuses', async () => {
    const { cwd } = await createBackupDevice({ faces: 0 });
    await writeFile(join(cwd, 'var/keys/master.key.next'), 'x', { mode: 0o600 });
    const { code, stderr } = await run(cwd, 'keys', 'rotate');
    expect(code).toBe(1);
    expect(stderr).toContain('was interrupted');
  });
});
