// `lintel keys` on a real registry.
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { APP_KEY, KeyRegistry } from '../../src/keys/key-registry.js';
import { registerKeys } from '../../src/cli/keys.js';
import { silentLog } from '../../src/domain/log.js';
import { tempDir } from '../support/temp-dir.js';
import { lintel, type Run } from './terminal.js';

const keys = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(['keys', ...args], { keys: registerKeys }, { cwd });

function authority(cwd: string): KeyRegistry {
  return new KeyRegistry({ kind: APP_KEY, path: join(cwd, 'var/data/app-keys.json'), clock: Date.now, log: silentLog });
}

describe('lintel keys', () => {
  it('adds a key, prints it and its secretKey alone on standard output, and the service accepts them until it is revoked', async () => {
    const cwd = tempDir();
    const service = authority(cwd);
    const added = await keys(cwd, 'add', 'front');
    expect(added.code).toBe(0);
    expect(added.stdout).toMatch(/^[\w-]{43}\n[\w-]{43}\n$/);
    expect(added.stderr).toContain('"front"');
    expect((await stat(join(cwd, 'var/data'))).mode & 0o777).toBe(0o700);
    const [key, secretKey] = added.stdout.split('\n');
    expect(service.authenticate(key!)).toMatchObject({ name: 'front' });
    expect(service.authenticateWithSecret(key!, secretKey!)).toMatchObject({ name: 'front' });

    const revoked = await keys(cwd, 'revoke', 'front');
    expect(revoked).toMatchObject({ code: 0, stdout: '' });
    expect(service.authenticate(key!)).toBeUndefined();
  });

  it('lists names, ids and times, and no key', async () => {
    const cwd = tempDir();
    const { stdout } = await keys(cwd, 'add', 'front');
    await keys(cwd, 'add', 'the-yard');
    await keys(cwd, 'revoke', 'front');
    const [front, yard] = authority(cwd).list();
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

  it('leaves a registry alone that it cannot read', async () => {
    const cwd = tempDir();
    await keys(cwd, 'add', 'front');
    await writeFile(join(cwd, 'var/data/app-keys.json'), '{');
    for (const args of [['add', 'yard'], ['list'], ['revoke', 'front']]) {
      expect(await keys(cwd, ...args)).toMatchObject({ code: 1, stdout: '' });
    }
  });
});
