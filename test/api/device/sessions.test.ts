// Sessions of the console: signing in, the cookie, the limits, the origin of a request, and what ends a session.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { ATTEMPTS, MS_PER_ATTEMPT } from '../../../src/api/core/attempt-limit.js';
import { REFUSALS_INTERVAL_MS } from '../../../src/api/device/sign-in-audit.js';
import type { Role } from '../../../src/domain/role.js';
import { SESSIONS_PER_KEY } from '../../../src/keys/sessions.js';
import { TOKEN_LIFETIME_MS } from '../../../src/keys/sign-in-tokens.js';
import { ManualTimers } from '../../camera/manual-timers.js';
import { hasOpenssl, makeCertificate } from '../../support/certificate.js';
import { expectSentence } from '../details.js';
import { recordingLog } from '../harness.js';
import { IDLE_MS, LIFETIME_MS, startDevice, type Device, type DeviceOptions } from './harness.js';
import { send, type RawAnswer, type RawOptions } from './raw-request.js';

let device: Device;
let timers: ManualTimers;
afterEach(() => device.close());

async function start(options: DeviceOptions = {}): Promise<void> {
  timers = new ManualTimers();
  device = await startDevice({ clock: timers.clock, timers, ...options });
}

const call = (method: string, path: string, options: RawOptions = {}): Promise<RawAnswer> =>
  send(device.origin, method, path, options);

/** Headers that a browser sends from a page of the console. */
const page = (cookie: string, origin = device.origin): Record<string, string> => ({
  cookie,
  origin,
  'sec-fetch-site': 'same-origin',
});

const signIn = (
  key = device.adminKey,
  headers: RawOptions['headers'] = { origin: device.origin },
): Promise<RawAnswer> => call('POST', '/session', { headers, body: { key } });

async function signInAs(role: Role, name: string = role): Promise<{ key: string; cookie: string }> {
  const { key } = await device.adminKeys.create(name, { role });
  return { key, cookie: (await signIn(key)).cookie };
}

/** Entries of the audit log, without that of the group of the harness. */
const audited = async (): ReturnType<Device['audited']> => (await device.audited()).slice(1);

const codeOf = ({ status, body }: RawAnswer): [number, string | undefined] => [status, body.error?.code];

