// CORS: nothing by default; headers and preflights for configured origins, also on errors, and only under an allowed host name.
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { recordingLog, startHarness, type Harness, type HarnessOptions } from '../harness.js';

const CONSOLE = 'https://console.example.org';
const OTHER = 'https://other.example.org';

let harness: Harness;
afterEach(() => harness.close());

interface Response {
  status: number | undefined;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** Sends a request with any headers: fetch sets some of these itself. */
async function send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Response> {
  const { port } = harness.server.address;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }));
    });
    request.on('error', reject).end(body);
  });
}

const corsHeaders = ({ headers }: Response) =>
  Object.keys(headers)
    .filter((name) => name.startsWith('access-control-'))
    .sort();

const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' };

async function start(allowOrigins: string[], options: HarnessOptions = {}): Promise<void> {
  harness = await startHarness({
    ...options,
    http: { allowOrigins },
    pages: [
      { path: '/healthz', handler: () => Promise.resolve({ status: 503, contentType: 'text/plain', body: 'ill' }) },
    ],
  });
}

describe('without http.allowOrigins', () => {
  it('no answer has a CORS header, and a preflight is refused', async () => {
    await start([]);
    const answer = await send('GET', `${harness.base}/groups`, { origin: CONSOLE });
    expect(answer.status).toBe(200);
    expect([...corsHeaders(answer), answer.headers.vary]).toEqual([undefined]);
    const asked = await send('OPTIONS', `${harness.base}/groups`, { origin: CONSOLE, ...preflight });
    expect(asked.status).toBe(404);
    expect(corsHeaders(asked)).toEqual([]);
  });
});

describe('with http.allowOrigins', () => {
  it('answers a preflight of an allowed origin, at every path and without a key', async () => {
    await start([CONSOLE]);
    const asked = { origin: CONSOLE, ...preflight, 'access-control-request-method': 'DELETE' };
    for (const path of [`${harness.base}/groups/x`, '/v2.0/appkeys/nobody/groups', '/device/v1/privacy', '/nowhere']) {
      const { status, headers, body } = await send('OPTIONS', path, asked);
      expect([status, body]).toEqual([204, '']);
      expect(headers).toMatchObject({
        'access-control-allow-origin': CONSOLE,
        'access-control-allow-methods': 'GET, POST, PUT, DELETE',
        'access-control-max-age': '600',
        vary: 'Origin',
      });
      const allowed = String(headers['access-control-allow-headers']).toLowerCase().split(', ');
      expect(allowed).toEqual(
        expect.arrayContaining(['authorization', 'content-type', 'content-encoding', 'x-lintel-admin-key']),
      );
      expect(headers).not.toHaveProperty('access-control-allow-private-network');
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
    }
  });

  it('admits its pages to a private address where the browser asks', async () => {
    await start([CONSOLE]);
    const asked = { origin: CONSOLE, ...preflight, 'access-control-request-private-network': 'true' };
    const { headers } = await send('OPTIONS', '/healthz', asked);
    expect(headers['access-control-allow-private-network']).toBe('true');
  });

  it.each<[string, string, string, number]>([
    ['an answer', 'GET', 'KEY/groups', 200],
    ['an error of the contract', 'GET', 'KEY/groups/nobody', 200],
    ['an unknown key', 'GET', '/nhn-face-reco/v1.0/appkeys/nobody/groups', 200],
    ['an unknown path', 'GET', '/nowhere', 404],
    ['a page', 'GET', '/healthz', 503],
    ['a body that is no JSON', 'POST', 'KEY/groups', 200],
    ['OPTIONS that is no preflight', 'OPTIONS', 'KEY/groups', 404],
  ])('%s carries the headers', async (_what, method, path, status) => {
    await start([OTHER, CONSOLE]);
    const answer = await send(
      method,
      path.replace('KEY', harness.base),
      { origin: CONSOLE },
      method === 'POST' ? 'x' : '',
    );
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': CONSOLE,
      'access-control-expose-headers': 'Retry-After, X-Request-Id',
      vary: 'Origin',
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it.each([
    OTHER,
    'http://console.example.org',
    'https://console.example.org:8443',
    'https://console.example.org.evil.example',
    'https://CONSOLE.example.org',
    'null',
    '*',
  ])('another origin gets none: %s', async (origin) => {
    await start([CONSOLE]);
    for (const [method, more] of [
      ['GET', {}],
      ['OPTIONS', preflight],
    ] as const) {
      const answer = await send(method, `${harness.base}/groups`, { origin, ...more });
      expect(answer.status).toBe(method === 'GET' ? 200 : 404);
      expect(corsHeaders(answer)).toEqual([]);
      expect(answer.headers.vary).toBe('Origin');
    }
  });

  it('a host name that is not allowed stays refused, for requests and preflights', async () => {
    await start([CONSOLE]);
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await send(method, '/healthz', { host: 'rebound.example', origin: CONSOLE, ...preflight });
      expect(answer.status).toBe(421);
      expect(corsHeaders(answer)).toEqual([]);
    }
  });

  it('"*" allows every page, without credentials and without private addresses, and the log warns', async () => {
    const log = recordingLog();
    await start(['*'], { log });
    const asked = { origin: OTHER, ...preflight, 'access-control-request-private-network': 'true' };
    const { status, headers } = await send('OPTIONS', `${harness.base}/groups`, asked);
    expect([status, headers['access-control-allow-origin']]).toEqual([204, '*']);
    expect(headers).not.toHaveProperty('access-control-allow-private-network');
    const answer = await send('GET', `${harness.base}/groups`, { origin: 'null' });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    expect(log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { message: expect.stringContaining('http.allowOrigins holds "*"') as string },
    ]);
  });
});
