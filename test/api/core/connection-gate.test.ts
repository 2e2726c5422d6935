// Limits on connections: which give way, which are refused, and that a client without a request keeps nobody out.
import { connect, type Socket } from 'node:net';
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionGate } from '../../../src/api/core/connection-gate.js';
import { parseOpenFileLimit, readOpenFiles } from '../../../src/platform/open-files.js';
import { recordingLog, startHarness, type Harness } from '../harness.js';

let nextPort = 1;

/** The parts of a socket that the gate uses. */
class FakeSocket extends EventEmitter {
  readonly remotePort = nextPort++;
  destroyed = false;
  constructor(readonly remoteAddress: string) {
    super();
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function openGate(options: { maxConnections?: number; maxPerAddress?: number } = {}) {
  let nowMs = 0;
  const gate = new ConnectionGate({ maxConnections: 4, maxPerAddress: 3, ...options, monotonicMs: () => nowMs });
  const join = (address: string) => {
    const socket = new FakeSocket(address) as unknown as Socket & FakeSocket;
    const refusal = gate.admit(socket);
    if (!refusal) gate.serve(socket, socket);
    return { socket, refusal };
  };
  return { gate, join, pass: (ms: number) => void (nowMs += ms) };
}

describe('the gate', () => {
  it('refuses an address beyond its limit, and others only beyond that of all', () => {
    const { gate, join } = openGate();
    for (let i = 0; i < 3; i++) expect(join('10.0.0.1').refusal).toBeUndefined();
    expect(join('10.0.0.1').refusal).toBe('address');
    expect(join('::ffff:10.0.0.1').refusal).toBe('address');
    const other = join('10.0.0.2');
    expect(other.refusal).toBeUndefined();
    other.socket.destroy();
    expect(gate.stats()).toEqual({ open: 3, gaveWay: 0, refused: { address: 2, connections: 0, handshakes: 0 } });
  });

  it('has no limit of its own for this machine, where a reverse proxy may be', () => {
    const { join } = openGate();
    for (let i = 0; i < 4; i++) expect(join('127.0.0.1').refusal).toBeUndefined();
    expect(join('127.0.0.1').refusal).toBe('connections');
  });

  it('closes the connection that has been without a request for the longest time', () => {
    const { gate, join, pass } = openGate();
    const [first, second, third, fourth] = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((address) => {
      pass(10);
      return join(address).socket;
    });
    gate.beginRequest(first!);
    pass(5_000);
    gate.beginRequest(second!);
    gate.endRequest(second!);
    expect(join('10.0.0.5').refusal).toBeUndefined();
    expect([first, second, third, fourth].map((socket) => socket?.destroyed)).toEqual([false, false, true, false]);
    expect(join('10.0.0.6').refusal).toBeUndefined();
    expect(fourth?.destroyed).toBe(true);
    expect(join('10.0.0.7').refusal).toBe('connections');
    pass(1_000);
    expect(join('10.0.0.8').refusal).toBeUndefined();
    expect(second?.destroyed).toBe(true);
    expect(gate.stats()).toMatchObject({ open: 4, gaveWay: 3 });
  });

  it('lets a new address in where another one has most of the places, however often it uses them', () => {
    const { gate, join } = openGate({ maxConnections: 3 });
    const many = [join('10.0.0.1'), join('10.0.0.1'), join('10.0.0.1')].map(({ socket }) => socket);
    gate.beginRequest(many[0]!);
    expect(join('10.0.0.2').refusal).toBeUndefined();
    expect(many.map(({ destroyed }) => destroyed)).toEqual([false, true, false]);
    expect(join('10.0.0.2').refusal).toBe('connections');
  });

  it('bounds the TLS handshakes at the same time', () => {
    let nowMs = 0;
    const gate = new ConnectionGate({ maxConnections: 100, maxPerAddress: 100, monotonicMs: () => nowMs });
    const shake = () => gate.admit(new FakeSocket('10.0.0.1') as unknown as Socket);
    for (let i = 0; i < 32; i++) expect(shake()).toBeUndefined();
    expect(shake()).toBe('handshakes');
    nowMs += 1_000;
    expect(shake()).toBeUndefined();
  });
});

describe('the limit of open files', () => {
  it.each([
    ['Max open files            8192                 1048576              files     ', 8_192],
    ['Max open files            unlimited            unlimited            files     ', undefined],
    ['', undefined],
  ])('is read from %j', (line, limit) => {
    expect(parseOpenFileLimit(`Limit     Soft Limit\n${line}\n`)).toBe(limit);
  });

  it.skipIf(process.platform !== 'linux')('is read for this process', async () => {
    const files = await readOpenFiles();
    expect(files?.limit).toBeGreaterThan(files?.open ?? Infinity);
    expect(files?.open).toBeGreaterThan(3);
  });
});

describe('the server', () => {
  let harness: Harness;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await harness.close();
  });

  async function open(): Promise<{ socket: Socket; text: () => string; closed: () => boolean }> {
    const socket = connect(harness.server.address.port, '127.0.0.1');
    sockets.push(socket);
    let text = '';
    let closed = false;
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('close', () => (closed = true)).on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    return { socket, text: () => text, closed: () => closed };
  }

  it('refuses a connection too many with a sentence, and serves again when there is room', async () => {
    harness = await startHarness({ http: { maxConnections: 16 } });
    const kept = [];
    for (let i = 0; i < 16; i++) kept.push(await open());
    await expect.poll(() => harness.server.stats().connections).toBe(16);
    const refused = await open();
    await expect.poll(refused.closed).toBe(true);
    expect(refused.text()).toMatch(
      /^HTTP\/1\.1 503 [^]*connection: close\r\n[^]*retry-after: 1\r\n[^]*try again later/,
    );
    expect(harness.server.stats().refused).toMatchObject({ connections: 1 });
    kept[3]?.socket.destroy();
    await expect.poll(() => harness.server.stats().connections).toBe(15);
    expect((await harness.call('GET', '/groups')).header.resultCode).toBe(0);
  });

  it('closes idle connections for new ones, and not those whose request is being answered', async () => {
    harness = await startHarness({ http: { maxConnections: 16 } });
    let release: () => void = () => undefined;
    harness.vision.gate = new Promise((resolve) => (release = resolve));
    const busy = await open();
    const body = JSON.stringify({ image: { bytes: Buffer.from('{"faces":[]}').toString('base64') } });
    const head = `POST ${harness.base}/detect HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n`;
    busy.socket.write(head + body);
    await expect.poll(() => harness.vision.calls.length).toBe(1);
    const idle: { closed: () => boolean }[] = [];
    for (let i = 0; i < 15; i++) idle.push(await open());
    await expect
      .poll(async () => (await fetch(harness.origin + '/openapi.json').catch(() => undefined))?.status, {
        timeout: 8_000,
      })
      .toBe(200);
    await expect.poll(() => idle.filter(({ closed }) => closed()).length).toBeGreaterThan(0);
    release();
    await expect.poll(busy.text).toContain('"resultCode":0');
    expect(busy.closed()).toBe(false);
  });

  it('disconnects a client that does not take its answers', async () => {
    const log = recordingLog();
    harness = await startHarness({ log, http: { requestTimeoutMs: 1_000 } });
    const { socket, closed } = await open();
    socket.pause();
    const request = 'GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n';
    socket.write(request.repeat(400));
    await expect.poll(() => harness.server.stats().connections, { timeout: 15_000 }).toBe(0);
    socket.resume();
    await expect.poll(closed).toBe(true);
  });
});
