// Fetching of image.url: accepted and refused URLs, time limits, and no connection to an address that is not admitted.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { ByteBudget } from '../../../src/api/core/byte-budget.js';
import { ImageFetcher, type Address, type ImageFetcherOptions } from '../../../src/api/core/fetch-image.js';
import type { AppError } from '../../../src/errors.js';
import { tempDir } from '../../support/temp-dir.js';
import { face, picture, startHarness } from '../harness.js';

const MAX_BYTES = 10_000;
const LOOPBACK = ['127.0.0.1/32'];

const opened: (Server | TcpServer)[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of opened.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** Listens on 127.0.0.1, on a port that an image.url may name. */
async function listen<S extends Server | TcpServer>(server: S): Promise<number> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  for (let port = 10_000 + (process.pid % 1_500); port <= 12_000; port++) {
    const listening = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!listening) continue;
    opened.push(server);
    return (server.address() as AddressInfo).port;
  }
  throw new Error('no free port from 10000 to 12000');
}

/** @returns the origin, and the requests it saw */
async function serve(handler: RequestListener): Promise<{ origin: string; port: number; seen: string[] }> {
  const seen: string[] = [];
  const port = await listen(
    createServer((request, response) => {
      seen.push(request.url ?? '');
      handler(request, response);
    }),
  );
  return { origin: `http://127.0.0.1:${port}`, port, seen };
}

/** Writes this text to every client that sends a request. */
async function serveRaw(text: string, end = true): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.once('data', () => (end ? socket.end(text) : socket.write(text)));
  });
  return `http://127.0.0.1:${await listen(server)}`;
}

function fetcher(options: Partial<ImageFetcherOptions> = {}): ImageFetcher {
  return new ImageFetcher({ maxBytes: MAX_BYTES, timeoutMs: 5_000, allowNetworks: LOOPBACK, ...options });
}

async function readDetail(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => 'fetched',
    (error: AppError) => error.detail,
  );
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'fetched',
    (error: AppError) => error.code,
  );
}

/** A resolver that must not be asked. */
const noResolver = (hostname: string): Promise<Address[]> => Promise.reject(new Error(`asked for ${hostname}`));