describe('signing in', () => {
  test('exchanges an admin key for a cookie, with which the API is used', async () => {
    await start();
    const answer = await signIn();
    expect(answer.status).toBe(200);
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(/^lintel=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      id: expect.any(String) as string,
      name: 'front-desk',
      role: 'admin',
      idleSeconds: IDLE_MS / 1_000,
      expiresAt: new Date(timers.nowMs + LIFETIME_MS).toISOString(),
    });
    expect(answer.cookie).not.toContain(answer.body.id);
    expect((await call('GET', '/version', { headers: { cookie: answer.cookie } })).status).toBe(200);
    expect((await call('PUT', '/privacy', { headers: page(answer.cookie), body: { on: false } })).status).toBe(200);
    const { status, body } = await call('GET', '/session', {
      headers: { cookie: `theme=dark; ${answer.cookie}; x=y` },
    });
    expect([status, body]).toEqual([200, { signedIn: true, ...answer.body }]);
    // A page that is opened asks who is signed in, and nobody is no error.
    const nobody = await call('GET', '/session');
    expect([nobody.status, nobody.body]).toEqual([200, { signedIn: false }]);
    expect(await audited()).toEqual([
      [
        'session.opened',
        'admin:front-desk',
        { id: answer.body.id, name: 'front-desk', role: 'admin', address: '127.0.0.1', by: 'key' },
      ],
      ['privacy.changed', 'admin:front-desk', { on: false }],
    ]);
  });

  test('gives the session the role of its key', async () => {
    await start();
    const { cookie } = await signInAs('viewer');
    expect((await call('GET', '/cameras', { headers: { cookie } })).status).toBe(200);
    const refused = await call('PUT', '/privacy', { headers: page(cookie), body: { on: true } });
    expect(codeOf(refused)).toEqual([403, 'ROLE_TOO_LOW']);
    expect(codeOf(await call('GET', '/sessions', { headers: { cookie } }))).toEqual([403, 'ROLE_TOO_LOW']);
    expect(device.cameras.privacy).toBe(false);
  });

  test('with a one-time token opens one session, within a minute', async () => {
    await start();
    const { token } = device.signInTokens.create('operator');
    const opened = await call('POST', '/session', { body: { token } });
    expect(opened.body).toMatchObject({ name: 'console@device', role: 'operator' });
    expect((await call('GET', '/cameras', { headers: { cookie: opened.cookie } })).status).toBe(200);
    const again = await call('POST', '/session', { body: { token } });
    expect(codeOf(again)).toEqual([401, 'UNAUTHORIZED_ADMIN_KEY']);
    expectSentence(again.body.error.message);
    const late = device.signInTokens.create('operator');
    timers.nowMs += TOKEN_LIFETIME_MS;
    expect((await call('POST', '/session', { body: { token: late.token } })).status).toBe(401);
    expect((await audited())[0]).toEqual([
      'session.opened',
      'admin:console@device',
      expect.objectContaining({ role: 'operator', by: 'token' }),
    ]);
  });

  test('with wrong keys and tokens is slowed down, and never with a valid key', async () => {
    await start();
    const statuses: number[] = [];
    for (let i = 0; i <= ATTEMPTS; i++) {
      const body = i % 2 === 0 ? { key: `wrong${i}` } : { token: `wrong${i}` };
      const answer = await call('POST', '/session', { headers: { origin: device.origin }, body });
      expectSentence(answer.body.error.message);
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([...Array<number>(ATTEMPTS).fill(401), 429]);
    expect((await call('GET', '/version', { headers: { authorization: 'Bearer wrong' } })).status).toBe(429);
    expect((await signIn()).status).toBe(200);
    timers.nowMs += ATTEMPTS * MS_PER_ATTEMPT;
    expect((await signIn('wrong')).status).toBe(401);
  });

  test('that is refused is in the audit log, with one entry for many refusals', async () => {
    await start();
    for (let i = 0; i < 5; i++) await signIn(`wrong${i}`);
    await call('POST', '/session', { headers: { origin: 'https://evil.example' }, body: { key: device.adminKey } });
    const refused = async (): Promise<unknown[]> =>
      (await audited()).filter(([action]) => action === 'session.refused');
    const first = { address: '127.0.0.1', code: 'UNAUTHORIZED_ADMIN_KEY', count: 1 };
    await expect.poll(refused).toEqual([['session.refused', 'nobody', first]]);
    await timers.advance(REFUSALS_INTERVAL_MS);
    const rest = { address: '127.0.0.1', code: 'FOREIGN_ORIGIN', count: 5 };
    await expect.poll(refused).toEqual([
      ['session.refused', 'nobody', first],
      ['session.refused', 'nobody', rest],
    ]);
  });

  test.each([
    [{}, 'The body must have either key or token.'],
    [{ key: 'a', token: 'b' }, 'The body must have either key or token.'],
    [{ key: '' }, 'The field key must have at least 1 characters.'],
    [{ key: 'x'.repeat(257) }, 'The field key must have at most 256 characters.'],
    [{ key: 1 }, 'The field key must be a string.'],
    [{ password: 'x' }, 'The field password is not known here.'],
  ])('with the body %j is 400', async (body, message) => {
    await start();
    const answer = await call('POST', '/session', { body });
    expect([answer.status, answer.body.error.message]).toEqual([400, message]);
  });

  test('again ends the session before, and takes a new id: nobody can plant one', async () => {
    await start();
    const planted = `lintel=${'A'.repeat(43)}`;
    const first = await signIn(device.adminKey, page(planted));
    expect(first.cookie).not.toBe(planted);
    const second = await signIn(device.adminKey, page(first.cookie));
    expect(second.cookie).not.toBe(first.cookie);
    expect(codeOf(await call('GET', '/session', { headers: { cookie: first.cookie } }))).toEqual([
      401,
      'SESSION_ENDED',
    ]);
    expect((await call('GET', '/session', { headers: { cookie: second.cookie } })).status).toBe(200);
  });

  test('leaves no key, token or id of a session in the log or the audit log', async () => {
    const log = recordingLog();
    await start({ log });
    const { token } = device.signInTokens.create('admin');
    const secrets = [device.adminKey, token, (await signIn()).cookie.slice('lintel='.length)];
    secrets.push((await call('POST', '/session', { body: { token } })).cookie.slice('lintel='.length));
    await signIn('wrong-key-of-somebody');
    secrets.push('wrong-key-of-somebody');
    const text = JSON.stringify([log.lines, await audited()]);
    expect(log.lines.length).toBeGreaterThan(2);
    for (const secret of secrets) expect(text).not.toContain(secret);
  });
});

