// Slow clients are disconnected, and clients beyond the queue are refused at once.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestModels } from '../support/model-sets.js';
import { toImage, startService, type Service } from '../support/service.js';
import { png } from './files.js';

const REQUEST_TIMEOUT_MS = 1_000;
/** Time limit of the server, plus the interval at which it checks, plus a reserve for a busy machine. */
const CUT_OFF_MS = 6_000;
const QUEUE_LENGTH = 4;

describe('a running service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-slow-'));
  let service: Service;

  beforeAll(async () => {
    service = await startService({
      folder,
      ...bestModels,
      config: {
        http: { port: 0, requestTimeoutMs: REQUEST_TIMEOUT_MS },
        vision: { workers: 1, queueLength: QUEUE_LENGTH },
      },
    });
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Makes the start of a request for detect, up to its body. */
  const head = (contentLength: number): string => {
    const { host, pathname } = new URL(`${service.base}/detect`);
    return `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${contentLength}\r\n\r\n`;
  };

  interface Dawdler {
    socket: Socket;
    /** Resolves with the milliseconds until the server closed the connection, and its answer. */
    closed: Promise<{ ms: number; said: string }>;
  }

  /** Opens a connection, sends `start`, and does not end the request. @param drip sent every 50 ms */
  function dawdle(start: string, drip?: string): Dawdler {
    const { hostname, port } = new URL(service.url);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    const began = performance.now();
    let said = '';
    const timer = drip === undefined ? undefined : setInterval(() => socket.write(drip), 50);
    const closed = new Promise<{ ms: number; said: string }>((resolve) => {
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => (said += chunk));
      // The server closes while we still write.
      socket.on('error', () => undefined);
      socket.on('end', () => socket.end());
      socket.on('close', () => {
        clearInterval(timer);
        resolve({ ms: performance.now() - began, said });
      });
    });
    socket.write(start);
    return { socket, closed };
  }

  it.each<[string, () => Dawdler]>([
    ['drips its headers', () => dawdle('GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n', 'x-a: b\r\n')],
    ['stops in the middle of a header', () => dawdle('GET / HTTP/1.1\r\nhost: 127')],
    ['stops in the middle of its body', () => dawdle(`${head(1_000)}{"image":`)],
    ['drips its body', () => dawdle(head(100_000), ' ')],
    [
      'drips the chunks of its body',
      () => dawdle(head(0).replace('content-length: 0', 'transfer-encoding: chunked'), '1\r\n \r\n'),
    ],
    ['sends nothing at all', () => dawdle('')],
  ])('disconnects a client that %s', async (_name, start) => {
    const { ms, said } = await start().closed;
    expect(ms).toBeGreaterThan(REQUEST_TIMEOUT_MS / 2);
    expect(ms).toBeLessThan(CUT_OFF_MS);
    expect(said).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  it('closes the connection at once when a client has closed its half in the middle of a request', async () => {
    const { socket, closed } = dawdle(`${head(1_000)}{"image":`);
    socket.end();
    expect((await closed).ms).toBeLessThan(CUT_OFF_MS);
  });

  it('serves others while two hundred clients are slow, and keeps no state of them after it disconnected them', async () => {
    const dawdlers = Array.from({ length: 200 }, (_, i) => dawdle(i % 2 === 0 ? 'GET / HTTP/1.1\r\n' : head(9_999)));
    const began = performance.now();
    for (let i = 0; i < 10; i++) expect((await service.call('GET', '/groups')).header.resultCode).toBe(0);
    expect((performance.now() - began) / 10).toBeLessThan(200);
    for (const { ms } of await Promise.all(dawdlers.map(({ closed }) => closed)))
      expect(ms).toBeLessThan(CUT_OFF_MS * 2);
  });

  interface TimedAnswer {
    code: number;
    retryAfter: string | null;
    ms: number;
  }

  async function detect(picture: Uint8Array): Promise<TimedAnswer> {
    const body = JSON.stringify({ image: toImage(picture) });
    const began = performance.now();
    const response = await fetch(`${service.base}/detect`, { method: 'POST', body });
    const { header } = (await response.json()) as { header: { resultCode: number } };
    return {
      code: header.resultCode,
      retryAfter: response.headers.get('retry-after'),
      ms: performance.now() - began,
    };
  }

  it('refuses requests beyond the queue at once, and finishes the accepted ones', async () => {
    const small = png({ widthPx: 100, heightPx: 100 });
    expect((await detect(small)).code).toBe(0);
    // Each picture keeps the worker busy for several hundred milliseconds.
    const slow = png({ widthPx: 5_000, heightPx: 5_000, interlaced: true });
    const flood = Array.from({ length: 3 * QUEUE_LENGTH }, () => detect(slow));
    // The first refusal says that the queue is full.
    await Promise.race(
      flood.map(async (answer) => ((await answer).code === -50300 ? undefined : new Promise(() => undefined))),
    );
    const refused: TimedAnswer[] = [];
    for (let i = 0; i < 50; i++) {
      const answer = await detect(small);
      if (answer.code !== -50300) break;
      refused.push(answer);
    }
    expect(refused.length).toBeGreaterThan(2);
    expect(refused.map(({ ms }) => ms).toSorted((a, b) => a - b)[refused.length >> 1]).toBeLessThan(50);

    const answers = await Promise.all(flood);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([0, -50300]));
    expect(answers.filter(({ code }) => code === 0).length).toBeGreaterThanOrEqual(QUEUE_LENGTH);
    for (const { code, retryAfter } of [...answers, ...refused]) expect(retryAfter).toBe(code === 0 ? null : '1');
    expect((await detect(small)).code).toBe(0);
  });
});
