// `lintel keys --admin`: the admin keys have a registry of their own.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { registerKeys } from '../../../src/cli/keys.js';
import { withOwnStore } from '../../../src/cli/own-store.js';
import { lintel, type Run } from '../../cli/terminal.js';
import { tempDir } from '../../support/temp-dir.js';

const keys = (cwd: string, ...args: string[]): Promise<Run> =>
  lintel(['keys', ...args], { keys: registerKeys }, { cwd });

/** Returns the names that a key has in the two registries of a device without a service. */
const authenticate = (cwd: string, key: string): Promise<{ app?: string | undefined; admin?: string | undefined }> =>
  withOwnStore(
    { dataDir: join(cwd, 'var/data'), keysDir: join(cwd, 'var/keys') },
    { environment: {}, clock: Date.now },
    async (_store, { keys: { appKeys, adminKeys } }) => ({
      app: appKeys.authenticate(key)?.name,
      admin: adminKeys.authenticate(key)?.name,
    }),
  );

describe('lintel keys --admin', () => {
  test('adds one, prints it alone, and revokes it; no appKey is made or touched', async () => {
    const cwd = tempDir();
    const { stdout: app } = await keys(cwd, 'add', 'desk');
    const added = await keys(cwd, 'add', 'desk', '--admin');
    expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining('admin key "desk"') as string });
    expect(added.stdout).toMatch(/^[\w-]{43}\n$/);
    const key = added.stdout.trim();
    expect(await authenticate(cwd, key)).toEqual({ app: undefined, admin: 'desk' });

    expect((await keys(cwd, 'revoke', 'desk', '--admin')).stderr).toContain('The admin key "desk"');
    expect(await authenticate(cwd, key)).toEqual({ app: undefined, admin: undefined });
    expect(await authenticate(cwd, app.split('\n')[0] ?? '')).toEqual({ app: 'desk', admin: undefined });
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
