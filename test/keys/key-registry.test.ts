// The key registry: what is stored and sealed, which keys are accepted, that changes count at once with their audit entry, and that none is lost.
import { createHash } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AuditLog } from '../../src/audit/audit-log.js';
import { silentLog } from '../../src/domain/log.js';
import { KEYS_LABEL, type KeyRegistry, type NewKey } from '../../src/keys/key-registry.js';
import type { KeyRegistries } from '../../src/keys/key-registries.js';
import { ADMIN_KEY, APP_KEY, computeFingerprint, decodeRegistry, MAX_KEYS } from '../../src/keys/stored-keys.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { callJson, startHarness } from '../api/harness.js';
import { readRecords } from '../audit/support.js';
import { openStore, readContents, temporaryDirectory, withCode } from '../store/support.js';
import { openKeys } from './support.js';

const clock = (): number => Date.UTC(2026, 0, 2, 3, 4, 5);
const AT = '2026-01-02T03:04:05.000Z';

interface Open {
  directory: string;
  store: SealedStore;
  audit: AuditLog;
  keys: KeyRegistries;
  appKeys: KeyRegistry;
}

/** Opens the registries over a store, with an audit log. */
async function open(directory?: string): Promise<Open> {
  const folder = directory ?? (await temporaryDirectory());
  const store = await openStore(folder);
  const audit = new AuditLog({ store, clock, log: silentLog });
  await audit.start();
  const keys = await openKeys(store, { audit, clock });
  return { directory: folder, store, audit, keys, appKeys: keys.appKeys };
}

/** Makes an appKey, which always has a secretKey. */
async function createPair(keys: KeyRegistry, name: string): Promise<NewKey & { secretKey: string }> {
  const { secretKey = '', ...made } = await keys.create(name);
  return { ...made, secretKey };
}

const listEntries = async (store: SealedStore): Promise<unknown[]> =>
  (await readRecords(store)).map(({ action, actor, subject }) => [action, actor, subject]);

describe('a new key', () => {
  test('and its secretKey are 32 random bytes each, of which only digests are stored, in a sealed record', async () => {
    const { directory, store, appKeys } = await open();
    const { key, secretKey, entry } = await createPair(appKeys, 'front-door');
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(secretKey).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(secretKey).not.toBe(key);
    const [sha256 = '', secretSha256 = ''] = [key, secretKey].map((one) =>
      createHash('sha256').update(one).digest('hex'),
    );
    const id = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
    const fingerprint = computeFingerprint({ sha256, secretSha256 });
    expect(entry).toEqual({ id, name: 'front-door', fingerprint, createdAt: AT });
    expect(decodeRegistry(appKeys.encode(), APP_KEY, 'it')).toEqual([
      { id: entry.id, name: 'front-door', sha256, secretSha256, createdAt: AT },
    ]);
    expect((await appKeys.create('other')).key).not.toBe(key);
    await store.stop();
    const files = Buffer.concat([...(await readContents(directory)).values()]).toString('latin1');
    for (const text of [key, secretKey, sha256, secretSha256, 'front-door', fingerprint]) {
      expect(files).not.toContain(text);
    }
  });

  test.each(['', 'a b', 'ä', 'a/b', 'a'.repeat(65)])('is not named %j', async (name) => {
    const { store, appKeys } = await open();
    await expect(appKeys.create(name)).rejects.toEqual(withCode('CONFIG_INVALID'));
    expect(appKeys.list()).toEqual([]);
    expect(await listEntries(store)).toEqual([]);
  });

  test('takes no name that a valid key has, but that of a revoked one', async () => {
    const { appKeys } = await open();
    const { entry: first } = await appKeys.create('door');
    await expect(appKeys.create('door')).rejects.toEqual(withCode('CONFIG_INVALID'));
    await appKeys.revoke('door');
    expect(appKeys.findId('door')).toBeUndefined();
    const { entry: second } = await appKeys.create('door');
    expect(second.id).not.toBe(first.id);
    expect(appKeys.findId('door')).toBe(second.id);
    expect(appKeys.list().map(({ revokedAt }) => revokedAt !== undefined)).toEqual([true, false]);
  });

  test('that cannot be written changes nothing, in memory and on the disk', async () => {
    const { directory, store, appKeys } = await open();
    const { key } = await appKeys.create('a');
    await store.stop();
    await expect(appKeys.create('door')).rejects.toEqual(withCode('STOPPED'));
    await expect(appKeys.revoke('a')).rejects.toEqual(withCode('STOPPED'));
    expect(appKeys.list()).toHaveLength(1);
    expect(appKeys.authenticate(key)).toBeDefined();
    const again = await open(directory);
    expect(again.appKeys.list()).toEqual(appKeys.list());
    expect(await listEntries(again.store)).toHaveLength(1);
  });

  test('is refused when there are 10,000 already', async () => {
    const { store } = await open();
    const space = await store.openSpace(KEYS_LABEL);
    const stored = Array.from({ length: MAX_KEYS }, (_, i) => ({
      id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
      name: 'n'.repeat(64),
      sha256: createHash('sha256').update(String(i)).digest('hex'),
      secretSha256: '0'.repeat(64),
      createdAt: AT,
      revokedAt: AT,
    }));
    await store.write([space.put(Buffer.from(APP_KEY.id), Buffer.from(JSON.stringify({ keys: stored }, null, 2)))]);
    const { appKeys } = await openKeys(store);
    expect(appKeys.list()).toHaveLength(MAX_KEYS);
    await expect(appKeys.create('one-more')).rejects.toThrow('there are 10000 appKeys already, revoked ones included');
  });
});

