// The registries as a part: the plain files of Lintel 0.2 are taken over once, and a plain file that appears afterwards gives nobody a key.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AuditLog } from '../../src/audit/audit-log.js';
import { dataPaths, type DataPaths } from '../../src/config/paths.js';
import { KeyRegistries } from '../../src/keys/key-registries.js';
import { silentLog } from '../../src/domain/log.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { makeOldForm } from './support.js';
import { recordingLog } from '../api/harness.js';
import { readRecords } from '../audit/support.js';
import { openStore, withCode } from '../store/support.js';
import { tempDir } from '../support/temp-dir.js';

/** Makes the text of a plain registry, and the keys that it accepts. */
function makePlainFile(...names: readonly string[]): { text: string; keys: string[]; ids: string[] } {
  const keys = names.map((name) => `key of ${name}`);
  const stored = names.map((name, i) => ({
    id: randomUUID(),
    name,
    sha256: createHash('sha256').update(keys[i]!).digest('hex'),
    createdAt: '2026-01-01T00:00:00.000Z',
    ...(name.startsWith('revoked') ? { revokedAt: '2026-01-02T00:00:00.000Z' } : {}),
  }));
  return { text: JSON.stringify({ keys: stored }, null, 2), keys, ids: stored.map(({ id }) => id) };
}

interface Parts {
  store: SealedStore;
  log: ReturnType<typeof recordingLog>;
}

interface Device {
  paths: DataPaths;
  /** Starts everything, lets `work` run, and stops it. With `runs`, the service gets as far as running before. */
  use: <T>(
    work: (keys: KeyRegistries, parts: Parts) => Promise<T>,
    options?: { firstKeys?: boolean; runs?: boolean },
  ) => Promise<T>;
}

/** @param usedBy version that has used the store before; `nobody`: there is no store yet */
async function createDevice(usedBy: 'nobody' | '0.2' = '0.2'): Promise<Device> {
  const folder = tempDir();
  const paths = dataPaths({ dataDir: join(folder, 'data'), keysDir: join(folder, 'keys') });
  mkdirSync(join(folder, 'data'));
  mkdirSync(join(folder, 'keys'));
  const open = async (): Promise<{ store: SealedStore; audit: AuditLog }> => {
    const store = await openStore(paths.databaseDir, usedBy === 'nobody' ? { counterFile: paths.counterFile } : {});
    const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
    await audit.start();
    return { store, audit };
  };
  if (usedBy === '0.2') {
    const { store, audit } = await open();
    await audit.append({ action: 'service.started', actor: 'service', subject: { version: '0.2.0' } });
    await store.stop();
    await makeOldForm(paths.databaseDir);
  }
  return {
    paths,
    use: async (work, { firstKeys = false, runs = true } = {}) => {
      const log = recordingLog();
      const { store, audit } = await open();
      const keys = new KeyRegistries({
        store,
        audit,
        oldFiles: paths,
        ...(firstKeys ? { firstKeys: paths } : {}),
        clock: Date.now,
        log,
      });
      try {
        await keys.start();
        if (runs) {
          await store.finishUpgrade();
          await keys.removeOldFiles();
        }
        return await work(keys, { store, log });
      } finally {
        await keys.stop();
        await store.stop();
      }
    },
  };
}

const listEntries = async (store: SealedStore): Promise<unknown[][]> =>
  (await readRecords(store)).map(({ action, subject }) => [action, subject.name, subject.kind, subject.revoked]);

