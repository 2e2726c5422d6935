// Host names: which are served, and what a request with another name is told.
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { AllowedHosts, readRequestHost } from '../../../src/api/core/allowed-hosts.js';
import { configSchema } from '../../../src/config/schema.js';
import { recordingLog, startHarness, type Harness } from '../harness.js';

describe('the allowed hosts', () => {
  const hosts = new AllowedHosts(['Door', 'lintel.example.org', '*.example.net', '']);

  it.each([
    ...['127.0.0.1', '127.0.0.1:8080', '192.168.1.20', '[::1]', '[::1]:8080', '[fe80::1]:80', '8.8.8.8'],
    ...['localhost', 'LOCALHOST:8080', 'a.localhost', 'door.local', 'Door.Local.:80', undefined, ''],
    ...['door', 'DOOR:8080', 'lintel.example.org', 'lintel.example.org.', 'a.example.net', 'a.b.example.net:443'],
  ])('serve %s', (host) => {
    expect(hosts.allows(host)).toBe(true);
  });

  it.each([
    ...['evil.example', 'example.org', 'x.lintel.example.org', 'example.net', 'badexample.net', 'door.evil', 'local'],
    ...['127.0.0.1.evil.example', 'localhost.evil.example', '127.0.0.1:80:90', '[::1', '::1]', '1', '0x7f000001', ' '],
    ...['evil.example:80', '[evil]', 'a@127.0.0.1', '127.0.0.1/x'],
  ])('do not serve %s', (host) => {
    expect(hosts.allows(host)).toBe(false);
  });

  it('can be all', () => {
    expect(new AllowedHosts(['*']).allows('anything.example')).toBe(true);
  });

  it.each([
    ['/path', 'a', 'a'],
    ['/http://b/', 'a', 'a'],
    ['http://b:80/path', 'a', 'b:80'],
    ['HTTPS://b?x', 'a', 'b'],
    ['http://user@b/', 'a', 'b'],
    ['*', undefined, undefined],
  ])('of the target %s and the header %s are %s', (target, header, host) => {
    expect(readRequestHost(target, header)).toBe(host);
  });

  it.each(['lintel.example.org:8080', 'http://a', 'a b', '*.*', '', '-a'])('are not configured as %j', (name) => {
    const { error } = configSchema.safeParse({ http: { allowedHosts: [name] } });
    expect(error?.issues).toMatchObject([{ path: ['http', 'allowedHosts', 0], message: /^must be a host name/ }]);
  });
});

describe('a request with a host that is not allowed', () => {
  let harness: Harness;
  afterEach(() => harness.close());

  const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
    new Promise<{ status: number | undefined; text: string; headers: object }>((resolve, reject) => {
      const { port } = harness.server.address;
      const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, text, headers: response.headers }));
      });
      sent.on('error', reject).end();
    });

  it('is refused at every path, and the answer and the log name the key', async () => {
    const log = recordingLog();
    const pages = [{ path: '/metrics', handler: async () => ({ status: 200, contentType: 'text/plain', body: 'm' }) }];
    harness = await startHarness({ log, pages });
    const paths = ['/metrics', '/healthz', '/openapi.json', '/device/v1/version', '/', `${harness.base}/groups`];
    for (const path of [...paths, 'http://evil.example/metrics']) {
      const answer = await ask(path, path.startsWith('http:') ? {} : { host: 'evil.example:8080' });
      expect(answer.status, path).toBe(421);
      expect(JSON.parse(answer.text)).toEqual({
        error: { code: 'HOST_NOT_ALLOWED', message: expect.stringContaining('http.allowedHosts') as string },
      });
      expect(answer.headers).toMatchObject({ connection: 'close', 'cache-control': 'no-store' });
    }
    expect((await ask('/metrics', { host: 'localhost' })).text).toBe('m');
    expect(harness.server.stats().refused).toMatchObject({ host: paths.length + 1 });
    const warnings = log.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({
      fields: { host: 'evil.example:8080' },
      message: expect.stringContaining('http.allowedHosts') as string,
    });
  });

  it('is served once the host is configured', async () => {
    harness = await startHarness({ http: { allowedHosts: ['evil.example'] } });
    const { status, text } = await ask(`${harness.base}/groups`, { host: 'evil.example' });
    expect([status, (JSON.parse(text) as { header: { resultCode: number } }).header.resultCode]).toEqual([200, 0]);
  });

  it('is no way around: a web page of another origin gets no permission to read or to send keys', async () => {
    harness = await startHarness();
    const origin = { host: 'localhost', origin: 'https://evil.example' };
    const preflight = {
      ...origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    for (const answer of [
      await ask(`${harness.base}/groups`, origin),
      await ask(`${harness.base}/groups`, preflight, 'OPTIONS'),
    ]) {
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });
});
