// Admin keys: their own registry, the key of a first start, and `lintel keys --admin`.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureFirstKey } from '../../../src/keys/first-key.js';
import { ADMIN_KEY, APP_KEY, KeyRegistry } from '../../../src/keys/key-registry.js';
import { registerKeys } from '../../../src/cli/keys.js';
import { dataPaths } from '../../../src/config/paths.js';
import { silentLog } from '../../../src/domain/log.js';
import { lintel, type Run } from '../../cli/terminal.js';
import { tempDir } from '../../support/temp-dir.js';

const keys = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(['keys', ...args], { keys: registerKeys }, { cwd });
const options = { clock: Date.now, log: silentLog };

describe('a first start', () => {
  test('leaves an admin key that its owner alone may read, and a second start leaves it alone', async () => {
    const folder = tempDir();
    const { firstAdminKeyFile: keyFile } = dataPaths({ dataDir: folder, keysDir: join(folder, 'keys') });
    const adminKeys = new KeyRegistry({ kind: ADMIN_KEY, path: join(folder, 'admin-keys.json'), ...options });
    const first = { keyFile, name: 'default', log: silentLog };
    await ensureFirstKey(adminKeys, first);
    const text = await readFile(keyFile, 'utf8');
    expect(text).toMatch(/^[\w-]{43}\n$/);
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(adminKeys.authenticate(text.trim())).toMatchObject({ name: 'default' });
    await ensureFirstKey(adminKeys, first);
    expect(await readFile(keyFile, 'utf8')).toBe(text);
    // Who revoked the first one does not want it back.
    await adminKeys.revoke('default');
    await ensureFirstKey(adminKeys, first);
    expect(adminKeys.authenticate(text.trim())).toBeUndefined();
    expect(adminKeys.list()).toHaveLength(1);
  });

  test('fails where the registry cannot be read', async () => {
    const folder = tempDir();
    const path = join(folder, 'admin-keys.json');
    await writeFile(path, '{');
    const adminKeys = new KeyRegistry({ kind: ADMIN_KEY, path, ...options });
    await expect(
      ensureFirstKey(adminKeys, { keyFile: join(folder, 'k'), name: 'a', log: silentLog }),
    ).rejects.toMatchObject({ code: 'SECRET_INVALID' });
  });
});

test('the registry keeps the digest of a key, and of no secretKey', async () => {
  const folder = tempDir();
  const path = join(folder, 'admin-keys.json');
  const { key } = await new KeyRegistry({ kind: ADMIN_KEY, path, ...options }).create('a');
  const text = await readFile(path, 'utf8');
  expect(text).not.toContain(key);
  expect(text).toContain('"sha256"');
  expect(text).not.toContain('secret');
});

describe('lintel keys --admin', () => {
  const registry = (cwd: string): KeyRegistry =>
    new KeyRegistry({ kind: ADMIN_KEY, path: join(cwd, 'var/data/admin-keys.json'), ...options });

  test('adds one, prints it alone, and revokes it; no appKey is made or touched', async () => {
    const cwd = tempDir();
    const { stdout: app } = await keys(cwd, 'add', 'desk');
    const added = await keys(cwd, 'add', 'desk', '--admin');
    expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining('admin key "desk"') as string });
    expect(added.stdout).toMatch(/^[\w-]{43}\n$/);
    const key = added.stdout.trim();
    expect(registry(cwd).authenticate(key)).toMatchObject({ name: 'desk' });
    const appKeys = new KeyRegistry({ kind: APP_KEY, path: join(cwd, 'var/data/app-keys.json'), ...options });
    expect(appKeys.authenticate(key)).toBeUndefined();

    expect((await keys(cwd, 'revoke', 'desk', '--admin')).stderr).toContain('The admin key "desk"');
    expect(registry(cwd).authenticate(key)).toBeUndefined();
    expect(appKeys.authenticate(app.split('\n')[0] ?? '')).toMatchObject({ name: 'desk' });
  });

  test('lists them, and says how to make one where there is none', async () => {
    const cwd = tempDir();
    await keys(cwd, 'add', 'app');
    expect((await keys(cwd, 'list', '--admin')).stderr).toBe(
      'There are no admin keys. Make one with: lintel keys add NAME --admin\n',
    );
    await keys(cwd, 'add', 'desk', '--admin');
    const { stdout } = await keys(cwd, 'list', '--admin');
    expect(stdout).toContain('desk');
    expect(stdout).not.toContain('app ');
  });

  test.each([
    [['add', 'a b', '--admin'], 'the name of an admin key has'],
    [['add', 'desk', '--admin'], 'there is a valid admin key named desk already'],
    [['revoke', 'yard', '--admin'], 'there is no valid admin key named yard'],
  ])('refuses %j in a sentence', async (args, sentence) => {
    const cwd = tempDir();
    await keys(cwd, 'add', 'desk', '--admin');
    const { code, stdout, stderr } = await keys(cwd, ...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^lintel: ${sentence}`));
  });
});
