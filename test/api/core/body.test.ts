// Request bodies of every size, complete or not: the client is answered, and the service goes on.
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createRequestLimits } from '../../../src/api/core/request-limits.js';
import {
  face,
  picture,
  recordingLog,
  startHarness,
  type Answer,
  type Harness,
  type HarnessOptions,
} from '../harness.js';

const MB = 1_000_000;

let harness: Harness;
afterEach(() => harness.close());

async function start(options: HarnessOptions = {}): Promise<void> {
  harness = await startHarness(options);
}

/** A raw connection, and everything that comes back on it. */
async function open(): Promise<{ socket: Socket; text: () => string; closed: () => boolean }> {
  const socket = connect(harness.server.address.port, '127.0.0.1');
  let received = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  socket.on('close', () => (closed = true)).on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, text: () => received, closed: () => closed };
}

function head(path: string, ...headers: string[]): string {
  return [`POST ${harness.base}${path} HTTP/1.1`, 'host: localhost', ...headers, '', ''].join('\r\n');
}

async function expectAlive(): Promise<void> {
  const answer = await harness.call('POST', '/detect', { image: picture(face(0)) });
  expect(answer.header.resultCode).toBe(0);
}

describe('a long body', () => {
  test.each<[string, string, number]>([
    ['/detect', 'ImageTooLargeException', 10 * MB],
    ['/compare', 'ImageTooLargeException:Source', 10 * MB],
    ['/groups', 'InvalidParam', 10 * MB],
    ['/groups', 'InvalidParam', 70_000],
  ])('of %s is %s (%i bytes)', async (path, message, length) => {
    await start();
    for (const body of ['x'.repeat(length), JSON.stringify({ groupId: 'x'.repeat(length) })]) {
      expect((await harness.call('POST', path, body)).header.resultMessage).toBe(message);
    }
    await expectAlive();
  });

  test('is answered on a connection that goes on, with a declared length and without', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = (path: string, body: string, headers: Record<string, string | number>) =>
      new Promise<[Answer, Socket]>((resolve, reject) => {
        const url = `${harness.origin}${harness.base}${path}`;
        const request = httpRequest(url, { method: 'POST', agent, headers }, (response) => {
          let text = '';
          const { socket } = response;
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve([JSON.parse(text) as Answer, socket]));
        });
        request.on('error', reject).end(body);
      });
    const long = 'x'.repeat(10 * MB);
    const [declared, first] = await post('/detect', long, { 'content-length': long.length });
    const [chunked, second] = await post('/detect', long, { 'transfer-encoding': 'chunked' });
    const [created, third] = await post('/groups', '{"groupId":"a"}', {});
    agent.destroy();
    expect([declared, chunked, created].map(({ header }) => header.resultCode)).toEqual([-45020, -45020, 0]);
    expect([second, third]).toEqual([first, first]);
  });

  test('beyond the bound is answered and cut off: declared at once, undeclared once it was read', async () => {
    await start();
    const declared = await open();
    declared.socket.write(head('/detect', 'content-length: 64000001') + '{');
    await expect.poll(declared.closed).toBe(true);
    expect(declared.text()).toContain('-45020');
    expect(declared.text().toLowerCase()).toContain('connection: close');

    const endless = await open();
    endless.socket.write(head('/detect', 'transfer-encoding: chunked'));
    const chunk = `f4240\r\n${'x'.repeat(MB)}\r\n`;
    let sent = 0;
    const pump = () => {
      while (!endless.closed() && sent < 200) {
        sent++;
        if (!endless.socket.write(chunk)) return void endless.socket.once('drain', pump);
      }
    };
    pump();
    await expect.poll(endless.closed, { timeout: 20_000 }).toBe(true);
    expect(sent).toBeGreaterThan(60);
    expect(sent).toBeLessThan(200);
    await expectAlive();
  });
});

describe('the limit of a picture', () => {
  const maxImageBytes = 30_000;
  const file = (length: number) => {
    const script = JSON.stringify({ faces: [face(0)], fill: '' });
    return Buffer.from(script.replace('"fill":""', `"fill":"${'?'.repeat(length - script.length)}"`));
  };

  test('holds to the byte, in one picture and in each of two', async () => {
    await start({ http: { maxImageBytes } });
    const just = { bytes: file(maxImageBytes).toString('base64') };
    const over = { bytes: file(maxImageBytes + 1).toString('base64') };
    const codes = async (path: string, body: object) => (await harness.call('POST', path, body)).header;
    expect(await codes('/detect', { image: just })).toMatchObject({ resultCode: 0 });
    expect(await codes('/detect', { image: over })).toMatchObject({ resultCode: -45020 });
    expect(await codes('/compare', { sourceImage: just, targetImage: just })).toMatchObject({ resultCode: 0 });
    expect(await codes('/compare', { sourceImage: just, targetImage: over })).toMatchObject({
      resultMessage: 'ImageTooLargeException:Target',
    });
  });

  test('is not lowered by JSON that escapes every slash', async () => {
    await start();
    const bytes = `${'A'.repeat(23)}/`.repeat((4 * 3 * MB) / 3 / 24);
    const body = JSON.stringify({ image: { bytes } }).replaceAll('/', '\\/');
    expect(body.length).toBeGreaterThan(4.16 * MB);
    expect((await harness.call('POST', '/detect', body)).header.resultMessage).toBe('InvalidImageFormatException');
  });
});