describe('a session ends', () => {
  test('when its user does nothing; a page that only fetches does not keep it alive', async () => {
    await start();
    const { cookie } = await signIn();
    timers.nowMs += IDLE_MS - 1;
    expect((await call('GET', '/cameras', { headers: { cookie } })).status).toBe(200);
    timers.nowMs += 1;
    const ended = await call('GET', '/cameras', { headers: { cookie } });
    expect(codeOf(ended)).toEqual([401, 'SESSION_ENDED']);
    expectSentence(ended.body.error.message);
    // The cookie stays: it may be one of another device, on another port of this host.
    expect(ended.headers['set-cookie']).toBeUndefined();
  });

  test.each<[string, () => [string, string, RawOptions['headers']]]>([
    ['a request with the header of an act', () => ['GET', '/cameras', { 'x-lintel-active': '1' }]],
    ['a change', () => ['POST', '/cameras/front/pause', {}]],
  ])('later after %s', async (_, act) => {
    await start();
    const { cookie } = await signIn();
    timers.nowMs += IDLE_MS - 1;
    const [method, path, headers] = act();
    expect((await call(method, path, { headers: { ...page(cookie), ...headers } })).status).toBe(200);
    timers.nowMs += IDLE_MS - 1;
    expect((await call('GET', '/session', { headers: { cookie } })).body.idleSeconds).toBe(0);
    timers.nowMs += 1;
    expect((await call('GET', '/session', { headers: { cookie } })).status).toBe(401);
  });

  test('after the absolute limit, whatever its user does', async () => {
    await start();
    const { cookie } = await signIn();
    const active = { cookie, 'x-lintel-active': '1' };
    for (let ms = 0; ms < LIFETIME_MS; ms += IDLE_MS / 2) {
      expect((await call('GET', '/version', { headers: active })).status).toBe(200);
      timers.nowMs += IDLE_MS / 2;
    }
    expect(codeOf(await call('GET', '/version', { headers: active }))).toEqual([401, 'SESSION_ENDED']);
  });

  test('with its key, at once', async () => {
    await start();
    const { cookie } = await signInAs('operator', 'desk');
    await device.adminKeys.revoke('desk');
    expect(codeOf(await call('GET', '/version', { headers: { cookie } }))).toEqual([401, 'SESSION_ENDED']);
  });

  test('when its user signs out: the cookie is removed, and the id opens nothing', async () => {
    await start();
    const { cookie, body } = await signIn();
    const answer = await call('DELETE', '/session', { headers: page(cookie) });
    expect([answer.status, answer.body]).toEqual([200, { id: body.id }]);
    expect(answer.headers['set-cookie']).toEqual(['lintel=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0']);
    expect(codeOf(await call('GET', '/version', { headers: { cookie } }))).toEqual([401, 'SESSION_ENDED']);
    expect((await audited()).at(-1)).toEqual([
      'session.ended',
      'admin:front-desk',
      { id: body.id, name: 'front-desk', role: 'admin', address: '127.0.0.1', reason: 'signed-out' },
    ]);
  });

  test('when an admin ends it', async () => {
    await start();
    const { cookie } = await signInAs('viewer', 'desk');
    const admin = (await signIn()).cookie;
    const { body } = await call('GET', '/sessions', { headers: { cookie: admin } });
    expect(body.sessions.map(({ name, current }) => [name, current])).toEqual([
      ['desk', false],
      ['front-desk', true],
    ]);
    const id = body.sessions[0]?.id ?? '';
    expect((await call('DELETE', `/sessions/${id}`, { headers: page(admin) })).body).toEqual({ id });
    expect((await call('GET', '/version', { headers: { cookie } })).status).toBe(401);
    expect(codeOf(await call('DELETE', `/sessions/${id}`, { headers: page(admin) }))).toEqual([404, 'NOT_FOUND']);
    expect((await audited()).at(-1)).toEqual([
      'session.ended',
      'admin:front-desk',
      expect.objectContaining({ name: 'desk', reason: 'ended' }),
    ]);
  });

  test('when its key has too many: the one that was not used for the longest time gives way', async () => {
    await start();
    const { cookie } = await signIn();
    for (let i = 0; i < SESSIONS_PER_KEY; i++) expect((await signIn()).status).toBe(200);
    expect((await call('GET', '/version', { headers: { cookie } })).status).toBe(401);
    const entries = (await audited()).filter(([action]) => action === 'session.ended');
    expect(entries).toEqual([['session.ended', 'admin:front-desk', expect.objectContaining({ reason: 'gave-way' })]]);
  });
});