describe('the plain files of Lintel 0.2', () => {
  it('are taken over at the first start, with an entry for each key, and removed once the service runs', async () => {
    const { paths, use } = await createDevice();
    const app = makePlainFile('door', 'revoked-yard');
    const admin = makePlainFile('desk');
    writeFileSync(paths.appKeysFile, app.text);
    writeFileSync(paths.adminKeysFile, admin.text);
    await use(
      async (keys, { store, log }) => {
        expect(keys.appKeys.authenticate(app.keys[0]!)).toMatchObject({ id: app.ids[0], name: 'door' });
        expect(keys.appKeys.authenticate(app.keys[1]!)).toBeUndefined();
        expect(keys.adminKeys.authenticate(admin.keys[0]!)).toMatchObject({ name: 'desk' });
        expect(keys.adminKeys.authenticate(app.keys[0]!)).toBeUndefined();
        expect((await listEntries(store)).slice(-3)).toEqual([
          ['key.imported', 'door', undefined, false],
          ['key.imported', 'revoked-yard', undefined, true],
          ['key.imported', 'desk', 'admin', false],
        ]);
        expect(log.lines.map(({ level }) => level)).toEqual(['info', 'info']);
        expect(keys.health()).toEqual({ status: 'ok' });
        await keys.removeOldFiles();
        expect(existsSync(paths.appKeysFile)).toBe(true);
        await store.finishUpgrade();
        await keys.removeOldFiles();
        expect([paths.appKeysFile, paths.adminKeysFile].filter(existsSync)).toEqual([]);
      },
      { runs: false },
    );
    await use(async (keys, { log }) => {
      expect(keys.appKeys.authenticate(app.keys[0]!)).toBeDefined();
      expect(log.lines).toEqual([]);
    });
  });

  it('are left in place by a start that does not get as far as running, and are read again when they changed since', async () => {
    const { paths, use } = await createDevice();
    const app = makePlainFile('door', 'yard');
    writeFileSync(paths.appKeysFile, app.text);
    const listImports = async (_: KeyRegistries, { store }: Parts): Promise<unknown[][]> =>
      (await listEntries(store)).filter(([action]) => action === 'key.imported');
    expect(await use(listImports, { runs: false })).toHaveLength(2);
    expect(readFileSync(paths.appKeysFile, 'utf8')).toBe(app.text);
    // The same file is not taken over twice.
    expect(await use(listImports, { runs: false })).toHaveLength(2);
    // The older version runs again and revokes a key.
    const revoked = app.text.replace('"name": "yard"', '"name": "yard", "revokedAt": "2026-01-03T00:00:00.000Z"');
    writeFileSync(paths.appKeysFile, revoked);
    await use(async (keys) => {
      expect(keys.ignoredFiles).toEqual([]);
      expect(existsSync(paths.appKeysFile)).toBe(false);
      expect(keys.appKeys.authenticate(app.keys[0]!)).toBeDefined();
      expect(keys.appKeys.authenticate(app.keys[1]!)).toBeUndefined();
    });
  });

  it('may lie there after a kill between the end of the upgrade and their removal', async () => {
    const { paths, use } = await createDevice();
    const app = makePlainFile('door');
    writeFileSync(paths.appKeysFile, app.text);
    await use(async (_, { store }) => store.finishUpgrade(), { runs: false });
    expect(existsSync(paths.appKeysFile)).toBe(true);
    await use(async (keys, { log }) => {
      expect(keys.ignoredFiles).toEqual([]);
      expect(log.lines.map(({ level }) => level)).toEqual(['info']);
      expect(existsSync(paths.appKeysFile)).toBe(false);
    });
  });

  it.each([
    ['{', 'is not valid JSON'],
    ['{"keys":[{}]}', 'is not a registry of appKeys: keys.0.id'],
    [' '.repeat(5 * 2 ** 20), 'is longer than'],
  ])('%# are refused where they are malformed, and the start fails', async (text, sentence) => {
    const { paths, use } = await createDevice();
    writeFileSync(paths.appKeysFile, text);
    await expect(use(async () => undefined)).rejects.toMatchObject({
      code: 'SECRET_INVALID',
      message: expect.stringContaining(sentence) as string,
    });
    expect(readFileSync(paths.appKeysFile, 'utf8')).toBe(text);
    writeFileSync(paths.appKeysFile, makePlainFile('door').text);
    await use(async (keys) => expect(keys.appKeys.list()).toHaveLength(1));
  });

  it('are not read through a link', async () => {
    const { paths, use } = await createDevice();
    writeFileSync(join(paths.databaseDir, '../elsewhere'), makePlainFile('door').text);
    symlinkSync('elsewhere', paths.appKeysFile);
    await expect(use(async () => undefined)).rejects.toEqual(withCode('SECRET_INVALID'));
  });
});