describe('what is fetched', () => {
  test('a file of exactly the limit, asked for without compression and without keeping the connection', async () => {
    const file = Buffer.alloc(MAX_BYTES, 7);
    const headers: unknown[] = [];
    const { origin } = await serve((request, response) => {
      headers.push(request.headers['accept-encoding'], request.headers.connection);
      response.end(file);
    });
    const bytes = await fetcher().fetch(`${origin}/a.jpg?x=1#y`);
    expect(bytes.equals(file)).toBe(true);
    expect(bytes.buffer.byteLength).toBe(MAX_BYTES);
    expect(headers).toEqual(['identity', 'close']);
  });

  test('a host name, resolved once and connected to at the checked address', async () => {
    const { port, seen } = await serve((request, response) => response.end(request.headers.host));
    const answers: Address[][] = [[{ address: '127.0.0.1', family: 4 }]];
    // Whoever asks a second time is led into the private network.
    const resolve = async () => answers.shift() ?? [{ address: '10.0.0.1', family: 4 }];
    const bytes = await fetcher({ resolve }).fetch(`http://camera.test:${port}/`);
    expect(bytes.toString()).toBe(`camera.test:${port}`);
    expect(seen).toEqual(['/']);
    expect(answers).toEqual([]);
  });

  test('the admitted address of several', async () => {
    const { port } = await serve((_request, response) => response.end('ok'));
    const resolve = async () => [
      { address: '::1', family: 6 },
      { address: '10.0.0.1', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    expect((await fetcher({ resolve }).fetch(`http://camera.test:${port}/`)).toString()).toBe('ok');
  });

  test.each([301, 302, 303, 307, 308])('three redirects of status %i, relative ones included', async (status) => {
    const { origin, seen } = await serve((request, response) => {
      const next = { '/0': '/1', '/1': '2', '/2': `${origin}/3` }[request.url ?? ''];
      if (next === undefined) response.end('there');
      else response.writeHead(status, { location: next }).end('moved');
    });
    expect((await fetcher().fetch(`${origin}/0`)).toString()).toBe('there');
    expect(seen).toEqual(['/0', '/1', '/2', '/3']);
  });

  test.each([
    [
      'UTF-8',
      Buffer.from('/\uc5bc\uad74 \uc0ac\uc9c4.jpg?\u00e9', 'utf8'),
      '/%EC%96%BC%EA%B5%B4%20%EC%82%AC%EC%A7%84.jpg?%C3%A9',
    ],
    ['Latin-1', Buffer.from('/caf\u00e9.jpg', 'latin1'), '/caf%E9.jpg'],
    ['ASCII', Buffer.from('/a%20b.jpg'), '/a%20b.jpg'],
  ])('a redirect whose Location is raw %s', async (_name, location, path) => {
    const { origin, seen } = await serve((request, response) => {
      if (request.url === '/start') response.writeHead(302, { location: location.toString('latin1') });
      response.end('there');
    });
    expect((await fetcher().fetch(`${origin}/start`)).toString()).toBe('there');
    expect(seen).toEqual(['/start', path]);
  });

  test('the picture of a request', async () => {
    const file = Buffer.from(picture(face(0)).bytes, 'base64');
    const { origin } = await serve((_request, response) => response.end(file));
    const harness = await startHarness({ images: { allowNetworks: LOOPBACK } });
    try {
      const answer = await harness.call('POST', '/detect', { image: { url: `${origin}/face.png` } });
      expect(answer.data).toMatchObject({ faceDetailCount: 1 });
    } finally {
      await harness.close();
    }
  });
});

describe('a url is refused for its form', () => {
  test.each([
    '',
    'no url',
    '/relative.jpg',
    '//127.0.0.1/a.jpg',
    'http://',
    'http://[::1',
    'http://127.0.0.1:99999/',
    'ftp://127.0.0.1/a.jpg',
    'file:///etc/passwd',
    'data:image/png;base64,AAAA',
    'gopher://127.0.0.1/',
    'javascript:0',
    'http://user@127.0.0.1:10001/',
    'http://user:password@127.0.0.1:10001/',
    'http://:password@127.0.0.1:10001/',
    'http://127.0.0.1:81/',
    'http://127.0.0.1:8080/',
    'http://127.0.0.1:9999/',
    'http://127.0.0.1:12001/',
    'https://127.0.0.1:22/',
    'http://127.0.0.1:0/',
  ])('%s', async (url) => {
    expect(await refusal(fetcher({ resolve: noResolver }).fetch(url))).toBe('INVALID_IMAGE_URL');
  });
});

describe('an address is refused in every notation, without a connection', () => {
  test.each([
    'HOST',
    'localhost',
    'localhost.',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '017700000001',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '%31%32%37.0.0.1',
    '0',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[fe80::1]',
    '[fd00::1]',
    '[ff02::1]',
    '[100::1]',
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.1.20',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
  ])('http://%s', async (host) => {
    const { port, seen } = await serve((_request, response) => response.end());
    const url = `http://${host === 'HOST' ? '127.0.0.1' : host}:${port}/`;
    expect(await refusal(fetcher({ allowNetworks: [] }).fetch(url))).toBe('INVALID_IMAGE_URL');
    expect(seen).toEqual([]);
  });

  test.each([
    ['127.0.0.1', 4],
    ['::1', 6],
    ['::ffff:127.0.0.1', 6],
    ['::ffff:7f00:1', 6],
    ['fe80::1%lo', 6],
    ['10.0.0.1', 4],
    ['0.0.0.0', 4],
    ['not an address', 4],
  ])('a name that resolves to %s', async (address, family) => {
    const { port, seen } = await serve((_request, response) => response.end());
    const resolve = async () => [{ address, family }];
    const url = `http://picture.test:${port}/`;
    expect(await refusal(fetcher({ allowNetworks: [], resolve }).fetch(url))).toBe('INVALID_IMAGE_URL');
    expect(seen).toEqual([]);
  });

  test('a name without an address, and one whose resolution fails', async () => {
    const none = fetcher({ resolve: async () => [] });
    expect(await refusal(none.fetch('http://picture.test/'))).toBe('INVALID_IMAGE_URL');
    expect(await refusal(fetcher({ resolve: noResolver }).fetch('http://picture.test/'))).toBe('INVALID_IMAGE_URL');
  });
});

describe('a redirect is checked as the first url is', () => {
  test.each([
    'http://10.0.0.1/',
    'http://192.168.0.1:10001/',
    'http://[::1]:PORT/',
    'http://127.0.0.2:PORT/',
    'http://inside.test:PORT/',
    'http://127.0.0.1:22/',
    'http://user@127.0.0.1:PORT/',
    'file:///etc/passwd',
    'http://',
  ])('%s', async (target) => {
    const { origin, port, seen } = await serve((request, response) => {
      if (request.url === '/start') response.writeHead(302, { location: target.replace('PORT', String(port)) });
      response.end();
    });
    const resolve = async () => [{ address: '127.0.0.3', family: 4 }];
    expect(await refusal(fetcher({ resolve }).fetch(`${origin}/start`))).toBe('INVALID_IMAGE_URL');
    expect(seen).toEqual(['/start']);
  });

  test('a fourth one, an endless one and one without a Location are refused', async () => {
    const { origin, seen } = await serve((request, response) => {
      const location = request.url === '/nowhere' ? undefined : `${request.url}x`;
      response.writeHead(302, location === undefined ? {} : { location }).end();
    });
    expect(await refusal(fetcher().fetch(`${origin}/`))).toBe('INVALID_IMAGE_URL');
    expect(seen).toEqual(['/', '/x', '/xx', '/xxx']);
    seen.length = 0;
    await expect(fetcher().fetch(`${origin}/nowhere`)).rejects.toMatchObject({
      code: 'INVALID_IMAGE_URL',
      detail: 'The url redirects, but the answer has no Location header.',
    });
    expect(seen).toEqual(['/nowhere']);
  });
});

describe('the detail names the kind of the failure, and no address', () => {
  const failing = (code: string) => async () =>
    Promise.reject(Object.assign(new Error('10.1.2.3 inner.test'), { code }));
  test.each<[string, () => Promise<Address[]>, string]>([
    ['ENOTFOUND', failing('ENOTFOUND'), 'The host of the url is unknown.'],
    ['no address', async () => [], 'The host of the url is unknown.'],
    ['EAI_AGAIN', failing('EAI_AGAIN'), 'The host of the url could not be looked up.'],
    [
      'a private address',
      async () => [{ address: '10.1.2.3', family: 4 }],
      'The url leads to an address that is private or not allowed.',
    ],
    ['SERVFAIL', failing('ESERVFAIL'), 'The host of the url could not be looked up.'],
    ['anything else', failing('EWEIRD'), 'The url could not be fetched.'],
  ])('name resolution: %s', async (_name, resolve, detail) => {
    expect(await readDetail(fetcher({ resolve }).fetch('http://picture.test/'))).toBe(detail);
  });

  // The codes that TLS gives; a trusted certificate cannot be made here.
  test.each([
    ['CERT_HAS_EXPIRED', 'The TLS certificate of the host of the url has expired, or is not valid yet.'],
    ['CERT_NOT_YET_VALID', 'The TLS certificate of the host of the url has expired, or is not valid yet.'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'The TLS certificate of the host of the url belongs to another host.'],
    ['CERT_REVOKED', 'The TLS certificate of the host of the url is not valid or not trusted.'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'The TLS certificate of the host of the url is not valid or not trusted.'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'The TLS certificate of the host of the url is not valid or not trusted.'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'The TLS connection to the host of the url failed.'],
  ])('TLS: %s', async (code, detail) => {
    expect(await readDetail(fetcher({ resolve: failing(code) }).fetch('https://picture.test/'))).toBe(detail);
  });

  test('a compressed body, a stream, and a data: URL', async () => {
    const { origin } = await serve((request, response) => {
      if (request.url === '/br') {
        response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync(Buffer.alloc(10)));
        return;
      }
      response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' }).write('--frame\r\n');
    });
    expect(await readDetail(fetcher().fetch(`${origin}/br`))).toBe(
      'The url was answered with a compressed body (Content-Encoding); it must be the file itself.',
    );
    expect(await readDetail(fetcher().fetch(`${origin}/live`))).toBe(
      'The url is a stream of pictures (MJPEG); it must be a single picture.',
    );
    expect(await readDetail(fetcher().fetch('data:image/png;base64,AAAA'))).toBe(
      'The url is a data: URL; send the base64 in it in the field bytes.',
    );
    expect(await readDetail(fetcher().fetch('file:///etc/passwd'))).toBe('The url must be http or https.');
  });

  test.each([204, 206, 304, 401, 403, 404, 429, 500])('status %i', async (status) => {
    const { origin } = await serve((_request, response) => response.writeHead(status).end());
    const detail = `The url was answered with status ${status}; it must be 200.`;
    expect(await readDetail(fetcher().fetch(origin))).toBe(detail);
  });

  test('a connection that is refused, closed, or speaks no HTTP', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    opened.splice(opened.indexOf(server), 1);
    const refused = await readDetail(fetcher().fetch(`http://127.0.0.1:${port}/`));
    expect(refused).toBe('The host of the url refused the connection.');
    const closed = 'The host of the url closed the connection too early.';
    expect(await readDetail(fetcher().fetch(await serveRaw('')))).toBe(closed);
    const half = await serveRaw('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
    expect(await readDetail(fetcher().fetch(half))).toBe(closed);
    const wrong = await serveRaw('SSH-2.0-OpenSSH\r\n\r\n');
    expect(await readDetail(fetcher().fetch(wrong))).toBe('The url was not answered in valid HTTP.');
  });

  test('a server without TLS', async () => {
    const { port } = await serve((_request, response) => response.end());
    expect(await readDetail(fetcher().fetch(`https://127.0.0.1:${port}/`))).toBe(
      'The TLS connection to the host of the url failed.',
    );
  });

  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
  test.skipIf(!hasOpenssl)('a TLS certificate that is not trusted', async () => {
    const folder = tempDir();
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const ask = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', [...ask, '-subj', '/CN=x', '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
    const identity = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const port = await listen(createSecureServer(identity, (_request, response) => response.end()));
    expect(await readDetail(fetcher().fetch(`https://127.0.0.1:${port}/`))).toBe(
      'The TLS certificate of the host of the url is not valid or not trusted.',
    );
  });

  test('redirects: a loop, too many, without Location, to a refused address', async () => {
    const { origin } = await serve((request, response) => {
      const targets: Record<string, string> = { '/loop': '/pool', '/pool': '/loop', '/port': 'http://127.0.0.1:22/' };
      const location = request.url === '/nowhere' ? undefined : (targets[request.url ?? ''] ?? `${request.url}x`);
      response.writeHead(302, location === undefined ? {} : { location }).end();
    });
    const detail = (path: string) => readDetail(fetcher().fetch(origin + path));
    expect(await detail('/loop')).toBe('The url redirects in a loop.');
    expect(await detail('/more')).toBe('The url redirects more than 3 times.');
    expect(await detail('/nowhere')).toBe('The url redirects, but the answer has no Location header.');
    expect(await detail('/port')).toBe(
      'The address that the url redirects to must have the port 80, 443 or 10000 to 12000.',
    );
  });

  test('a time-out and a picture that is too large', async () => {
    const port = await listen(createTcpServer());
    const silent = await readDetail(fetcher({ timeoutMs: 100 }).fetch(`http://127.0.0.1:${port}/`));
    expect(silent).toBe('The url did not deliver the picture within 100 ms.');
    const { origin } = await serve((_request, response) => response.end(Buffer.alloc(MAX_BYTES + 1)));
    expect(await readDetail(fetcher().fetch(origin))).toBe('The picture is larger than 10000 bytes.');
  });
});

describe('a server that misbehaves', () => {
  test.each([201, 204, 206, 304, 400, 401, 403, 404, 410, 500, 503])('answers %i', async (status) => {
    const { origin } = await serve((_request, response) => response.writeHead(status).end());
    expect(await refusal(fetcher().fetch(origin))).toBe('INVALID_IMAGE_URL');
  });

  test('does not listen', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    opened.splice(opened.indexOf(server), 1);
    expect(await refusal(fetcher().fetch(`http://127.0.0.1:${port}/`))).toBe('INVALID_IMAGE_URL');
  });

  const head = 'HTTP/1.1 200 OK\r\n';
  test.each([
    ['closes without a word', ''],
    ['speaks no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['closes in the middle', `${head}content-length: 100\r\n\r\nhalf`],
    ['closes in the middle of a chunk', `${head}transfer-encoding: chunked\r\n\r\n10\r\nhalf`],
    ['sends endless headers', `${head}${`x: ${'y'.repeat(1000)}\r\n`.repeat(100)}`],
    ['compresses with an unknown method', `${head}content-encoding: br\r\ncontent-length: 1\r\n\r\nx`],
  ])('%s', async (_name, text) => {
    expect(await refusal(fetcher().fetch(await serveRaw(text)))).toBe('INVALID_IMAGE_URL');
  });

  test('compresses what explodes', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    expect(await refusal(fetcher({ maxBytes: 100_000 }).fetch(origin))).toBe('INVALID_IMAGE_URL');
  });

  test('declares more than the limit', async () => {
    const url = await serveRaw(`${head}content-length: ${MAX_BYTES + 1}\r\n\r\n`, false);
    expect(await refusal(fetcher().fetch(url))).toBe('IMAGE_TOO_LARGE');
  });

  test('sends one byte more than the limit without declaring a length', async () => {
    const { origin } = await serve((_request, response) => {
      response.write(Buffer.alloc(MAX_BYTES));
      response.end('x');
    });
    expect(await refusal(fetcher().fetch(origin))).toBe('IMAGE_TOO_LARGE');
  });

  test('is more than the budget of bytes has room for', async () => {
    const budget = new ByteBudget({ maxBytes: 100_000, monotonicMs: () => 0 });
    const { origin } = await serve((_request, response) => response.end(Buffer.alloc(150_000)));
    const reservation = budget.open();
    const large = fetcher({ maxBytes: 200_000 });
    expect(await refusal(large.fetch(origin, undefined, reservation))).toBe('SERVER_BUSY');
    expect(budget.stats()).toMatchObject({ refused: 1 });
    reservation.release();
    expect(budget.stats()).toMatchObject({ heldBytes: 0 });
  });

  test('never ends: reading stops soon after the limit', async () => {
    let sent = 0;
    let closed = false;
    const { origin } = await serve((_request, response) => {
      const chunk = Buffer.alloc(1_000);
      const pump = () => {
        while (!response.destroyed && sent < 50_000_000) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
      };
      response.on('close', () => (closed = true));
      pump();
    });
    expect(await refusal(fetcher().fetch(origin))).toBe('IMAGE_TOO_LARGE');
    await expect.poll(() => closed).toBe(true);
    expect(sent).toBeLessThan(50_000_000);
  });

  test('sends more than it declared: only the declared part is read', async () => {
    const url = await serveRaw(`${head}content-length: 4\r\nconnection: close\r\n\r\npartand more`);
    expect((await fetcher().fetch(url)).toString()).toBe('part');
  });
});

