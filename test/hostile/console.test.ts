// Attacks on the sessions of the console: foreign pages, cookies that are forged, planted or of another device, and very many of everything.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEVICE_ROUTES } from '../../src/api/device/routes.js';
import { SESSIONS_PER_KEY } from '../../src/keys/sessions.js';
import { send, type RawAnswer, type RawOptions } from '../api/device/raw-request.js';
import { startDevice } from '../api/device/harness.js';
import { freePort } from '../support/free-port.js';
import { builtinModels } from '../support/model-sets.js';
import { CLI, startService, type Service } from '../support/service.js';
import { seedRandom } from './files.js';

const REQUEST_TIMEOUT_MS = 2_000;
/** Time limit of the server, plus the interval at which it checks, plus a reserve for a busy machine. */
const CUT_OFF_MS = 12_000;
const VIEWERS = 200;

describe('a running service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-hostile-console-'));
  let service: Service;
  let key: string;

  beforeAll(async () => {
    service = await startService({
      folder,
      ...builtinModels,
      config: { http: { port: await freePort(), requestTimeoutMs: REQUEST_TIMEOUT_MS }, vision: { workers: 1 } },
    });
    key = readFileSync(join(folder, 'keys', 'admin-key'), 'utf8').trim();
  });
  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  const call = (method: string, path: string, options: RawOptions = {}): Promise<RawAnswer> =>
    send(service.url, method, path, options);
  const signIn = (headers: RawOptions['headers'] = { origin: service.url }): Promise<RawAnswer> =>
    call('POST', '/session', { headers, body: { key } });
  const withKey = (method: string, path: string, body?: unknown): Promise<RawAnswer> =>
    call(method, path, { headers: { authorization: `Bearer ${key}` }, ...(body !== undefined && { body }) });
  const lintel = (...args: string[]): string =>
    execFileSync(process.execPath, [CLI, ...args, '--config', join(folder, 'lintel.yaml')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });

  const changes = DEVICE_ROUTES.filter(({ method }) => method !== 'GET').map(
    ({ method, path }) => [method, path] as const,
  );
  it.each(changes)('lets no foreign page do %s %s with the cookie of a visitor', async (method, path) => {
    const { cookie } = await signIn();
    const before = await withKey('GET', '/audit?limit=20');
    for (const headers of [
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { origin: service.url.replace(/\d+$/, '1'), 'sec-fetch-site': 'same-site' },
      { origin: 'null' },
      { 'sec-fetch-site': 'same-origin' },
    ]) {
      // A form of a web page sends its fields as text, so that no preflight asks before.
      const answer = await call(method, path.replace(/:\w+/g, 'x'), {
        headers: { cookie, 'content-type': 'text/plain', ...headers },
        body: { on: true, key },
      });
      expect([answer.status, answer.body.error.code]).toEqual([403, 'FOREIGN_ORIGIN']);
    }
    const findLast = ({ body }: RawAnswer): unknown =>
      (body as unknown as { entries: { action: string }[] }).entries.find(({ action }) => action !== 'session.refused');
    expect(findLast(await withKey('GET', '/audit?limit=20'))).toEqual(findLast(before));
  });

  it('lets no page of another name read it: DNS rebinding', async () => {
    const { cookie } = await signIn();
    const host = `rebound.example:${new URL(service.url).port}`;
    for (const path of ['/session', '/keys', '/events/stream']) {
      const answer = await call('GET', path, { headers: { host, cookie, origin: `http://${host}` } });
      expect([answer.status, answer.body.error.code]).toEqual([421, 'HOST_NOT_ALLOWED']);
    }
  });

  it('knows no cookie of another device, and does not remove it from the browser', async () => {
    const other = await startDevice();
    try {
      const origin = other.origin;
      const foreign = await send(origin, 'POST', '/session', { headers: { origin }, body: { key: other.adminKey } });
      const answer = await call('GET', '/session', { headers: { cookie: foreign.cookie } });
      expect([answer.status, answer.body.error.code, answer.headers['set-cookie']]).toEqual([
        401,
        'SESSION_ENDED',
        undefined,
      ]);
      expect((await send(origin, 'GET', '/session', { headers: { cookie: foreign.cookie } })).status).toBe(200);
    } finally {
      await other.close();
    }
  });

  it('accepts no forged, shortened, lengthened or doubled id', async () => {
    const { cookie } = await signIn();
    const id = cookie.slice('lintel='.length);
    const random = seedRandom(14);
    const change = (at: number): string => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      const other = alphabet[(alphabet.indexOf(id[at] ?? '') + 1 + Math.floor(random() * 63)) % 64] ?? '';
      return id.slice(0, at) + other + id.slice(at + 1);
    };
    const forged = [
      ...Array.from({ length: id.length }, (_, at) => id.slice(0, at)),
      ...Array.from({ length: id.length }, (_, at) => change(at)),
      ...[`${id}=`, `${id}A`, `"${id}"`, `%${id}`, id.toUpperCase(), [...id].reverse().join(''), `${id},${id}`],
      ...['__proto__', 'constructor', '\u00e9'.repeat(43), 'A'.repeat(8_000)],
    ];
    for (const text of forged) {
      const { status } = await call('GET', '/session', { headers: { cookie: `lintel=${text}` } });
      expect([text, status]).toEqual([text, 401]);
    }
    for (const text of [
      `__Host-lintel=${id}`,
      `__Secure-lintel=${id}`,
      `Lintel=${id}`,
      `lintel =${id}x`,
      `$lintel=${id}`,
    ]) {
      expect([text, (await call('GET', '/version', { headers: { cookie: text } })).status]).toEqual([text, 401]);
    }
    expect((await call('GET', '/session', { headers: { cookie } })).status).toBe(200);
  });

  it('takes no id that somebody planted', async () => {
    const planted = `lintel=${'B'.repeat(43)}`;
    const own = await signIn({ origin: service.url, cookie: planted });
    expect(own.cookie).not.toBe(planted);
    expect((await call('GET', '/session', { headers: { cookie: planted } })).status).toBe(401);
    // The session of the attacker, planted beside that of the victim, is not used either.
    const attacker = await signIn();
    const both = { cookie: `${attacker.cookie}; ${own.cookie}` };
    expect((await call('GET', '/session', { headers: both })).status).toBe(401);
  });

  it('opens one session for one link, however many use it at once', async () => {
    const link = lintel('console', 'open').trim();
    const token = /token=([\w-]{43})$/.exec(link)?.[1];
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('POST', '/session', { body: { token } })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await call('POST', '/session', { body: { token } })).status).not.toBe(200);
    expect(JSON.stringify(service.log)).not.toContain(token);
  });

  it('answers every fuzzed request for a session in a foreseen way, and goes on', async () => {
    const random = seedRandom(2026);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    const junk = (): string =>
      Array.from({ length: Math.floor(random() * 60) }, () => pick([...'{}[]":,\\\n\t aé0=;'])).join('');
    const texts = ['', 'x', key, `${key} `, '\u0000', '__proto__', 'A'.repeat(43), 'é'.repeat(200), '${1}', '%00'];
    const value = (): unknown => pick([pick(texts), 0, -1, 1e308, true, null, [], {}, [key], { key }]);
    const statuses = new Map<number, number>();
    for (let i = 0; i < 400; i++) {
      const body = pick([
        () => junk(),
        () => ({ [pick(['key', 'token', 'role', '__proto__'])]: value() }),
        () => ({ key: value(), token: value() }),
        () => `{"key":"${pick(texts)}","key":"${pick(texts)}"}`,
        () => '['.repeat(2_000),
      ])();
      const headers: Record<string, string> = {
        ...(random() < 0.5 && {
          origin: pick([service.url, 'null', 'https://evil.example', 'http://', ':', 'x'.repeat(2_000)]),
        }),
        ...(random() < 0.3 && { 'sec-fetch-site': pick(['same-origin', 'none', 'cross-site', '?', '']) }),
        ...(random() < 0.5 && {
          cookie: pick(['lintel', '=', ';;;', 'lintel=;lintel=', `lintel=${'A'.repeat(43)}`, 'a=b; '.repeat(500)]),
        }),
        ...(random() < 0.3 && { 'x-forwarded-for': pick(['', '127.0.0.1', '::', 'x']) }),
        ...(random() < 0.3 && {
          host: pick(['localhost', '127.0.0.1', '[::1]', '[', 'localhost:99999', 'door.local']),
        }),
        ...(random() < 0.3 && { 'x-lintel-active': pick(['1', '0', 'true', '1, 1']) }),
      };
      const path = pick(['/session', '/session', '/sessions', '/sessions/x', '/sessions/%00', '/keys', '/keys/x']);
      const { status } = await call(pick(['GET', 'POST', 'DELETE', 'PUT']), path, { headers, body });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    const foreseen = [200, 400, 401, 403, 404, 405, 421, 429];
    expect([...statuses.keys()].filter((status) => !foreseen.includes(status))).toEqual([]);
    expect((await signIn()).status).toBe(200);
    expect(service.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it(`lets ${VIEWERS} viewers sign in, keeps the sessions within their limit, and fills no log`, async () => {
    const { body: made } = await withKey('POST', '/keys', { kind: 'admin', name: 'crowd', role: 'viewer' });
    const opened = await Promise.all(
      Array.from({ length: VIEWERS }, () =>
        call('POST', '/session', { headers: { origin: service.url }, body: { key: made.key } }),
      ),
    );
    expect(opened.map(({ status }) => status)).toEqual(Array<number>(VIEWERS).fill(200));
    const alive = await Promise.all(opened.map(({ cookie }) => call('GET', '/session', { headers: { cookie } })));
    expect(alive.filter(({ status }) => status === 200)).toHaveLength(SESSIONS_PER_KEY);
    // Wrong keys without end cost one entry in ten seconds.
    const wrong = await Promise.all(
      Array.from({ length: VIEWERS }, (_, i) =>
        call('POST', '/session', { headers: { origin: service.url }, body: { key: `wrong${i}` } }),
      ),
    );
    expect(wrong.filter(({ status }) => status !== 401 && status !== 429)).toEqual([]);
    const refused = await withKey('GET', '/audit?action=session.refused&limit=1000');
    expect((refused.body as unknown as { entries: object[] }).entries.length).toBeLessThan(20);
    expect((await withKey('DELETE', `/keys/${made.id}`)).status).toBe(200);
    const after = await Promise.all(opened.map(({ cookie }) => call('GET', '/session', { headers: { cookie } })));
    expect(after.filter(({ status }) => status === 200)).toEqual([]);
  });

  it('is held up by no client that signs in slowly', async () => {
    const { host, hostname, port } = new URL(service.url);
    const head = `POST /device/v1/session HTTP/1.1\r\nhost: ${host}\r\norigin: ${service.url}\r\ncontent-length: 4000\r\n\r\n{`;
    const slow = Array.from({ length: 60 }, () => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(head);
      const timer = setInterval(() => socket.write(' '), 200);
      return new Promise<void>((resolve) =>
        socket.once('close', () => {
          clearInterval(timer);
          resolve();
        }),
      );
    });
    const began = performance.now();
    const { status, cookie } = await signIn();
    expect(status).toBe(200);
    expect((await call('GET', '/session', { headers: { cookie } })).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(REQUEST_TIMEOUT_MS * 2);
    await Promise.all(slow);
    expect(performance.now() - began).toBeLessThan(CUT_OFF_MS);
  });
});
