// Fair sockets: all bytes arrive in order, one portion of all connections in each round of the event loop.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FairSocket } from '../../../src/api/core/fair-socket.js';
import { RequestTurns } from '../../../src/api/core/turns.js';

const turns = new RequestTurns();
let server: Server;
let accepted: FairSocket[];
const clients: Socket[] = [];

beforeEach(async () => {
  accepted = [];
  server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(new FairSocket(socket, turns)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const socket of accepted) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function join(): Promise<{ client: Socket; fair: FairSocket }> {
  const count = accepted.length;
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined);
  clients.push(client);
  await expect.poll(() => accepted.length).toBe(count + 1);
  return { client, fair: accepted[count]! };
}

const digest = (pieces: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(pieces)).digest('hex');

describe('turns', () => {
  it('let one go on in each round of the event loop, in order', async () => {
    let round = 0;
    const count = () => {
      round++;
      if (round < 10_000) timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const seen: [number, number][] = [];
    await Promise.all([0, 1, 2, 3, 4].map(async (i) => turns.take().then(() => seen.push([i, round]))));
    clearImmediate(timer);
    expect(seen.map(([i]) => i)).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(seen.map(([, at]) => at)).size).toBe(5);
  });
});

describe('fair sockets', () => {
  it('hand over every byte in order, one portion in each round, and then the end', async () => {
    let round = 0;
    let timer = setImmediate(function count() {
      round++;
      timer = setImmediate(count);
    });
    const rounds: number[] = [];
    const pairs: { client: Socket; fair: FairSocket }[] = [];
    for (let i = 0; i < 5; i++) pairs.push(await join());
    const transfers = await Promise.all(
      pairs.map(async ({ client, fair }) => {
        const sent = randomBytes(600_000);
        const pieces: Buffer[] = [];
        fair.on('data', (piece: Buffer) => {
          rounds.push(round);
          pieces.push(Buffer.from(piece));
        });
        const ended = once(fair, 'end');
        client.end(sent);
        await ended;
        return { sent, pieces };
      }),
    );
    clearImmediate(timer);
    for (const { sent, pieces } of transfers) {
      expect(digest(pieces)).toBe(digest([sent]));
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(65_536);
    }
    expect(new Set(rounds).size).toBe(rounds.length);
  });

  it('hand over smaller portions where they take long', async () => {
    const { client, fair } = await join();
    const lengths: number[] = [];
    fair.on('data', (piece: Buffer) => {
      lengths.push(piece.length);
      const until = performance.now() + 3;
      while (performance.now() < until);
    });
    const ended = once(fair, 'end');
    client.end(Buffer.alloc(60_000));
    await ended;
    expect(lengths[0]).toBe(8_192);
    expect(Math.min(...lengths.slice(0, -1))).toBe(1_024);
  });

  it('do not read from a client whose bytes are not wanted', async () => {
    const { client, fair } = await join();
    fair.pause();
    let drained = false;
    client.write(Buffer.alloc(50_000_000), () => (drained = true));
    await expect.poll(() => client.bytesWritten).toBeGreaterThan(0);
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(drained).toBe(false);
    fair.resume();
    await expect.poll(() => drained, { timeout: 10_000 }).toBe(true);
  });

  it('write what they are given, and close when it is written', async () => {
    const { client, fair } = await join();
    const pieces: Buffer[] = [];
    client.on('data', (piece: Buffer) => pieces.push(piece));
    const sent = randomBytes(3_000_000);
    fair.cork();
    fair.write('head');
    fair.write(sent);
    fair.uncork();
    fair.destroySoon();
    await once(client, 'end');
    expect(digest(pieces)).toBe(digest([Buffer.from('head'), sent]));
    client.end();
    await expect.poll(() => fair.destroyed).toBe(true);
  });

  it('close with their client, and their client with them', async () => {
    const first = await join();
    first.fair.resume();
    first.fair.on('error', () => undefined);
    first.client.resetAndDestroy();
    await expect.poll(() => first.fair.closed).toBe(true);
    const second = await join();
    second.client.resume();
    second.fair.destroy();
    await once(second.client, 'end');
    expect(second.fair.destroyed).toBe(true);
  });

  it('pass on a timeout of the socket', async () => {
    const { fair } = await join();
    const timeout = once(fair, 'timeout');
    fair.setTimeout(20);
    await timeout;
    expect(fair.remoteAddress).toBe('127.0.0.1');
    expect(fair.encrypted).toBe(false);
  });
});
