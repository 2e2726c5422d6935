// `lintel keys` with a service on the data directory and without one.
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registerKeys } from '../../src/cli/keys.js';
import { withOwnStore } from '../../src/cli/own-store.js';
import type { KeyRegistry } from '../../src/keys/key-registry.js';
import { readRecords } from '../audit/support.js';
import { tempDir } from '../support/temp-dir.js';
import { createBackupDevice } from './gallery/backup-device.js';
import { lintel, type Run } from './terminal.js';

const keys = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(['keys', ...args], { keys: registerKeys }, { cwd });

/** Runs `work` on the appKeys of a device without a service. */
function withAppKeys<T>(cwd: string, work: (appKeys: KeyRegistry) => T): Promise<T> {
  const config = { dataDir: join(cwd, 'var/data'), keysDir: join(cwd, 'var/keys') };
  return withOwnStore(config, { environment: {}, clock: Date.now }, async (_store, own) => work(own.keys.appKeys));
}

describe('lintel keys', () => {
  it('adds a key, prints it and its secretKey alone on standard output, and the service accepts them until it is revoked', async () => {
    const cwd = tempDir();
    const added = await keys(cwd, 'add', 'front');
    expect(added.code).toBe(0);
    expect(added.stdout).toMatch(/^[\w-]{43}\n[\w-]{43}\n$/);
    expect(added.stderr).toContain('"front"');
    expect((await stat(join(cwd, 'var/data'))).mode & 0o777).toBe(0o700);
    const [key, secretKey] = added.stdout.split('\n');
    const found = await withAppKeys(cwd, (appKeys) => appKeys.authenticateWithSecret(key!, secretKey!));
    expect(found).toMatchObject({ name: 'front' });

    const revoked = await keys(cwd, 'revoke', 'front');
    expect(revoked).toMatchObject({ code: 0, stdout: '' });
    expect(await withAppKeys(cwd, (appKeys) => appKeys.authenticate(key!))).toBeUndefined();
  });

  it('lists names, ids and times, and no key', async () => {
    const cwd = tempDir();
    const { stdout } = await keys(cwd, 'add', 'front');
    await keys(cwd, 'add', 'the-yard');
    await keys(cwd, 'revoke', 'front');
    const [front, yard] = await withAppKeys(cwd, (appKeys) => appKeys.list());
    const listed = await keys(cwd, 'list');
    expect(listed.stdout.split('\n')).toEqual([
      `NAME      ID${' '.repeat(36)}MADE              REVOKED`,
      `front     ${front!.id}  2030-01-31 12:00  2030-01-31 12:00`,
      `the-yard  ${yard!.id}  2030-01-31 12:00`,
      '',
    ]);
    for (const key of stdout.trim().split('\n')) expect(listed.stdout).not.toContain(key);
  });

  it('where there are none says how to make one, and makes no folder', async () => {
    const cwd = tempDir();
    expect(await keys(cwd, 'list')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'There are no appKeys. Make one with: lintel keys add NAME\n',
    });
    expect(await readdir(cwd)).toEqual([]);
  });

  it.each([
    [['add', 'a b'], 'the name of an appKey has'],
    [['add', 'front'], 'there is a valid appKey named front already'],
    [['revoke', 'yard'], 'there is no valid appKey named yard'],
  ])('refuses %j in a sentence', async (args, sentence) => {
    const cwd = tempDir();
    await keys(cwd, 'add', 'front');
    const { code, stdout, stderr } = await keys(cwd, ...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(new RegExp(`^lintel: ${sentence}`));
  });

  it('names a plain registry that is not used', async () => {
    const cwd = tempDir();
    await keys(cwd, 'add', 'front');
    const file = join(cwd, 'var/data/app-keys.json');
    await writeFile(file, '{');
    expect((await keys(cwd, 'list')).stderr).toBe(
      `lintel: ${file} is not used: the keys are in the sealed store. Remove this file.\n`,
    );
  });

  it('makes no store to revoke a key', async () => {
    const cwd = tempDir();
    expect((await keys(cwd, 'revoke', 'front')).stderr).toContain('there is no gallery in');
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe('lintel keys with a role', () => {
  it('makes an admin key with it, and lists it', async () => {
    const cwd = tempDir();
    const added = await keys(cwd, 'add', 'desk', '--admin', '--role', 'operator');
    expect(added.code).toBe(0);
    expect(added.stderr).toContain('This is the admin key "desk", with the role operator.');
    expect((await keys(cwd, 'add', 'owner', '--admin')).stderr).toContain('with the role admin.');
    const { stdout } = await keys(cwd, 'list', '--admin');
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['NAME', 'ID', 'ROLE', 'MADE', 'REVOKED'],
      ['desk', expect.any(String), 'operator', '2030-01-31 12:00'],
      ['owner', expect.any(String), 'admin', '2030-01-31 12:00'],
      [''],
    ]);
  });

  it('through a running service as well', async () => {
    const { cwd, keys: served } = await createBackupDevice({ faces: 0 });
    const { stdout } = await keys(cwd, 'add', 'desk', '--admin', '--role', 'viewer');
    expect(served.adminKeys.authenticate(stdout.trim())).toMatchObject({ name: 'desk', role: 'viewer' });
  });

  it.each([
    [['add', 'desk', '--role', 'viewer'], 1, 'lintel: --role needs --admin: only admin keys have roles'],
    [['add', 'desk', '--admin', '--role', 'king'], 2, 'Allowed choices are viewer, operator, admin'],
  ])('refuses %j', async (args, code, sentence) => {
    const cwd = tempDir();
    const run = await keys(cwd, ...args);
    expect([run.code, run.stdout]).toEqual([code, '']);
    expect(run.stderr).toContain(sentence);
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe('lintel keys with a running service', () => {
  it('adds, lists and revokes through the service, at once, with an entry for each change', async () => {
    const { cwd, keys: served, store } = await createBackupDevice({ faces: 0 });
    const added = await keys(cwd, 'add', 'front');
    expect(added.code).toBe(0);
    const [key, secretKey] = added.stdout.split('\n');
    expect(served.appKeys.authenticateWithSecret(key!, secretKey!)).toMatchObject({ name: 'front' });
    const admin = await keys(cwd, 'add', 'desk', '--admin');
    expect(served.adminKeys.authenticate(admin.stdout.trim())).toMatchObject({ name: 'desk' });
    expect((await keys(cwd, 'list')).stdout).toContain('front');
    expect((await keys(cwd, 'list', '--admin')).stdout).toContain('desk');
    expect(await keys(cwd, 'revoke', 'front')).toMatchObject({ code: 0, stdout: '' });
    expect(served.appKeys.authenticate(key!)).toBeUndefined();
    const entries = (await readRecords(store)).map(({ action, subject }) => [action, subject.name]);
    expect(entries).toEqual([
      ['key.created', 'front'],
      ['key.created', 'desk'],
      ['key.revoked', 'front'],
    ]);
  });

  it.each([
    [['add', 'a b'], 'the name of an appKey has'],
    [['add', 'front'], 'there is a valid appKey named front already'],
    [['revoke', 'yard'], 'there is no valid appKey named yard'],
    [['revoke', 'a&name=front'], 'there is no valid appKey named a&name=front'],
  ])('prints the reason when the service refuses %j', async (args, sentence) => {
    const { cwd } = await createBackupDevice({ faces: 0 });
    await keys(cwd, 'add', 'front');
    const { code, stdout, stderr } = await keys(cwd, ...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^lintel: ${sentence}`));
  });
});