describe('authentication', () => {
  test('knows each of several keys, and no other text', async () => {
    const { appKeys } = await open();
    const made = [await appKeys.create('a'), await appKeys.create('b'), await appKeys.create('c')];
    for (const { key, entry } of made) expect(appKeys.authenticate(key)).toEqual(entry);
    const key = made[1]?.key ?? '';
    for (const wrong of ['', 'a', key.slice(1), `${key}x`, key.toLowerCase(), key.replace(/.$/, '\0')]) {
      expect(appKeys.authenticate(wrong)).toBeUndefined();
    }
  });

  test('with a secretKey takes that of the appKey alone, and never a revoked pair', async () => {
    const { appKeys } = await open();
    const [a, b] = [await createPair(appKeys, 'a'), await createPair(appKeys, 'b')];
    expect(appKeys.authenticateWithSecret(a.key, a.secretKey)).toEqual(a.entry);
    for (const secret of ['', a.key, b.secretKey, `${a.secretKey}x`, a.secretKey.slice(1), '0'.repeat(64)]) {
      expect(appKeys.authenticateWithSecret(a.key, secret)).toBeUndefined();
    }
    expect(appKeys.authenticateWithSecret(a.secretKey, a.secretKey)).toBeUndefined();
    expect(appKeys.authenticate(a.secretKey)).toBeUndefined();
    await appKeys.revoke('a');
    expect(appKeys.authenticateWithSecret(a.key, a.secretKey)).toBeUndefined();
    expect(appKeys.authenticateWithSecret(b.key, b.secretKey)).toEqual(b.entry);
  });

  test('with a secretKey refuses a key that was made before there were any, which stays valid without', async () => {
    const { store, appKeys } = await open();
    const { key, secretKey, entry } = await createPair(appKeys, 'old');
    const [stored] = decodeRegistry(appKeys.encode(), APP_KEY, 'it');
    const without = { ...stored!, secretSha256: undefined };
    const space = await store.openSpace(KEYS_LABEL);
    await store.write([space.put(Buffer.from(APP_KEY.id), Buffer.from(JSON.stringify({ keys: [without] })))]);
    const { appKeys: again } = await openKeys(store);
    expect(again.authenticate(key)).toMatchObject({ id: entry.id });
    for (const secret of [secretKey, '', 'undefined'])
      expect(again.authenticateWithSecret(key, secret)).toBeUndefined();
  });

  test('is the same after a restart, and lets nobody in before the start and after the stop', async () => {
    const { directory, store, keys, appKeys } = await open();
    const { key, entry } = await appKeys.create('a');
    await keys.stop();
    expect(appKeys.authenticate(key)).toBeUndefined();
    await expect(appKeys.create('b')).rejects.toEqual(withCode('STOPPED'));
    await store.stop();
    const again = await open(directory);
    expect(again.appKeys.authenticate(key)).toEqual(entry);
  });

  test('a revoked key is refused by a running service with its next request', async () => {
    const harness = await startHarness();
    onTestFinished(() => harness.close());
    const { key } = await harness.appKeys.create('short-lived');
    const url = `${harness.origin}/nhn-face-reco/v1.0/appkeys/${key}/groups`;
    expect((await callJson('GET', url)).header.resultCode).toBe(0);
    await harness.appKeys.revoke('short-lived');
    expect((await callJson('GET', url)).header).toMatchObject({
      resultCode: -41000,
      resultMessage: 'UnauthorizedAppKey',
    });
  });

  test('an admin key has no secretKey, and is no appKey', async () => {
    const { appKeys, keys } = await open();
    const { key, secretKey } = await keys.adminKeys.create('desk');
    expect(secretKey).toBeUndefined();
    expect(keys.adminKeys.encode().toString()).not.toContain('secret');
    expect(keys.adminKeys.authenticate(key)).toMatchObject({ name: 'desk' });
    expect(appKeys.authenticate(key)).toBeUndefined();
    for (const secret of ['', key, 'undefined']) {
      expect(keys.adminKeys.authenticateWithSecret(key, secret)).toBeUndefined();
    }
  });
});

