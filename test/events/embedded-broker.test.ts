// The embedded broker on a real socket, with subscribers and intruders of their own processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { EmbeddedBroker } from '../../src/events/embedded-broker.js';
import { freePort } from '../support/free-port.js';
import { eventually, lacks, started, startEvents, Subscriber, aDraft } from './support.js';

const OWNER = { clientId: 'lintel-gate', username: 'lintel', password: 'only-for-this-test' };

async function startBroker(host = '127.0.0.1'): Promise<{ broker: EmbeddedBroker; port: number }> {
  const broker = await started(new EmbeddedBroker({ host, port: 0, owner: OWNER, log: silentLog }));
  return { broker, port: Number(new URL(broker.url).port) };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Resolves with everything that came, when the other side has ended the connection. */
async function untilClosed(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** MQTT 3.1.1 CONNECT with this client id and no user, clean or not. */
function connectPacket(clientId: string, clean = true): Buffer {
  const id = Buffer.from(clientId);
  const body = Buffer.concat([
    Buffer.from([0, 4]),
    Buffer.from('MQTT'),
    Buffer.from([4, clean ? 2 : 0, 0, 60, 0, id.length]),
    id,
  ]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

describe('the embedded broker', () => {
  it.each([
    ['127.0.0.1', 'mqtt://127.0.0.1:'],
    ['0.0.0.0', 'mqtt://127.0.0.1:'],
  ])('says where Lintel reaches it when it listens on %s', async (host, start) => {
    const { broker } = await startBroker(host);
    expect(broker.url.startsWith(start)).toBe(true);
    expect(broker.health()).toEqual({ status: 'ok', facts: { embedded: true, clients: 0 } });
  });

  it('refuses to start where another program listens, and says what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const broker = new EmbeddedBroker({ host: '127.0.0.1', port, owner: OWNER, log: silentLog });
    await expect(broker.start()).rejects.toMatchObject({
      code: 'BROKER_FAILED',
      message: expect.stringMatching(/127\.0\.0\.1:\d+ is in use .* set mqtt\.url or another port/) as string,
    });
    await broker.stop();
  });

  it('refuses to start on an address that this machine does not have', async () => {
    // 192.0.2.0/24 is for documentation: no machine has it.
    const broker = new EmbeddedBroker({ host: '192.0.2.1', port: 0, owner: OWNER, log: silentLog });
    await expect(broker.start()).rejects.toMatchObject({
      code: 'BROKER_FAILED',
      message: expect.stringContaining('does not have that address') as string,
    });
  });

  it('starts again on the same port after a stop', async () => {
    const port = await freePort();
    const broker = new EmbeddedBroker({ host: '127.0.0.1', port, owner: OWNER, log: silentLog });
    for (let i = 0; i < 2; i++) {
      await broker.start();
      const socket = await dial(port);
      const closed = untilClosed(socket);
      await broker.stop();
      await closed;
    }
    await broker.stop();
  });

  it('disconnects a client that announces too large a packet, and keeps running', async () => {
    const { port } = await startBroker();
    const socket = await dial(port);
    const closed = untilClosed(socket);
    // A CONNECT that announces 200 MB.
    socket.write(Buffer.from([0x10, 0x80, 0x80, 0xb0, 0x5f, 0, 4]));
    expect(await closed).toHaveLength(0);
    const next = await dial(port);
    next.write(connectPacket('somebody'));
    expect((await once(next, 'data'))[0]).toEqual(Buffer.from([0x20, 2, 0, 0]));
  });

  it.each([
    ['bytes that are no MQTT', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a first packet that is no CONNECT', Buffer.from([0xc0, 0])],
    [
      'an MQTT of another version',
      Buffer.concat([Buffer.from([0x10, 12, 0, 4]), Buffer.from('MQTT'), Buffer.from([9, 2, 0, 60, 0, 0])]),
    ],
  ])('cuts off %s', async (_, bytes) => {
    const { port } = await startBroker();
    const socket = await dial(port);
    const closed = untilClosed(socket);
    socket.write(bytes);
    await closed;
  });

  it('lets nobody else use the client id of Lintel', async () => {
    const { port } = await startBroker();
    const socket = await dial(port);
    const closed = untilClosed(socket);
    socket.write(connectPacket(OWNER.clientId));
    expect(await closed).toEqual(Buffer.from([0x20, 2, 0, 5]));
  });

  it('keeps no session for a client that asks for one', async () => {
    const { port } = await startBroker();
    for (let i = 0; i < 2; i++) {
      const socket = await dial(port);
      socket.write(connectPacket('returning', false));
      // Session present: no.
      expect((await once(socket, 'data'))[0]).toEqual(Buffer.from([0x20, 2, 0, 0]));
      const subscribe = Buffer.concat([Buffer.from([0x82, 12, 0, 1, 0, 7]), Buffer.from('lintel/'), Buffer.from([1])]);
      socket.write(subscribe);
      expect((await once(socket, 'data'))[0]).toEqual(Buffer.from([0x90, 3, 0, 1, 1]));
      socket.destroy();
    }
  });
});

describe.skipIf(lacks('the embedded broker and its clients', 'mosquitto_sub', 'mosquitto_pub'))(
  'the embedded broker and clients of other processes',
  () => {
    it('lets them subscribe but not publish, whatever their user', async () => {
      const events = await startEvents();
      const port = Number(new URL(events.brokerUrl ?? '').port);
      const subscriber = await Subscriber.start(port, '#');
      for (const user of [[], ['-u', 'lintel', '-P', 'guessed']]) {
        const intruder = spawn(
          'mosquitto_pub',
          [
            ...['-h', '127.0.0.1', '-p', String(port), '-V', '311', '-q', '1', ...user],
            ...['-t', 'lintel/gate/front/match', '-m', '{"forged":true}'],
          ],
          { stdio: 'ignore' },
        );
        onTestFinished(() => void intruder.kill('SIGKILL'));
        expect((await once(intruder, 'exit'))[0]).not.toBe(0);
      }
      const event = await events.emit(aDraft());
      await eventually(() => subscriber.events.length > 0);
      expect(subscriber.events).toEqual([event]);
    });

    it('sends the status but no event to later subscribers', async () => {
      const events = await startEvents();
      const port = Number(new URL(events.brokerUrl ?? '').port);
      await events.emit(aDraft());
      await eventually(() => events.stats().published === 1);
      const late = await Subscriber.start(port, 'lintel/#');
      await eventually(() => late.statuses.length > 0);
      expect(late.statuses[0]).toMatchObject({ status: 'online', retained: true });
      const event = await events.emit(aDraft());
      await eventually(() => late.events.length > 0);
      expect(late.events).toEqual([event]);
      expect(late.messages.at(-1)?.retained).toBe(false);
    });

    it('disconnects a subscriber that does not read, and the others get everything', async () => {
      const { broker, port } = await startBroker();
      const frozen = await dial(port);
      frozen.write(connectPacket('frozen'));
      await once(frozen, 'data');
      frozen.write(Buffer.concat([Buffer.from([0x82, 6, 0, 1, 0, 1]), Buffer.from('#'), Buffer.from([0])]));
      await once(frozen, 'data');
      frozen.pause();
      const subscriber = await Subscriber.start(port, 'lintel/#', ['-F', 'MESSAGE %q %r %t %l']);
      const { clientId, username, password } = OWNER;
      const publisher = spawn(
        'mosquitto_pub',
        [
          ...['-h', '127.0.0.1', '-p', String(port), '-V', '311', '-q', '1', '-i', clientId],
          ...['-u', username, '-P', password, '-t', 'lintel/gate/front/match', '-l'],
        ],
        { stdio: ['pipe', 'ignore', 'ignore'] },
      );
      onTestFinished(() => void publisher.kill('SIGKILL'));
      // More than the sockets' buffers can hold, 24 MB.
      const line = `${'x'.repeat(60_000)}\n`;
      for (let i = 0; i < 400; i++) publisher.stdin.write(line);
      await eventually(() => subscriber.messages.length === 400, 25_000);
      await eventually(() => broker.health().facts?.clients === 2);
    });
  },
);
