// The start is refused when other users can change the data directory, the database or the folder of the keys.
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registerKeys } from '../../src/cli/keys.js';
import { configSchema, type Config } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { createService } from '../../src/main.js';
import { lintel } from '../cli/terminal.js';
import { tempDir } from '../support/temp-dir.js';

/** Makes a device that has been used: with a master key and a database. */
async function makeDevice(): Promise<{ cwd: string; config: Config; data: string; keys: string }> {
  const cwd = tempDir();
  const [data, keys] = [join(cwd, 'var/data'), join(cwd, 'var/keys')];
  await lintel(['keys', 'add', 'door'], { keys: registerKeys }, { cwd });
  return { cwd, config: configSchema.parse({ dataDir: data, keysDir: keys }), data, keys };
}

/** Puts a link in the place of a file or folder. */
function replaceByLink(path: string): void {
  const elsewhere = join(tempDir(), 'moved');
  renameSync(path, elsewhere);
  symlinkSync(elsewhere, path);
}

describe('a start', () => {
  it.each<[string, (device: { data: string; keys: string }) => string, string]>([
    ['the data directory is open', ({ data }) => open(data, 0o770), 'STORE_UNAVAILABLE'],
    ['the database is open', ({ data }) => open(join(data, 'db'), 0o777), 'STORE_UNAVAILABLE'],
    ['a file of the database is open', ({ data }) => open(join(data, 'db/CURRENT'), 0o666), 'STORE_UNAVAILABLE'],
    ['a plain registry is open', ({ data }) => open(join(data, 'app-keys.json'), 0o660), 'STORE_UNAVAILABLE'],
    ['the folder of the keys is open', ({ keys }) => open(keys, 0o722), 'SECRET_INVALID'],
    ['the file of a key is open', ({ keys }) => open(join(keys, 'admin-key'), 0o620), 'SECRET_INVALID'],
    ['the database is a link', ({ data }) => link(join(data, 'db')), 'STORE_UNAVAILABLE'],
    ['a file of the database is a link', ({ data }) => link(join(data, 'db/CURRENT')), 'STORE_UNAVAILABLE'],
    ['the master key is a link', ({ keys }) => link(join(keys, 'master.key')), 'SECRET_INVALID'],
  ])('is refused when %s, and so is a command', async (_, prepare, code) => {
    const device = await makeDevice();
    const path = prepare(device);
    const starting = createService({ config: device.config, environment: {}, log: silentLog });
    await expect(starting).rejects.toMatchObject({ code, message: expect.stringContaining(path) as string });
    const { code: exitCode, stderr } = await lintel(['keys', 'list'], { keys: registerKeys }, { cwd: device.cwd });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('is not safe from other users');
    expect(stderr).toContain(path);
  });
});

function open(path: string, mode: number): string {
  mkdirSync(dirname(path), { recursive: true });
  if (/(json|key)$/.test(path)) writeFileSync(path, '{"keys":[]}');
  chmodSync(path, mode);
  return path;
}

function link(path: string): string {
  replaceByLink(path);
  return path;
}
