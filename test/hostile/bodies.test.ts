// Bodies that are made to fill the memory or to hold up the main thread: each is refused, and the service goes on.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJsonObject } from '../../src/api/core/json-body.js';
import { RequestTurns } from '../../src/api/core/turns.js';
import { bestModels } from '../support/model-sets.js';
import { startService, type Service } from '../support/service.js';

const MB = 1_000_000;
const BUDGET_BYTES = 16 * MB;
/** Largest body of detect under the default limit of a picture. */
const BODY_BYTES = 4_200_000;
const half = BODY_BYTES / 2 - 100;

const inImage = (text: string) => `{"image":{"bytes":"${text}"}}`;

/** Bodies, with the result code of their answer. */
const HOSTILE: [string, string, number][] = [
  ['nested arrays', `{"image":${'['.repeat(half)}${']'.repeat(half)}}`, -40000],
  ['unclosed arrays', '['.repeat(2 * half), -40000],
  ['many tokens', `[${'0,'.repeat(half)}0]`, -40000],
  ['many keys', `{${Array.from({ length: 300_000 }, (_, i) => `"k${i}":0`).join()}}`, -40000],
  ['a long key', `{"${'k'.repeat(2 * half)}":1}`, -40000],
  ['quotes in a picture', inImage('\\"'.repeat(half)), -40000],
  ['backslashes in a picture', inImage('\\\\'.repeat(half)), -40000],
  ['escaped letters in a picture', inImage('\\u0041'.repeat(690_000)), -45030],
  ['escaped slashes in a picture', inImage('\\/'.repeat(2_000_000)), -45040],
  ['a picture of stars', inImage('*'.repeat(2 * half)), -45020],
  ['a picture of letters', inImage('A'.repeat(3_999_996)), -45040],
  ['white space', ' '.repeat(2 * half), -40000],
];

describe('a body of the largest size', () => {
  /** RequestTurns that measure the work between them. */
  class TimedTurns extends RequestTurns {
    longestMs = 0;
    #beganMs = performance.now();

    override async take(): Promise<void> {
      this.pause();
      await super.take();
      this.#beganMs = performance.now();
    }

    pause(): void {
      this.longestMs = Math.max(this.longestMs, performance.now() - this.#beganMs);
    }
  }

  it.each(HOSTILE)('of %s holds the main thread for a few milliseconds at a time', async (_name, text) => {
    const rules = { wanted: 'a JSON object', imageFields: ['image'], maxFieldsBytes: 65_536, maxImageBytes: 3 * MB };
    const rounds: number[] = [];
    for (let round = 0; round < 5; round++) {
      const body = Buffer.from(text);
      const turns = new TimedTurns();
      await parseJsonObject(body, rules, turns).catch(() => undefined);
      turns.pause();
      rounds.push(turns.longestMs);
    }
    // The best of five: another process may take the processor at any time. JSON.parse takes seconds for the nested arrays.
    expect(Math.min(...rounds)).toBeLessThan(20);
  });
});

describe('a running service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bodies-'));
  let service: Service;

  beforeAll(async () => {
    service = await startService({
      folder,
      ...bestModels,
      config: { http: { port: 0, maxBytesInFlight: BUDGET_BYTES }, vision: { workers: 1 } },
    });
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  const readMegabytes = () => {
    const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_000;
  };

  async function readMetric(name: string): Promise<number> {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    const line = text.split('\n').find((entry) => entry.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }

  const head = (...headers: string[]) => {
    const { host, pathname } = new URL(`${service.base}/detect`);
    return [`POST ${pathname} HTTP/1.1`, `host: ${host}`, ...headers, '', ''].join('\r\n');
  };

  /** Sends bytes on a connection of their own. @returns the result code, or undefined when there was no answer */
  function send(...parts: (string | Buffer)[]): { code: Promise<number | undefined>; leave: () => void } {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    let text = '';
    const code = new Promise<number | undefined>((resolve) => {
      const read = () => /"resultCode":(-?\d+)/.exec(text)?.[1];
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
        if (read() !== undefined) socket.destroy();
      });
      // The server may close while this side still writes.
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(read() === undefined ? undefined : Number(read())));
    });
    for (const part of parts) socket.write(part);
    return { code, leave: () => void socket.destroy() };
  }

  it.each(HOSTILE)('answers %s', async (_name, text, code) => {
    const body = Buffer.from(text);
    expect(await send(head(`content-length: ${body.length}`), body).code).toBe(code);
  });

  it('refuses compressed bombs while it inflates them, many at once, and keeps nothing', async () => {
    const before = readMegabytes();
    const nothing = Buffer.alloc(100 * MB, ' ');
    for (const [encoding, bomb] of [
      ['gzip', gzipSync(nothing)],
      ['deflate', deflateSync(nothing)],
      // A bomb inside a bomb is inflated once: what comes out is no JSON.
      ['gzip', gzipSync(gzipSync(nothing))],
    ] as const) {
      const headers = head(`content-length: ${bomb.length}`, `content-encoding: ${encoding}`);
      const clients = Array.from({ length: 32 }, () => send(headers, bomb));
      for (const { code } of clients) expect([-40000, -50300]).toContain(await code);
    }
    expect(readMegabytes() - before).toBeLessThan(150);
    expect(await readMetric('lintel_http_held_bytes')).toBe(0);
  });

  it('refuses bodies in chunks of one byte, and does not keep them', async () => {
    const before = readMegabytes();
    const chunks = Buffer.from('1\r\na\r\n'.repeat(400_000));
    const clients = Array.from({ length: 16 }, () => send(head('transfer-encoding: chunked'), '2\r\n{"\r\n', chunks));
    for (const { code } of clients) expect([-40000, undefined]).toContain(await code);
    expect((await service.call('GET', '/groups')).header.resultCode).toBe(0);
    expect(readMegabytes() - before).toBeLessThan(100);
  });

  it('holds no more bytes than its budget, and serves small requests meanwhile', async () => {
    const before = readMegabytes();
    const part = Buffer.alloc(4 * MB, 'A');
    const clients = Array.from({ length: 40 }, () => send(head(`content-length: ${BODY_BYTES}`), part));
    await expect.poll(() => readMetric('lintel_http_held_bytes')).toBeGreaterThan(BUDGET_BYTES / 2);
    expect(await Promise.race(clients.map(({ code }) => code))).toBe(-50300);
    expect(await readMetric('lintel_http_held_bytes')).toBeLessThanOrEqual(BUDGET_BYTES + 40 * 65_536);
    expect((await service.call('POST', '/groups', { groupId: 'small' })).header.resultCode).toBe(0);
    expect(readMegabytes() - before).toBeLessThan(150);
    for (const { leave } of clients) leave();
    await expect.poll(() => readMetric('lintel_http_held_bytes')).toBe(0);
  });

  it('cuts off senders that stall when another request needs their bytes', async () => {
    const part = Buffer.alloc(3 * MB, 'A');
    const stalled = Array.from({ length: 4 }, () => send(head(`content-length: ${BODY_BYTES}`), part));
    await expect.poll(() => readMetric('lintel_http_held_bytes')).toBeGreaterThan(12 * MB);
    const body = Buffer.from(inImage('A'.repeat(3_999_996)));
    await expect
      .poll(() => send(head(`content-length: ${body.length}`), body).code, { timeout: 20_000, interval: 500 })
      .toBe(-45040);
    for (const { leave } of stalled) leave();
    await expect.poll(() => readMetric('lintel_http_held_bytes')).toBe(0);
  });
});
