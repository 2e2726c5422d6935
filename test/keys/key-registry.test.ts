// The key registry: what is stored, which keys are accepted, that changes count at once, and that none is lost.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_KEY, APP_KEY, KeyRegistry, type NewKey } from '../../src/keys/key-registry.js';
import { callJson, recordingLog, startHarness } from '../api/harness.js';
import { startChild } from '../store/support.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lintel-keys-'));
  path = join(folder, 'app-keys.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A second registry over the same file, as another process has one. */
function registry(log = recordingLog()): KeyRegistry {
  return new KeyRegistry({ kind: APP_KEY, path, clock: () => Date.UTC(2026, 0, 2, 3, 4, 5), log });
}

/** Makes an appKey, which always has a secretKey. */
async function createPair(keys: KeyRegistry, name: string): Promise<NewKey & { secretKey: string }> {
  const { secretKey = '', ...made } = await keys.create(name);
  return { ...made, secretKey };
}

describe('a new key', () => {
  test('and its secretKey are 32 random bytes each, of which only the digests are stored, readable by the owner alone', async () => {
    const keys = registry();
    const { key, secretKey, entry } = await createPair(keys, 'front-door');
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(entry).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      name: 'front-door',
      createdAt: '2026-01-02T03:04:05.000Z',
    });
    const text = await readFile(path, 'utf8');
    expect(secretKey).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(secretKey).not.toBe(key);
    expect(text).not.toContain(key);
    expect(text).not.toContain(secretKey);
    const [sha256, secretSha256] = [key, secretKey].map((one) => createHash('sha256').update(one).digest('hex'));
    expect(JSON.parse(text)).toEqual({ keys: [{ ...entry, sha256, secretSha256 }] });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['app-keys.json']);
    expect((await keys.create('other')).key).not.toBe(key);
  });

  test.each(['', 'a b', 'ä', 'a/b', 'a'.repeat(65)])('is not named %j', async (name) => {
    await expect(registry().create(name)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await readdir(folder)).toEqual([]);
  });

  test('takes no name that a valid key has, but that of a revoked one', async () => {
    const keys = registry();
    const { entry: first } = await keys.create('door');
    await expect(keys.create('door')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await keys.revoke('door');
    expect(keys.findId('door')).toBeUndefined();
    const { entry: second } = await keys.create('door');
    expect(second.id).not.toBe(first.id);
    expect(keys.findId('door')).toBe(second.id);
    expect(keys.list().map(({ revokedAt }) => revokedAt !== undefined)).toEqual([true, false]);
  });

  test('of a registry that changed meanwhile keeps what the other process wrote', async () => {
    const [here, there] = [registry(), registry()];
    await here.create('a');
    await there.create('b');
    await here.create('c');
    expect(there.list().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  test('that cannot be written leaves nothing behind', async () => {
    const keys = new KeyRegistry({
      kind: APP_KEY,
      path: join(folder, 'none', 'app-keys.json'),
      clock: Date.now,
      log: recordingLog(),
    });
    await expect(keys.create('door')).rejects.toThrow();
    expect(keys.list()).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('authentication', () => {
  test('knows each of several keys, and no other text', async () => {
    const keys = registry();
    const made = [await keys.create('a'), await keys.create('b'), await keys.create('c')];
    for (const { key, entry } of made) expect(keys.authenticate(key)).toEqual(entry);
    const key = made[1]?.key ?? '';
    for (const wrong of ['', 'a', key.slice(1), `${key}x`, key.toLowerCase(), key.replace(/.$/, '\0')]) {
      expect(keys.authenticate(wrong)).toBeUndefined();
    }
  });

  test('with a secretKey takes that of the appKey alone, and never a revoked pair', async () => {
    const keys = registry();
    const [a, b] = [await createPair(keys, 'a'), await createPair(keys, 'b')];
    expect(keys.authenticateWithSecret(a.key, a.secretKey)).toEqual(a.entry);
    for (const secret of ['', a.key, b.secretKey, `${a.secretKey}x`, a.secretKey.slice(1), '0'.repeat(64)]) {
      expect(keys.authenticateWithSecret(a.key, secret)).toBeUndefined();
    }
    expect(keys.authenticateWithSecret(a.secretKey, a.secretKey)).toBeUndefined();
    expect(keys.authenticate(a.secretKey)).toBeUndefined();
    await keys.revoke('a');
    expect(keys.authenticateWithSecret(a.key, a.secretKey)).toBeUndefined();
    expect(keys.authenticateWithSecret(b.key, b.secretKey)).toEqual(b.entry);
  });

  test('with a secretKey refuses a key that was made before there were any, which stays valid without', async () => {
    const keys = registry();
    const { key, secretKey, entry } = await createPair(keys, 'old');
    const stored = JSON.parse(await readFile(path, 'utf8')) as { keys: { secretSha256?: string }[] };
    for (const storedKey of stored.keys) delete storedKey.secretSha256;
    await writeFile(path, JSON.stringify(stored));
    expect(keys.authenticate(key)).toEqual(entry);
    for (const secret of [secretKey, '', 'undefined']) {
      expect(keys.authenticateWithSecret(key, secret)).toBeUndefined();
    }
  });

  test('sees keys that another process made and revoked at once', async () => {
    const [service, cli] = [registry(), registry()];
    service.load();
    const { key, entry } = await cli.create('a');
    expect(service.authenticate(key)).toEqual(entry);
    await cli.revoke(entry.id);
    expect(service.authenticate(key)).toBeUndefined();
    expect(service.list()).toEqual([{ ...entry, revokedAt: '2026-01-02T03:04:05.000Z' }]);
  });

  test('sees a change that leaves size and modification time as they were', async () => {
    const [service, cli] = [registry(), registry()];
    const [a, b] = [await cli.create('aaa'), await cli.create('bbb')];
    expect(service.authenticate(a.key)).toBeDefined();
    const before = await stat(path);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replaceAll('aaa', 'ccc'));
    await utimes(path, before.atime, before.mtime);
    expect(service.findId('ccc')).toBe(a.entry.id);
    expect(service.authenticate(b.key)).toBeDefined();
  });

  test('lets nobody in where there is no registry, or no longer', async () => {
    const keys = registry();
    keys.load();
    expect(keys.authenticate('any')).toBeUndefined();
    const { key } = await keys.create('a');
    await rm(path);
    expect(keys.authenticate(key)).toBeUndefined();
  });

  test('a revoked key is refused by a running service with its next request', async () => {
    const harness = await startHarness();
    try {
      const { key } = await harness.appKeys.create('short-lived');
      const url = `${harness.origin}/nhn-face-reco/v1.0/appkeys/${key}/groups`;
      expect((await callJson('GET', url)).header.resultCode).toBe(0);
      await harness.appKeys.revoke('short-lived');
      expect((await callJson('GET', url)).header).toMatchObject({
        resultCode: -41000,
        resultMessage: 'UnauthorizedAppKey',
      });
    } finally {
      await harness.close();
    }
  });
});

describe('several writers at once', () => {
  test('in processes of their own: every printed key works, and every name is taken once', async () => {
    const startFile = join(folder, 'start');
    const script = fileURLToPath(new URL('add-keys-child.ts', import.meta.url));
    const children = ['a', 'b', 'c', 'd'].map((prefix) => startChild(script, path, startFile, prefix, '8'));
    for (const child of children) await child.line((line) => line === 'ready');
    await writeFile(startFile, '');
    for (const { ended } of children) expect(await ended).toBe(0);
    const printed = children.flatMap(({ lines }) => lines.filter((line) => line.startsWith('key ')));
    expect(printed).toHaveLength(32);
    const service = registry();
    for (const line of printed) expect(service.authenticate(line.slice(4))).toBeDefined();
    expect(new Set(service.list().map(({ name }) => name)).size).toBe(32);
  });

  test('in one process: no creation and no revocation is lost', async () => {
    const [here, there] = [registry(), registry()];
    await here.create('old');
    const [made, revoked, twice] = await Promise.allSettled([
      here.create('new'),
      there.revoke('old'),
      there.create('new'),
    ]);
    expect(revoked.status).toBe('fulfilled');
    expect([made.status, twice.status].sort()).toEqual(['fulfilled', 'rejected']);
    expect(here.list().map(({ name, revokedAt }) => [name, revokedAt !== undefined])).toEqual([
      ['old', true],
      ['new', false],
    ]);
  });
});

describe('the first key', () => {
  test('is made once, however many ask for it at once', async () => {
    const saved: string[] = [];
    const save = async ({ key }: NewKey): Promise<void> => void saved.push(key);
    const made = await Promise.all([1, 2, 3].map(() => registry().createFirst('default', save)));
    const keys = made.flatMap((one) => (one === undefined ? [] : [one.key]));
    expect(saved).toEqual(keys);
    expect(keys).toHaveLength(1);
    expect(registry().authenticate(keys[0] ?? '')).toMatchObject({ name: 'default' });
    await registry().revoke('default');
    expect(await registry().createFirst('default', save)).toBeUndefined();
  });

  test('is not accepted when it could not be saved for the operator', async () => {
    const save = (): Promise<void> => Promise.reject(new Error('disk full'));
    await expect(registry().createFirst('default', save)).rejects.toThrow('disk full');
    expect(registry().list()).toEqual([]);
  });
});

test('an admin key has no secretKey, and is no appKey', async () => {
  const admins = new KeyRegistry({ kind: ADMIN_KEY, path, clock: Date.now, log: recordingLog() });
  const { key, secretKey } = await admins.create('desk');
  expect(secretKey).toBeUndefined();
  expect(await readFile(path, 'utf8')).not.toContain('secret');
  expect(admins.authenticate(key)).toMatchObject({ name: 'desk' });
  for (const secret of ['', key, 'undefined']) expect(admins.authenticateWithSecret(key, secret)).toBeUndefined();
});

describe('revoking', () => {
  test('an unknown or a revoked key is refused', async () => {
    const keys = registry();
    await expect(keys.revoke('none')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await keys.create('a');
    await keys.revoke('a');
    await expect(keys.revoke('a')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a malformed registry', () => {
  const id = '00000000-0000-4000-8000-000000000000';
  const good = { id, name: 'a', sha256: '0'.repeat(64), createdAt: '2026-01-01T00:00:00Z' };
  const malformed: [string, string][] = [
    ['', 'not valid JSON'],
    ['{', 'not valid JSON'],
    ['[]', 'the file'],
    ['{}', 'keys'],
    [JSON.stringify({ keys: [{ ...good, sha256: 'short' }] }), 'keys.0.sha256'],
    [JSON.stringify({ keys: [{ ...good, secretSha256: 'short' }] }), 'keys.0.secretSha256'],
    [JSON.stringify({ keys: [good, { ...good, id: 7 }] }), 'keys.1.id'],
    [JSON.stringify({ keys: [{ ...good, revokedAt: 'yesterday' }] }), 'keys.0.revokedAt'],
    [JSON.stringify({ keys: [{ ...good, key: 'in clear' }] }), 'keys.0'],
  ];

  test.each(malformed)('%j is refused with the place', async (text, place) => {
    await writeFile(path, text);
    const keys = registry();
    expect(() => keys.load()).toThrow(place);
    await expect(keys.create('b')).rejects.toMatchObject({ code: 'SECRET_INVALID' });
    await expect(keys.revoke('a')).rejects.toMatchObject({ code: 'SECRET_INVALID' });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('while the service runs leaves the keys as they were, and is reported once', async () => {
    const log = recordingLog();
    const [service, cli] = [registry(log), registry()];
    const { key } = await cli.create('a');
    expect(service.authenticate(key)).toBeDefined();
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, -9));
    for (let i = 0; i < 3; i++) expect(service.authenticate(key)).toBeDefined();
    expect(log.lines.map(({ level }) => level)).toEqual(['error']);
    await writeFile(path, '{"keys":[]}');
    expect(service.authenticate(key)).toBeUndefined();
  });
});