describe('the audit log', () => {
  test('has an entry for each change, with the name, the kind and the fingerprint, in the same batch', async () => {
    const { store, appKeys, keys } = await open();
    const { batches } = store.stats();
    const { entry: app } = await appKeys.create('door');
    const { entry: admin } = await keys.adminKeys.create('desk', { actor: 'admin:default' });
    await appKeys.revoke('door');
    expect(store.stats().batches - batches).toBe(3);
    const subject = { id: app.id, name: 'door', fingerprint: app.fingerprint };
    expect(await listEntries(store)).toEqual([
      ['key.created', 'cli', subject],
      [
        'key.created',
        'admin:default',
        { id: admin.id, name: 'desk', kind: ADMIN_KEY.id, fingerprint: admin.fingerprint, role: 'admin' },
      ],
      ['key.revoked', 'cli', subject],
    ]);
  });
});

describe('a role', () => {
  test('is stored with an admin key, survives a restart, and is that of an admin where none is given', async () => {
    const { keys, store } = await open();
    await keys.adminKeys.create('desk', { role: 'viewer' });
    await keys.adminKeys.create('guard', { role: 'operator' });
    await keys.adminKeys.create('owner');
    const roles = (all: KeyRegistry): unknown[] => all.list().map(({ name, role }) => [name, role]);
    const expected = [
      ['desk', 'viewer'],
      ['guard', 'operator'],
      ['owner', 'admin'],
    ];
    expect(roles(keys.adminKeys)).toEqual(expected);
    expect((await keys.adminKeys.revoke('desk')).role).toBe('viewer');
    // A version without roles reads a registry whose keys are all of admins, and refuses any other.
    expect(keys.adminKeys.encode().toString()).not.toContain('"admin"');
    expect(roles((await openKeys(store)).adminKeys)).toEqual(expected);
  });

  test('is refused for an appKey, when it is made and in a registry', async () => {
    const { appKeys, keys } = await open();
    await expect(appKeys.create('door', { role: 'viewer' })).rejects.toThrow('an appKey has no role');
    expect(appKeys.list()).toEqual([]);
    await keys.adminKeys.create('desk', { role: 'viewer' });
    const content = keys.adminKeys.encode();
    expect(() => decodeRegistry(content, APP_KEY, 'it')).toThrow(
      'it is not a registry of appKeys: a key in it has a role',
    );
    expect(decodeRegistry(content, ADMIN_KEY, 'it')).toMatchObject([{ role: 'viewer' }]);
  });
});