describe('an idle stream or view ends at once', () => {
  /** Opens a stream, and tells whether it has ended. */
  async function open(path: string, headers: Record<string, string>): Promise<() => boolean> {
    const response = await fetch(`${device.origin}/device/v1${path}`, { headers });
    expect(response.status).toBe(200);
    let isOver = false;
    onTestFinished(() => void response.body?.cancel().catch(() => undefined));
    const reader = response.body!.getReader();
    await reader.read();
    void (async () => {
      while (!(await reader.read()).done);
      isOver = true;
    })().catch(() => (isOver = true));
    return () => isOver;
  }

  const PATHS = ['/events/stream', '/status/stream?everyMs=60000', '/cameras/front/live?fps=0.1'];
  const byKey = ({ key }: { key: string }): Record<string, string> => ({ authorization: `Bearer ${key}` });
  const byCookie = ({ cookie }: { cookie: string }): Record<string, string> => ({ cookie });

  test.each<[string, typeof byKey | typeof byCookie, (id: string) => unknown]>([
    ['of a revoked key', byKey, () => device.adminKeys.revoke('desk')],
    ['of a session whose key is revoked', byCookie, () => device.adminKeys.revoke('desk')],
    ['of a session that an admin ends', byCookie, (id) => device.call('DELETE', `/sessions/${id}`)],
    ['of a session whose user does nothing', byCookie, () => timers.advance(IDLE_MS + 1_000)],
  ])('%s, and those of others go on', async (_, headersOf, end) => {
    await start();
    device.cameras.show('front', 'x');
    const caller = await signInAs('viewer', 'desk');
    const own = await Promise.all(PATHS.map((path) => open(path, headersOf(caller))));
    const other = await open('/events/stream', { authorization: `Bearer ${device.adminKey}` });
    const { body } = await call('GET', '/sessions', { headers: { authorization: `Bearer ${device.adminKey}` } });
    expect(own.map((isOver) => isOver())).toEqual([false, false, false]);
    // No timer is moved on but for the idle limit: nothing but the end itself can end them.
    await end(body.sessions[0]?.id ?? '');
    await expect.poll(() => own.map((isOver) => isOver())).toEqual([true, true, true]);
    expect(other()).toBe(false);
    expect(device.services.feeds.count).toBe(1);
    expect(device.services.views.count('front')).toBe(0);
  });
});