describe('the time-out covers everything together', () => {
  const timeoutMs = 200;

  test('a server that drips', async () => {
    const { origin } = await serve((_request, response) => {
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(timer));
    });
    expect(await refusal(fetcher({ timeoutMs }).fetch(origin))).toBe('IMAGE_TIMEOUT');
  });

  test('a server that says nothing', async () => {
    const port = await listen(createTcpServer());
    expect(await refusal(fetcher({ timeoutMs }).fetch(`http://127.0.0.1:${port}/`))).toBe('IMAGE_TIMEOUT');
  });

  test('a resolver that does not answer', async () => {
    const resolve = () => new Promise<Address[]>(() => undefined);
    expect(await refusal(fetcher({ timeoutMs, resolve }).fetch('http://picture.test/'))).toBe('IMAGE_TIMEOUT');
  });

  test('redirects that each stay below it', async () => {
    const { origin } = await serve((request, response) => {
      setTimeout(() => response.writeHead(302, { location: `${request.url}x` }).end(), timeoutMs * 0.6);
    });
    expect(await refusal(fetcher({ timeoutMs }).fetch(origin))).toBe('IMAGE_TIMEOUT');
  });

  test('is the code of a request, with its side', async () => {
    const port = await listen(createTcpServer());
    const harness = await startHarness({ images: { allowNetworks: LOOPBACK, timeoutMs } });
    try {
      const silent = { url: `http://127.0.0.1:${port}/` };
      const detected = await harness.call('POST', '/detect', { image: silent });
      expect(detected.header).toMatchObject({ resultCode: -45060, resultMessage: 'ImageTimeoutError' });
      const compared = await harness.call('POST', '/compare', { sourceImage: picture(face(0)), targetImage: silent });
      expect(compared.header).toMatchObject({ resultCode: -45060, resultMessage: 'ImageTimeoutError:Target' });
    } finally {
      await harness.close();
    }
  });
});