describe('several changes at once', () => {
  test('lose no creation and no revocation, and take every name once', async () => {
    const { appKeys, store } = await open();
    await appKeys.create('old');
    const names = Array.from({ length: 20 }, (_, i) => `n-${i}`);
    const all = await Promise.allSettled([
      ...names.map((name) => appKeys.create(name)),
      appKeys.revoke('old'),
      appKeys.create('n-3'),
    ]);
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(appKeys.list().map(({ name }) => name)).toEqual(['old', ...names]);
    expect(appKeys.list()[0]?.revokedAt).toBe(AT);
    const { appKeys: again } = await openKeys(store);
    expect(again.list()).toEqual(appKeys.list());
    for (const result of all) {
      if (result.status === 'fulfilled' && 'key' in result.value) {
        expect(again.authenticate(result.value.key)).toEqual(result.value.entry);
      }
    }
  });
});

describe('the first key', () => {
  test('is made once, however many ask for it at once, and not again after it was revoked', async () => {
    const { appKeys } = await open();
    const saved: string[] = [];
    const save = async ({ key }: NewKey): Promise<void> => void saved.push(key);
    const made = await Promise.all([1, 2, 3].map(() => appKeys.createFirst('default', save)));
    const keys = made.flatMap((one) => (one === undefined ? [] : [one.key]));
    expect(saved).toEqual(keys);
    expect(keys).toHaveLength(1);
    expect(appKeys.authenticate(keys[0] ?? '')).toMatchObject({ name: 'default' });
    await appKeys.revoke('default');
    expect(await appKeys.createFirst('default', save)).toBeUndefined();
  });

  test('is not accepted when it could not be saved for the operator', async () => {
    const { appKeys, store } = await open();
    const save = (): Promise<void> => Promise.reject(new Error('disk full'));
    await expect(appKeys.createFirst('default', save)).rejects.toThrow('disk full');
    expect(appKeys.list()).toEqual([]);
    expect(await listEntries(store)).toEqual([]);
  });
});

test('an unknown or a revoked key cannot be revoked', async () => {
  const { appKeys } = await open();
  await expect(appKeys.revoke('none')).rejects.toEqual(withCode('CONFIG_INVALID'));
  await appKeys.create('a');
  await appKeys.revoke('a');
  await expect(appKeys.revoke('a')).rejects.toEqual(withCode('CONFIG_INVALID'));
});

describe('a malformed registry', () => {
  const id = '00000000-0000-4000-8000-000000000000';
  const good = { id, name: 'a', sha256: '0'.repeat(64), createdAt: '2026-01-01T00:00:00Z' };
  test.each([
    ['', 'not valid JSON'],
    ['{', 'not valid JSON'],
    ['[]', 'the whole of it'],
    ['{}', 'keys'],
    [JSON.stringify({ keys: [{ ...good, sha256: 'short' }] }), 'keys.0.sha256'],
    [JSON.stringify({ keys: [{ ...good, secretSha256: 'short' }] }), 'keys.0.secretSha256'],
    [JSON.stringify({ keys: [good, { ...good, id: 7 }] }), 'keys.1.id'],
    [JSON.stringify({ keys: [{ ...good, revokedAt: 'yesterday' }] }), 'keys.0.revokedAt'],
    [JSON.stringify({ keys: [{ ...good, key: 'in clear' }] }), 'keys.0'],
    [JSON.stringify({ keys: [good, good] }), 'one id twice'],
  ])('%j is refused with the place, and left as it is', async (text, place) => {
    const { store } = await open();
    const space = await store.openSpace(KEYS_LABEL);
    await store.write([space.put(Buffer.from(APP_KEY.id), Buffer.from(text))]);
    await expect(openKeys(store)).rejects.toMatchObject({
      code: 'SECRET_INVALID',
      message: expect.stringContaining(place) as string,
    });
    expect((await space.get(Buffer.from(APP_KEY.id)))?.toString()).toBe(text);
  });
});