describe('a request with a cookie', () => {
  test.each<[string, string, Record<string, string>]>([
    ['a change from another origin', 'PUT', { origin: 'https://evil.example' }],
    ['a change from another port of this host', 'PUT', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
    ['a change from another scheme of this host', 'PUT', { origin: 'https://HOST' }],
    ['a change from a sandboxed frame', 'PUT', { origin: 'null' }],
    ['a change without an origin', 'PUT', {}],
    ['a change that says same-site', 'PUT', { origin: 'http://HOST', 'sec-fetch-site': 'same-site' }],
    ['a change that the user opened', 'PUT', { origin: 'http://HOST', 'sec-fetch-site': 'none' }],
    ['a picture on a page of another site', 'GET', { 'sec-fetch-site': 'cross-site' }],
    ['a picture on a page of another port', 'GET', { 'sec-fetch-site': 'same-site' }],
    ['a fetch of another origin', 'GET', { origin: 'https://evil.example' }],
  ])('is refused: %s', async (_, method, headers) => {
    await start();
    const { cookie } = await signIn();
    const host = new URL(device.origin).host;
    const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('HOST', host)]));
    const body = method === 'PUT' ? { on: true } : undefined;
    const answer = await call(method, '/privacy', { headers: { cookie, ...own }, ...(body && { body }) });
    expect(codeOf(answer)).toEqual([403, 'FOREIGN_ORIGIN']);
    expectSentence(answer.body.error.message);
    expect(device.cameras.privacy).toBe(false);
  });

  test.each<[string, Record<string, string>]>([
    ['its own page', { 'sec-fetch-site': 'same-origin' }],
    ['an address that the user opens', { 'sec-fetch-site': 'none' }],
    ['a browser without such headers', {}],
  ])('is answered for %s', async (_, headers) => {
    await start();
    const { cookie } = await signIn();
    expect((await call('GET', '/privacy', { headers: { cookie, ...headers } })).status).toBe(200);
  });

  test('and an admin key is one with the key: programs are asked for no origin', async () => {
    await start();
    const authorization = `Bearer ${device.adminKey}`;
    const headers = { cookie: 'lintel=x', authorization, origin: 'https://evil.example' };
    expect((await call('PUT', '/privacy', { headers, body: { on: false } })).status).toBe(200);
    const own = await call('GET', '/session', { headers: { authorization } });
    expect(codeOf(own)).toEqual([404, 'NOT_FOUND']);
    expectSentence(own.body.error.message);
    expect(codeOf(await call('DELETE', '/session', { headers: { authorization } }))).toEqual([404, 'NOT_FOUND']);
  });

  test('for a host name that is not allowed is refused: DNS rebinding', async () => {
    await start();
    const { cookie } = await signIn();
    const host = `rebound.example:${new URL(device.origin).port}`;
    for (const [method, path] of [
      ['GET', '/cameras/front/frame'],
      ['POST', '/session'],
    ] as const) {
      const headers = { host, cookie, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
      const answer = await call(method, path, {
        headers,
        ...(method === 'POST' && { body: { key: device.adminKey } }),
      });
      expect(codeOf(answer)).toEqual([421, 'HOST_NOT_ALLOWED']);
    }
  });

  test.each([
    ['no cookie', ''],
    ['another cookie', 'theme=dark'],
    ['the name in another case', 'LINTEL=ID'],
    ['a longer name', 'xlintel=ID'],
    ['the prefix over plain HTTP', '__Host-lintel=ID'],
    ['another prefix', '__Secure-lintel=ID'],
    ['an id without its name', 'ID'],
  ])('that has %s is without a key', async (_, cookie) => {
    await start();
    const id = (await signIn()).cookie.slice('lintel='.length);
    const answer = await call('GET', '/version', { headers: { cookie: cookie.replace('ID', id) } });
    expect(codeOf(answer)).toEqual([401, 'UNAUTHORIZED_ADMIN_KEY']);
  });

  test.each([
    ['the id twice', 'lintel=ID; lintel=ID'],
    ['a planted id before it', `lintel=${'A'.repeat(43)}; lintel=ID`],
    ['a longer id', 'lintel=IDx'],
    ['an id in quotes', 'lintel="ID"'],
    ['no id', 'lintel='],
    ['an id of nobody', `lintel=${'A'.repeat(43)}`],
  ])('that has %s is of no session', async (_, cookie) => {
    await start();
    const id = (await signIn()).cookie.slice('lintel='.length);
    const answer = await call('GET', '/version', { headers: { cookie: cookie.replaceAll('ID', id) } });
    expect(codeOf(answer)).toEqual([401, 'SESSION_ENDED']);
  });
});

describe('a connection that is not encrypted', () => {
  const refused = async (headers: Record<string, string>): Promise<void> => {
    for (const [method, body] of [
      ['POST', { key: device.adminKey }],
      ['GET', undefined],
    ] as const) {
      const answer = await call(method, '/session', { headers, ...(body && { body }) });
      expect(codeOf(answer)).toEqual([403, 'INSECURE_SIGN_IN']);
      expect(answer.body.error.message).toContain('http.tls');
      expectSentence(answer.body.error.message);
    }
  };

  test.each<[string, (port: string) => Record<string, string>]>([
    ['a name of the network', (port) => ({ host: `door.local:${port}`, origin: `http://door.local:${port}` })],
    ['an address of the network', (port) => ({ host: `192.0.2.7:${port}` })],
    ['a reverse proxy that says so', () => ({ 'x-forwarded-for': '192.0.2.9' })],
    ['a reverse proxy that says so by another header', () => ({ forwarded: 'for=192.0.2.9;proto=http' })],
    ['a malformed host', () => ({ host: '127.0.0.1:99999' })],
  ])('takes no key for %s', async (_, headers) => {
    await start();
    await refused(headers(new URL(device.origin).port));
    await expect.poll(async () => (await audited()).map(([action]) => action)).toEqual(['session.refused']);
  });

  test.each(['localhost', '127.0.0.1', '127.8.9.1', 'door.localhost', '[::1]'])('takes one for %s', async (name) => {
    await start();
    const host = `${name}:9000`;
    const answer = await signIn(device.adminKey, { host, origin: `http://${host}` });
    expect(answer.status).toBe(200);
    expect(answer.cookie).toMatch(/^lintel=/);
  });

  test('takes one through an SSH tunnel, from the page of its local port alone', async () => {
    await start();
    expect((await signIn(device.adminKey, { host: 'localhost:9000', origin: 'http://localhost:9000' })).status).toBe(
      200,
    );
    const foreign = await signIn(device.adminKey, { host: 'localhost:9000', origin: 'http://localhost:3000' });
    expect(codeOf(foreign)).toEqual([403, 'FOREIGN_ORIGIN']);
  });
});

