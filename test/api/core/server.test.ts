// The server: listening, access log and counts, pages, stopping.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Agent, get } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import type { ObservedRequest } from '../../../src/api/core/http-api.js';
import { createRequestLimits } from '../../../src/api/core/request-limits.js';
import { ApiServer } from '../../../src/api/core/server.js';
import { silentLog } from '../../../src/domain/log.js';
import { createDeferred } from '../../../src/platform/waiting.js';
import { face, picture, recordingLog, startHarness, testConfig, type Harness } from '../harness.js';

let harness: Harness;
afterEach(() => harness.close());

describe('listening', () => {
  test('has an address only while it listens', async () => {
    harness = await startHarness();
    expect(harness.server.address).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
    await harness.server.stop();
    expect(() => harness.server.address).toThrow(TypeError);
    await harness.server.stop();
  });

  test('on a port that is taken fails with what was tried', async () => {
    harness = await startHarness();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const server = new ApiServer({
      config: testConfig({ http: { port } }),
      apis: [],
      limits: createRequestLimits(testConfig()),
      log: silentLog,
    });
    await expect(server.start(new AbortController().signal)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`127.0.0.1 port ${port}`) as string,
    });
    await server.stop();
    await new Promise((resolve) => other.close(resolve));
  });

  test('does not begin when the start was given up', async () => {
    harness = await startHarness();
    const server = new ApiServer({
      config: testConfig(),
      apis: [],
      limits: createRequestLimits(testConfig()),
      log: silentLog,
    });
    await expect(server.start(AbortSignal.abort())).rejects.toThrow();
    expect(() => server.address).toThrow(TypeError);
  });
});

describe('a path with percent-encoding', () => {
  test.each<[string, number | undefined]>([
    ['/nhn%2Dface%2dreco/v1%2E0/appkeys/KEY/%67roups/door%2D1', 0],
    ['/nhn-face-reco/v1.0/appkeys/KEY/groups/door%2D1?x=%2D', 0],
    ['/nhn-face-reco/v1.0/appkeys/KEY/groups/door%252D1', -40030],
    ['/nhn-face-reco/v1.0/appkeys/KEY/groups/x%2F..%2Fdoor-1', -40030],
    ['/nhn-face-reco/v1.0/appkeys/KEY/groups%2Fdoor-1', undefined],
  ])('%s is answered with %s', async (path, code) => {
    harness = await startHarness();
    await harness.call('POST', '/groups', { groupId: 'door-1' });
    const response = await fetch(harness.origin + path.replace('KEY', harness.appKey));
    if (code === undefined) expect(response.status).toBe(404);
    else expect(await response.json()).toMatchObject({ header: { resultCode: code } });
  });
});