describe('an incomplete body', () => {
  test('is cut off after the time limit', async () => {
    const log = recordingLog();
    await start({ http: { requestTimeoutMs: 300 }, log });
    const half = await open();
    half.socket.write(head('/detect', 'content-length: 100') + '{"image":');
    const none = await open();
    none.socket.write(head('/detect').slice(0, -4));
    await expect.poll(() => half.closed() && none.closed(), { timeout: 5_000 }).toBe(true);
    expect(half.text()).toMatch(/^HTTP\/1.1 408 /);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    await expectAlive();
  });

  test('because the client leaves is no error', async () => {
    const log = recordingLog();
    let reached = false;
    const authenticate = () => {
      reached = true;
      return {
        id: '00000000-0000-4000-8000-000000000000',
        name: 'any',
        fingerprint: '0',
        createdAt: '2026-01-01T00:00:00Z',
      };
    };
    await start({ log, appKeys: { authenticate, authenticateWithSecret: authenticate } });
    const half = await open();
    half.socket.write(head('/detect', 'content-length: 100') + '{"image":');
    await expect.poll(() => reached).toBe(true);
    half.socket.destroy();
    await expect
      .poll(() => log.lines.map(({ message }) => message))
      .toContain('the client closed the connection before it was answered');
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    await expectAlive();
  });

  test('because the client leaves while its picture is analysed is no error', async () => {
    const log = recordingLog();
    await start({ log });
    let release: () => void = () => undefined;
    harness.vision.gate = new Promise((resolve) => (release = resolve));
    const body = JSON.stringify({ image: picture(face(0)) });
    const client = await open();
    client.socket.write(head('/detect', `content-length: ${body.length}`) + body);
    await expect.poll(() => harness.vision.calls.length).toBe(1);
    client.socket.destroy();
    await expect.poll(client.closed).toBe(true);
    release();
    // The answer may be ready before the service notices that the client has left.
    const ends = ['request', 'the client closed the connection before it was answered'];
    await expect.poll(() => log.lines.some(({ message }) => ends.includes(message)), { timeout: 5_000 }).toBe(true);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    await expectAlive();
  });
});

test('a request that expects 100-continue is served', async () => {
  await start();
  const body = '{"groupId":"continued"}';
  const client = await open();
  client.socket.write(head('/groups', `content-length: ${body.length}`, 'expect: 100-continue'));
  await expect.poll(client.text).toContain('100 Continue');
  client.socket.write(body);
  await expect.poll(client.text).toContain('"resultCode":0');
  client.socket.destroy();
});

test('two requests on one connection, the first refused before its body was read, are both answered', async () => {
  await start();
  const client = await open();
  const body = JSON.stringify({ groupId: 'second' });
  const refused = head('/groups', `content-length: ${body.length}`).replace(harness.appKey, 'unknown') + body;
  client.socket.write(refused + head('/groups', `content-length: ${body.length}`) + body);
  await expect.poll(client.text).toMatch(/-41000[^]*"resultCode":0/);
  client.socket.destroy();
});

describe('the budget of bytes', () => {
  test('holds a long answer until the client has it, and refuses it when there is no room', async () => {
    const http = { maxImageBytes: 10_000, maxBytesInFlight: 150_000 };
    const requestLimits = createRequestLimits({ http });
    await start({ http, requestLimits });
    await harness.call('POST', '/groups', { groupId: 'many' });
    for (let i = 0; i < 10; i++) {
      const faces = Array.from({ length: 20 }, (_, at) => face(at, { box: [0, 0, 100 + at, 100 + i] }));
      const body = { image: picture(...faces), limit: 20, externalImageId: 'x'.repeat(255) };
      expect((await harness.call('POST', '/groups/many', body)).data).toMatchObject({ addedFaceCount: 20 });
    }
    const { budget } = requestLimits;
    await expect.poll(() => budget.stats().heldBytes).toBe(0);
    const other = budget.open();
    other.hold(100_000);
    const refused = await harness.call('GET', '/groups/many/faces?limit=200');
    expect(refused.header.resultCode).toBe(-50300);
    expect((await harness.call('GET', '/groups/many/faces?limit=20')).data).toMatchObject({ faceCount: 20 });
    other.release();
    const answer = await harness.call('GET', '/groups/many/faces?limit=200');
    expect(answer.data).toMatchObject({ faceCount: 200 });
    expect(JSON.stringify(answer).length).toBeGreaterThan(65_536);
    await expect.poll(() => budget.stats().heldBytes).toBe(0);
  });

  test('holds the picture of a client that has left until it is analysed', async () => {
    await start();
    let release: () => void = () => undefined;
    harness.vision.gate = new Promise((resolve) => (release = resolve));
    const body = JSON.stringify({ image: picture(face(0)), fill: ' '.repeat(10_000) });
    const client = await open();
    client.socket.write(head('/detect', `content-length: ${body.length}`) + body);
    await expect.poll(() => harness.vision.calls.length).toBe(1);
    const held = harness.server.stats().heldBytes;
    expect(held).toBeGreaterThanOrEqual(body.length);
    client.socket.destroy();
    await expect.poll(() => harness.server.stats().connections).toBe(0);
    expect(harness.server.stats().heldBytes).toBe(held);
    release();
    await expect.poll(() => harness.server.stats().heldBytes).toBe(0);
  });
});