test('a console that is switched off takes no sign-in', async () => {
  await start({ console: { enabled: false } });
  for (const answer of [await signIn(), await call('GET', '/session')]) {
    expect(codeOf(answer)).toEqual([404, 'NOT_FOUND']);
    expectSentence(answer.body.error.message);
  }
  expect((await device.call('GET', '/version')).status).toBe(200);
});

describe('behind a reverse proxy with HTTPS on this machine', () => {
  const ORIGIN = 'https://lintel.example.org';

  test.each([
    ['that passes the host on', { host: 'lintel.example.org' }],
    ['that passes its own address on', {}],
  ])('%s, the page of console.publicOrigin signs in', async (_, host) => {
    await start({ console: { publicOrigin: ORIGIN }, http: { allowedHosts: ['lintel.example.org'] } });
    const proxied = { ...host, 'x-forwarded-for': '192.0.2.9' };
    const opened = await signIn(device.adminKey, { ...proxied, origin: ORIGIN, 'sec-fetch-site': 'same-origin' });
    expect(opened.headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-lintel=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/),
    ]);
    const { cookie } = opened;
    expect((await call('GET', '/version', { headers: { ...proxied, cookie } })).status).toBe(200);
    const headers = { ...proxied, ...page(cookie, ORIGIN) };
    expect((await call('PUT', '/privacy', { headers, body: { on: false } })).status).toBe(200);
    const plain = { ...proxied, ...page(cookie, 'http://lintel.example.org') };
    expect(codeOf(await call('PUT', '/privacy', { headers: plain, body: { on: true } }))).toEqual([
      403,
      'FOREIGN_ORIGIN',
    ]);
    // The id opens nothing under the name of the cookie that travels without encryption.
    const bare = { cookie: cookie.replace('__Host-', '') };
    expect((await call('GET', '/version', { headers: bare })).status).toBe(401);
  });

  test('other pages do not', async () => {
    await start({ console: { publicOrigin: ORIGIN } });
    for (const origin of ['http://lintel.example.org', 'https://evil.example', 'null']) {
      expect(codeOf(await signIn(device.adminKey, { origin }))).toEqual([403, 'FOREIGN_ORIGIN']);
    }
    // On the machine itself, the plain address still works.
    expect((await signIn()).cookie).toMatch(/^lintel=/);
  });
});

describe.skipIf(!hasOpenssl)('over HTTPS', () => {
  test('the cookie has the prefix, and no other cookie counts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lintel-session-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    await start({ http: { tls: makeCertificate(folder, 'localhost') } });
    const origin = device.origin.replace('http:', 'https:');
    const opened = await send(origin, 'POST', '/session', { headers: { origin }, body: { key: device.adminKey } });
    expect(opened.headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-lintel=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/),
    ]);
    const { cookie } = opened;
    expect((await send(origin, 'GET', '/session', { headers: { cookie } })).status).toBe(200);
    const planted = { cookie: cookie.replace('__Host-', '') };
    expect((await send(origin, 'GET', '/session', { headers: planted })).body).toEqual({ signedIn: false });
    expect(codeOf(await send(origin, 'GET', '/version', { headers: planted }))).toEqual([
      401,
      'UNAUTHORIZED_ADMIN_KEY',
    ]);
    const plain = await send(origin, 'POST', '/session', {
      headers: { origin: origin.replace('https:', 'http:') },
      body: { key: device.adminKey },
    });
    expect(codeOf(plain)).toEqual([403, 'FOREIGN_ORIGIN']);
    const gone = await send(origin, 'DELETE', '/session', { headers: { cookie, origin } });
    expect(gone.headers['set-cookie']).toEqual([
      '__Host-lintel=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0',
    ]);
  });
});
