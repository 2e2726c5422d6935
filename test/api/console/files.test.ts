// What the service hands out below /console/: the built files, their headers, and nothing else.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Koa from 'koa';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readConsoleFiles } from '../../../src/api/console/console-files.js';
import { createConsole } from '../../../src/api/console/create.js';
import { configSchema } from '../../../src/config/schema.js';
import { tempDir } from '../../support/temp-dir.js';

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function start(
  console: object = {},
  built = true,
): Promise<(path: string, options?: Options) => Promise<Answer>> {
  const folder = tempDir();
  if (built) {
    mkdirSync(join(folder, 'files'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html>page');
    writeFileSync(join(folder, 'files/main-ABC.js'), 'let script;'.repeat(50));
    writeFileSync(join(folder, 'secret.txt'), 'no part of the console');
  }
  const app = new Koa();
  const config = configSchema.parse({ console });
  app.use(createConsole({ config, files: await readConsoleFiles(folder) }).middleware());
  app.use((ctx) => void (ctx.body = 'next'));
  server = createServer((request, response) => void app.callback()(request, response));
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return (path, options) => ask(port, path, options);
}

interface Options {
  method?: string;
  headers?: Record<string, string>;
}

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends the path as it is: fetch would normalise it. */
function ask(port: number, path: string, { method = 'GET', headers = {} }: Options = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('the files of the console', () => {
  it('/ and /console lead to the page', async () => {
    const get = await start();
    for (const path of ['/', '/console']) {
      const { status, headers } = await get(path);
      expect([status, headers['location']]).toEqual([302, 'console/']);
    }
  });

  it('the page has the strict policy, and is asked for each time', async () => {
    const get = await start();
    const { status, headers, body } = await get('/console/');
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(body.toString()).toBe('<!doctype html>page');
    const policy = String(headers['content-security-policy']);
    for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"]) {
      expect(policy.split('; ')).toContain(rule);
    }
    expect(policy).not.toMatch(/unsafe|data:|https?:|\*/);
    expect(headers).toMatchObject({
      'cache-control': 'no-cache',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    const again = await get('/console/', { headers: { 'if-none-match': String(headers.etag) } });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  it('a file is kept for ever, and sent gzipped to a browser that takes it', async () => {
    const get = await start();
    const plain = await get('/console/files/main-ABC.js');
    expect(plain.headers['cache-control']).toContain('immutable');
    expect(plain.headers['content-encoding']).toBeUndefined();
    const packed = await get('/console/files/main-ABC.js', { headers: { 'accept-encoding': 'gzip, br' } });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(packed.body)).toEqual(plain.body);
    const head = await get('/console/files/main-ABC.js', { method: 'HEAD' });
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });

  it('nothing else is handed out', async () => {
    const get = await start();
    for (const path of [
      'secret.txt',
      'files',
      'files/',
      '../secret.txt',
      '%2e%2e/secret.txt',
      'files/..%2fsecret.txt',
    ]) {
      const { status, body } = await get(`/console/${path}`);
      expect([path, status, body.toString()]).toEqual([path, 404, 'Not Found\n']);
    }
    expect((await get('/console/', { method: 'POST' })).body.toString()).toBe('next');
    expect((await get('/consolex')).body.toString()).toBe('next');
  });

  it('configured origins may show it in a frame', async () => {
    const get = await start({ frameAncestors: ['https://home.example.org'] });
    const { headers } = await get('/console/');
    expect(headers['content-security-policy']).toContain('frame-ancestors https://home.example.org;');
    expect(headers['x-frame-options']).toBeUndefined();
  });

  it('a console that is not built says so, and one that is not enabled is not there', async () => {
    const missing = await (await start({}, false))('/console/');
    expect([missing.status, missing.body.toString()]).toEqual([
      503,
      'The console is not built. Build it with: npm run build\n',
    ]);
    expect((await (await start({ enabled: false }))('/console/')).body.toString()).toBe('next');
  });

  it('an origin that would change the policy is refused', () => {
    for (const origin of [
      '*',
      'https://a.example;script-src',
      "https://a.example'",
      'https://a.example/path',
      'none',
    ]) {
      const { error } = configSchema.safeParse({ console: { frameAncestors: [origin] } });
      expect(error?.issues[0]?.message, origin).toContain('must be an origin');
    }
  });
});
