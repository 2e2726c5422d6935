// The routes that make and revoke keys.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectSentence } from '../details.js';
import { startDevice, type Device } from './harness.js';
import { send, type RawAnswer } from './raw-request.js';

const TEXT = expect.any(String) as string;

let device: Device;
beforeEach(async () => {
  device = await startDevice();
});
afterEach(() => device.close());

const call = (method: string, path: string, body?: unknown, key = device.adminKey): Promise<RawAnswer> =>
  send(device.origin, method, path, {
    headers: { authorization: `Bearer ${key}` },
    ...(body !== undefined && { body }),
  });

const idOf = async (name: string): Promise<string> =>
  (await call('GET', '/keys')).body.keys.find((key) => key.name === name)?.id ?? '';

describe('making a key', () => {
  test('shows an admin key once, with its role, and it works at once', async () => {
    const { status, body } = await call('POST', '/keys', { kind: 'admin', name: 'desk', role: 'viewer' });
    expect(status).toBe(200);
    const { key, ...shown } = body;
    expect(key).toMatch(/^[\w-]{43}$/);
    expect(shown).toMatchObject({ kind: 'admin', name: 'desk', role: 'viewer', current: false });
    expect(shown).not.toHaveProperty('secretKey');
    expect((await call('GET', '/cameras', undefined, key)).status).toBe(200);
    expect((await call('GET', '/keys', undefined, key)).status).toBe(403);
    const listed = (await call('GET', '/keys')).body;
    expect(listed.keys).toContainEqual(shown);
    expect(JSON.stringify(listed)).not.toContain(key);
  });

  test('shows an appKey with its secretKey', async () => {
    const { body } = await call('POST', '/keys', { kind: 'app', name: 'door' });
    expect(body).toMatchObject({ kind: 'app', name: 'door', key: TEXT, secretKey: TEXT });
    expect(body).not.toHaveProperty('role');
    const answer = (await (await fetch(`${device.origin}/nhn-face-reco/v1.0/appkeys/${body.key}/groups`)).json()) as {
      header: { isSuccessful: boolean };
    };
    expect(answer.header.isSuccessful).toBe(true);
  });

  test.each([
    [{ kind: 'admin', name: 'a b', role: 'admin' }, 400, 'The field name must have 1 to 64 of'],
    [{ kind: 'admin', name: 'desk' }, 400, 'The body must have a role for an admin key, and none for an appKey.'],
    [{ kind: 'app', name: 'desk', role: 'admin' }, 400, 'The body must have a role for an admin key, and none for'],
    [{ kind: 'admin', name: 'desk', role: 'king' }, 400, 'The field role must be one of: viewer, operator, admin.'],
    [{ kind: 'master', name: 'desk' }, 400, 'The field kind must be one of: app, admin.'],
    [
      { kind: 'admin', name: 'front-desk', role: 'viewer' },
      409,
      'There is a valid admin key named front-desk already.',
    ],
    [{ kind: 'app', name: 'default' }, 409, 'There is a valid appKey named default already.'],
  ])('%j is refused with %i: %s', async (body, status, message) => {
    const before = (await call('GET', '/keys')).body;
    const answer = await call('POST', '/keys', body);
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toContain(message);
    expectSentence(answer.body.error.message);
    expect((await call('GET', '/keys')).body).toEqual(before);
  });
});

describe('revoking a key', () => {
  test.each(['app', 'admin'] as const)('of the kind %s refuses it at once, and not twice', async (kind) => {
    await call('POST', '/keys', { kind, name: 'desk', ...(kind === 'admin' && { role: 'viewer' }) });
    const id = await idOf('desk');
    const { status, body } = await call('DELETE', `/keys/${id}`);
    expect([status, body]).toMatchObject([200, { kind, id, name: 'desk', revokedAt: TEXT }]);
    const again = await call('DELETE', `/keys/${id}`);
    expect([again.status, again.body.error.message]).toEqual([404, 'There is no valid key with this id.']);
  });

  test('takes the id alone, not the name', async () => {
    expect((await call('DELETE', '/keys/default')).status).toBe(404);
  });

  test('refuses the key of the request, and that of its session', async () => {
    const id = await idOf('front-desk');
    const { origin } = device;
    const { cookie } = await send(origin, 'POST', '/session', { headers: { origin }, body: { key: device.adminKey } });
    const byCookie = await send(origin, 'DELETE', `/keys/${id}`, { headers: { cookie, origin } });
    for (const answer of [await call('DELETE', `/keys/${id}`), byCookie]) {
      expect([answer.status, answer.body.error.code]).toEqual([409, 'KEY_CONFLICT']);
      expectSentence(answer.body.error.message);
    }
    const listed = await send(origin, 'GET', '/keys', { headers: { cookie } });
    expect(listed.body.keys.filter(({ current }) => current).map(({ name }) => name)).toEqual(['front-desk']);
  });
});