describe('a plain file that somebody puts into the data directory', () => {
  it.each([
    ['appKeysFile', 'appKeys'],
    ['adminKeysFile', 'adminKeys'],
  ] as const)('%s gives nobody a key, and is reported at every start', async (file, registry) => {
    const { paths, use } = await createDevice();
    const own = makePlainFile('door');
    writeFileSync(paths.appKeysFile, own.text);
    await use(async () => undefined);
    const forged = makePlainFile('intruder', 'attacker');
    writeFileSync(paths[file], forged.text);
    for (let start = 0; start < 2; start++) {
      await use(async (keys, { store, log }) => {
        for (const key of forged.keys) expect(keys[registry].authenticate(key)).toBeUndefined();
        expect(keys.appKeys.list().map(({ id }) => id)).toEqual(own.ids);
        expect(log.lines).toMatchObject([{ level: 'error', fields: { file: paths[file] } }]);
        expect(keys.health()).toMatchObject({ status: 'degraded' });
        expect(keys.ignoredFiles).toEqual([paths[file]]);
        await keys.removeOldFiles();
        expect(existsSync(paths[file])).toBe(true);
        expect((await listEntries(store)).filter(([action]) => action === 'key.imported')).toHaveLength(1);
      });
    }
  });

  it('in place of a database that was removed gives nobody a key', async () => {
    const { paths, use } = await createDevice('nobody');
    await use(async () => undefined);
    rmSync(paths.databaseDir, { recursive: true });
    const forged = makePlainFile('attacker');
    writeFileSync(paths.adminKeysFile, forged.text);
    for (const runs of [false, true]) {
      await use(
        async (keys) => {
          expect(keys.adminKeys.authenticate(forged.keys[0]!)).toBeUndefined();
          expect(keys.ignoredFiles).toEqual([paths.adminKeysFile]);
        },
        { runs },
      );
    }
  });

  it('before the first start of all gives nobody a key', async () => {
    const { paths, use } = await createDevice('nobody');
    const forged = makePlainFile('attacker');
    writeFileSync(paths.adminKeysFile, forged.text);
    await use(
      async (keys) => {
        expect(keys.adminKeys.authenticate(forged.keys[0]!)).toBeUndefined();
        expect(keys.adminKeys.list().map(({ name }) => name)).toEqual(['default']);
        expect(keys.ignoredFiles).toEqual([paths.adminKeysFile]);
      },
      { firstKeys: true },
    );
  });

  it('does not stop the service, whatever it is', async () => {
    const { paths, use } = await createDevice('nobody');
    await use(async () => undefined);
    mkdirSync(paths.appKeysFile);
    symlinkSync('nowhere', paths.adminKeysFile);
    await use(async (keys) => expect(keys.ignoredFiles).toEqual([paths.appKeysFile, paths.adminKeysFile]));
  });
});

describe('the first keys', () => {
  it('are made in a new store, and not beside keys that were taken over', async () => {
    const { paths, use } = await createDevice('nobody');
    await use(
      async (keys) => {
        const appKey = readFileSync(paths.firstAppKeyFile, 'utf8').trim();
        const secretKey = readFileSync(paths.firstSecretKeyFile, 'utf8').trim();
        expect(keys.appKeys.authenticateWithSecret(appKey, secretKey)).toMatchObject({ name: 'default' });
        const files = [paths.firstAppKeyFile, paths.firstSecretKeyFile, paths.firstAdminKeyFile];
        for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
        expect(appKey).toMatch(/^[\w-]{43}$/);
        const adminKey = readFileSync(paths.firstAdminKeyFile, 'utf8').trim();
        expect(keys.adminKeys.authenticate(adminKey)).toMatchObject({ name: 'default' });
        await keys.adminKeys.revoke('default');
      },
      { firstKeys: true },
    );
    // An operator who revoked the first key does not want another one.
    await use(async (keys) => expect(keys.adminKeys.list()).toHaveLength(1), { firstKeys: true });

    const upgraded = await createDevice();
    const app = makePlainFile('door');
    writeFileSync(upgraded.paths.appKeysFile, app.text);
    await upgraded.use(async (keys) => expect(keys.appKeys.list().map(({ id }) => id)).toEqual(app.ids), {
      firstKeys: true,
    });
    expect(existsSync(upgraded.paths.firstAppKeyFile)).toBe(false);
    expect(existsSync(upgraded.paths.firstAdminKeyFile)).toBe(true);
  });
});