test('a fetch that is cancelled closes its connection, rejects with the reason and makes room', async () => {
  let closed = false;
  const { origin, seen } = await serve((_request, response) => void response.on('close', () => (closed = true)));
  const bounded = fetcher({ maxConcurrent: 1 });
  const cancel = new AbortController();
  const fetching = bounded.fetch(`${origin}/slow`, cancel.signal);
  await expect.poll(() => seen).toEqual(['/slow']);
  const reason = new Error('not needed any more');
  cancel.abort(reason);
  await expect(fetching).rejects.toBe(reason);
  await expect.poll(() => closed).toBe(true);
  expect(await refusal(bounded.fetch('http://127.0.0.1:22/', new AbortController().signal))).toBe('INVALID_IMAGE_URL');
});

describe('compare, with a target url that never answers', () => {
  /** Longer than the test may take: an answer that waits for the target fails the test. */
  const timeoutMs = 60_000;

  test.each<[string, object, string]>([
    ['no base64', { bytes: '*' }, 'InvalidImageBytesException:Source'],
    ['no picture', { bytes: 'QUJD' }, 'InvalidImageFormatException:Source'],
    ['a url that is refused', { url: 'http://127.0.0.1:22/' }, 'InvalidImageURLException:Source'],
  ])('answers at once when the source is %s, and closes the connection', async (_name, sourceImage, resultMessage) => {
    let connections = 0;
    let closed = 0;
    const server = createTcpServer((socket) => {
      connections++;
      socket.resume().on('close', () => closed++);
    });
    const port = await listen(server);
    const harness = await startHarness({ images: { allowNetworks: LOOPBACK, timeoutMs } });
    try {
      const targetImage = { url: `http://127.0.0.1:${port}/` };
      const { header } = await harness.call('POST', '/compare', { sourceImage, targetImage });
      expect(header).toMatchObject({ isSuccessful: false, resultMessage });
      await expect.poll(() => closed).toBe(connections);
    } finally {
      await harness.close();
    }
  });

  test('waits for the source when the target is refused first', async () => {
    const { origin, seen } = await serve((_request, response) => {
      responses.push(response);
    });
    const responses: ServerResponse[] = [];
    const harness = await startHarness({ images: { allowNetworks: LOOPBACK, timeoutMs } });
    try {
      const ask = { sourceImage: { url: `${origin}/source` }, targetImage: { bytes: '*' } };
      const late = harness.call('POST', '/compare', ask);
      await expect.poll(() => seen.length).toBe(1);
      responses[0]?.writeHead(404).end();
      expect((await late).header.resultMessage).toBe('InvalidImageURLException:Source');
      const good = harness.call('POST', '/compare', ask);
      await expect.poll(() => seen.length).toBe(2);
      responses[1]?.end(Buffer.from(picture(face(0)).bytes, 'base64'));
      expect((await good).header.resultMessage).toBe('InvalidImageBytesException:Target');
    } finally {
      await harness.close();
    }
  });
});

test('one fetch too many at a time is SERVER_BUSY, and room comes back', async () => {
  const waiting: (() => void)[] = [];
  const { origin, seen } = await serve((_request, response) => {
    waiting.push(() => response.end('ok'));
  });
  const bounded = fetcher({ maxConcurrent: 2 });
  const running = [bounded.fetch(`${origin}/1`), bounded.fetch(`${origin}/2`)];
  await expect.poll(() => waiting.length).toBe(2);
  expect(await refusal(bounded.fetch(`${origin}/3`))).toBe('SERVER_BUSY');
  for (const answer of waiting) answer();
  await Promise.all(running);
  expect(seen).toHaveLength(2);
  const again = bounded.fetch(`${origin}/4`);
  await expect.poll(() => waiting.length).toBe(3);
  waiting[2]?.();
  expect((await again).toString()).toBe('ok');
});