describe('access log and counts', () => {
  test('tell method, pattern, result and duration, never the appKey, a parameter or a payload', async () => {
    const log = recordingLog();
    const counted: ObservedRequest[] = [];
    let now = 0;
    harness = await startHarness({
      log,
      monotonicMs: () => (now += 5),
      observer: { observeRequest: (request) => counted.push(request) },
    });
    const image = picture(face(0));
    await harness.call('POST', '/groups', { groupId: 'secret-group' });
    await harness.call('POST', '/groups/secret-group', { image, externalImageId: 'secret-person' });
    await harness.call('GET', '/groups/secret-other/faces?limit=7&next-token=secret');
    await fetch(`${harness.origin}${harness.base}/none/secret`).then((response) => response.text());
    await fetch(`${harness.origin}/nhn-face-reco/v1.0/appkeys/secret/groups`).then((response) => response.text());

    const base = '/nhn-face-reco/v1.0/appkeys/:appKey';
    const answered = { status: 200, seconds: 0.005 };
    expect(counted).toEqual([
      { ...answered, route: `POST ${base}/groups`, resultCode: 0 },
      { ...answered, route: `POST ${base}/groups/:groupId`, resultCode: 0 },
      { ...answered, route: `GET ${base}/groups/:groupId/faces`, resultCode: -40030 },
      { ...answered, route: `GET ${base}/groups`, resultCode: -41000 },
    ]);
    const lines = log.lines.filter(({ message }) => message === 'request').map(({ fields }) => fields);
    expect(lines[1]).toEqual({
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      method: 'POST',
      route: `${base}/groups/:groupId`,
      resultCode: 0,
      status: 200,
      durationMs: 5,
    });
    expect(lines[3]).toMatchObject({ method: 'GET', route: undefined, status: 404 });
    const written = JSON.stringify(log.lines);
    for (const secret of [harness.appKey, 'secret', image.bytes]) expect(written).not.toContain(secret);
  });

  test('every answer carries an id of its own and may not be stored', async () => {
    harness = await startHarness();
    const ids = new Set<string | null>();
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${harness.origin}${harness.base}/groups`, { headers: { 'x-request-id': 'mine' } });
      ids.add(response.headers.get('x-request-id'));
      expect(response.headers.get('cache-control')).toBe('no-store');
      await response.text();
    }
    expect(ids.size).toBe(3);
    expect(ids).not.toContain('mine');
  });
});

describe('pages beside the contract', () => {
  test('are served as they are, and a failing one is a 500 that the log explains', async () => {
    const log = recordingLog();
    harness = await startHarness({
      log,
      pages: [
        { path: '/readyz', handler: async () => ({ status: 503, contentType: 'application/json', body: '{"a":1}' }) },
        { path: '/metrics', handler: async () => ({ status: 200, contentType: 'text/plain; x=y', body: 'up 1\n' }) },
        { path: '/broken', handler: () => Promise.reject(new Error('no page')) },
      ],
    });
    const pages = await Promise.all(['/readyz', '/metrics', '/broken'].map((path) => fetch(harness.origin + path)));
    expect(pages.map(({ status }) => status)).toEqual([503, 200, 500]);
    expect(pages.slice(0, 2).map(({ headers }) => headers.get('content-type'))).toEqual([
      'application/json',
      'text/plain; x=y',
    ]);
    expect(await Promise.all(pages.slice(0, 2).map((page) => page.text()))).toEqual(['{"a":1}', 'up 1\n']);
    expect(await pages[2]?.text()).not.toContain('no page');
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'error', message: 'a page could not be made' }));
  });
});

describe('stopping', () => {
  /** A detect that waits at the gate. */
  async function requestAtGate(): Promise<{ answer: Promise<Response>; release: () => void }> {
    let release: () => void = () => undefined;
    harness.vision.gate = new Promise((resolve) => (release = resolve));
    const answer = fetch(`${harness.origin}${harness.base}/detect`, {
      method: 'POST',
      body: JSON.stringify({ image: picture(face(0)) }),
    });
    await expect.poll(() => harness.vision.calls.length).toBe(1);
    return { answer, release };
  }

  test('lets what runs finish, closes its connection and accepts nothing more', async () => {
    harness = await startHarness();
    const { answer, release } = await requestAtGate();
    const stopped = harness.server.stop();
    await expect(fetch(`${harness.origin}/healthz`)).rejects.toThrow();
    release();
    const response = await answer;
    expect(response.headers.get('connection')).toBe('close');
    expect(await response.json()).toMatchObject({ header: { resultCode: 0 } });
    await stopped;
  });

  test('takes away what requests need when the last one is answered', async () => {
    harness = await startHarness();
    const done: string[] = [];
    const gate = createDeferred();
    const server = new ApiServer({
      config: testConfig({ http: { port: 0 } }),
      apis: [
        {
          middleware: () => async (ctx) => {
            done.push('asked');
            await gate.promise;
            done.push('answered');
            ctx.body = 'yes';
          },
          close: () => done.push('close'),
          end: () => done.push('end'),
        },
      ],
      limits: createRequestLimits(testConfig()),
      log: silentLog,
    });
    await server.start(new AbortController().signal);
    const answer = fetch(`http://127.0.0.1:${server.address.port}/anything`);
    await expect.poll(() => done).toEqual(['asked']);
    const stopped = server.stop();
    gate.resolve();
    expect((await answer).status).toBe(200);
    await stopped;
    expect(done).toEqual(['asked', 'close', 'answered', 'end']);
  });

  test('cuts off what does not finish within the bound', async () => {
    harness = await startHarness({ stopTimeoutMs: 50 });
    const { answer, release } = await requestAtGate();
    const cut = expect(answer).rejects.toThrow();
    await harness.server.stop();
    await cut;
    release();
  });

  test('does not wait for idle connections', async () => {
    harness = await startHarness({ stopTimeoutMs: 20_000 });
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve) => {
      get(`${harness.origin}/`, { agent }, (response) => response.resume().on('end', () => resolve()));
    });
    const before = performance.now();
    await harness.server.stop();
    expect(performance.now() - before).toBeLessThan(5_000);
    agent.destroy();
  });
});
