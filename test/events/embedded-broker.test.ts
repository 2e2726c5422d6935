// The embedded broker on a real socket, with subscribers and intruders of their own processes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { connectAsync } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { EmbeddedBroker } from '../../src/events/embedded-broker.js';
import { hasOpenssl, makeCertificate } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import { tempDir } from '../support/temp-dir.js';
import {
  connectOwn,
  connectPacket,
  dial,
  join,
  publishPacket,
  subscribePacket,
  untilClosed,
} from './broker-clients.js';
import { RawClient } from './raw-client.js';
import { eventually, lacks, recordingLog, started, startEvents, Subscriber, aDraft } from './support.js';

const OWNER_ID = 'lintel-gate';

async function startBroker(host = '127.0.0.1'): Promise<{ broker: EmbeddedBroker; port: number }> {
  const broker = await started(new EmbeddedBroker({ host, port: 0, ownerId: OWNER_ID, log: silentLog }));
  return { broker, port: Number(new URL(broker.url).port) };
}

describe('the embedded broker', () => {
  it.each([
    ['127.0.0.1', 'mqtt://127.0.0.1:'],
    ['0.0.0.0', 'mqtt://127.0.0.1:'],
  ])('says where Lintel reaches it when it listens on %s', async (host, start) => {
    const { broker } = await startBroker(host);
    expect(broker.url.startsWith(start)).toBe(true);
    expect(broker.health()).toEqual({
      status: 'ok',
      facts: {
        embedded: true,
        ...{ clients: 0, clientsRefused: 0, clientsCutOff: 0 },
        ...{ clientMessagesIgnored: 0, sessionsWaiting: 0, sessionMessagesDropped: 0 },
      },
    });
  });

  it('refuses to start where another program listens, and says what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const broker = new EmbeddedBroker({ host: '127.0.0.1', port, ownerId: OWNER_ID, log: silentLog });
    await expect(broker.start()).rejects.toMatchObject({
      code: 'BROKER_FAILED',
      message: expect.stringMatching(/127\.0\.0\.1:\d+ is in use .* set mqtt\.url or another port/) as string,
    });
    await broker.stop();
  });

  it('refuses to start on an address that this machine does not have', async () => {
    // 192.0.2.0/24 is for documentation: no machine has it.
    const broker = new EmbeddedBroker({ host: '192.0.2.1', port: 0, ownerId: OWNER_ID, log: silentLog });
    await expect(broker.start()).rejects.toMatchObject({
      code: 'BROKER_FAILED',
      message: expect.stringContaining('does not have that address') as string,
    });
  });

  it('starts again on the same port after a stop', async () => {
    const port = await freePort();
    const broker = new EmbeddedBroker({ host: '127.0.0.1', port, ownerId: OWNER_ID, log: silentLog });
    for (let i = 0; i < 2; i++) {
      await broker.start();
      const socket = await dial(port);
      const closed = untilClosed(socket);
      await broker.stop();
      await closed;
    }
    await broker.stop();
  });

  it('logs what it ignores once in a minute for each client, and once why it cuts clients off', async () => {
    const log = recordingLog();
    let nowMs = 0;
    const options = { host: '127.0.0.1', port: 0, ownerId: OWNER_ID, log, monotonic: () => nowMs };
    const broker = await started(new EmbeddedBroker(options));
    const port = Number(new URL(broker.url).port);
    const one = await RawClient.join(port, 'one');
    const other = await RawClient.join(port, 'other');
    for (let minute = 0; minute < 2; minute++) {
      for (const client of [one, other]) {
        for (let i = 0; i < 20; i++) client.send(publishPacket('t'.repeat(100), 'secret'));
        await client.drain();
      }
      nowMs += 60_000;
    }
    for (let i = 0; i < 3; i++) await (await RawClient.join(port, 'wrong')).untilClosed(Buffer.from([0xf0, 0]));
    const warnings = log.lines.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ fields }) => fields)).toEqual([
      { client: 'one', topic: 't'.repeat(80), ignored: 1 },
      { client: 'other', topic: 't'.repeat(80), ignored: 21 },
      { client: 'one', topic: 't'.repeat(80), ignored: 41 },
      { client: 'other', topic: 't'.repeat(80), ignored: 61 },
      { client: 'wrong', address: '127.0.0.1', reason: 'a packet has a type or flags that are not allowed' },
    ]);
    expect(JSON.stringify(log.lines)).not.toContain('secret');
    expect(broker.stats()).toMatchObject({ ignored: 80, cutOff: 3 });
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
    socket.write(connectPacket(OWNER_ID));
    expect(await closed).toEqual(Buffer.from([0x20, 2, 0, 5]));
  });
});

describe.skipIf(lacks('the embedded broker and its clients', 'mosquitto_sub', 'mosquitto_pub'))(
  'the embedded broker and clients of other processes',
  () => {
    it('lets them subscribe, and ignores what they publish, whatever their user', async () => {
      const events = await startEvents();
      const port = Number(new URL(events.brokerUrl ?? '').port);
      const subscriber = await Subscriber.start(port, '#');
      for (const options of [[], ['-u', 'lintel', '-P', 'guessed'], ['-q', '2', '-r']]) {
        const intruder = spawn(
          'mosquitto_pub',
          [
            ...['-h', '127.0.0.1', '-p', String(port), '-V', '311', '-q', '1', ...options],
            ...['-t', 'lintel/gate/front/match', '-m', '{"forged":true}'],
          ],
          { stdio: 'ignore' },
        );
        onTestFinished(() => void intruder.kill('SIGKILL'));
        // The program has got its PUBACK, or the whole handshake of QoS 2.
        expect((await once(intruder, 'exit'))[0]).toBe(0);
      }
      expect(events.health().facts).toMatchObject({ clientMessagesIgnored: 3, clientsCutOff: 0 });
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
      frozen.write(subscribePacket(['#']));
      await once(frozen, 'data');
      frozen.pause();
      const subscriber = await Subscriber.start(port, 'lintel/#', ['-F', 'MESSAGE %q %r %t %l']);
      const publisher = await connectOwn(broker);
      // More than the sockets' buffers can hold, 24 MB.
      for (let i = 0; i < 400; i++) {
        await publisher.publishAsync('lintel/gate/front/match', 'x'.repeat(60_000), { qos: 1 });
        await eventually(() => subscriber.messages.length > i - 10);
      }
      await eventually(() => subscriber.messages.length === 400, 25_000);
      await eventually(() => broker.health().facts?.clients === 1);
      expect(broker.health().facts?.clientsCutOff).toBe(1);
    });
  },
);

describe.skipIf(!hasOpenssl)('the embedded broker with TLS and users', () => {
  it('serves its users over TLS, nobody else, and nothing in clear; Lintel itself needs neither', async () => {
    const folder = tempDir();
    const tls = makeCertificate(folder, 'door');
    const embedded = { host: '127.0.0.1', port: 0, users: [{ name: 'door', passwordFile: 'unused' }], tls };
    const brokerPasswords = new Map([['door', 'a password of the door']]);
    const events = await startEvents({ embedded }, { brokerPasswords });
    await eventually(() => events.stats().connected);
    expect(events.brokerUrl).toMatch(/^mqtts:\/\/127\.0\.0\.1:\d+$/);
    expect(events.health()).toMatchObject({
      status: 'ok',
      facts: { certificateValidTo: expect.any(String) as string },
    });
    const port = Number(new URL(events.brokerUrl ?? '').port);
    const options = {
      ca: readFileSync(tls.certFile),
      servername: 'door',
      protocolVersion: 4,
      reconnectPeriod: 0,
    } as const;
    const door = await connectAsync(`mqtts://127.0.0.1:${port}`, {
      ...options,
      username: 'door',
      password: 'a password of the door',
    });
    onTestFinished(() => void door.end(true));
    const heard: string[] = [];
    door.on('message', (topic) => heard.push(topic));
    await door.subscribeAsync('lintel/#', { qos: 1 });
    await events.emit(aDraft());
    await eventually(() => heard.includes('lintel/gate/front/match'));
    for (const login of [{}, { username: 'door', password: 'another password' }]) {
      const refused = connectAsync(`mqtts://127.0.0.1:${port}`, { ...options, ...login });
      await expect(refused).rejects.toThrow(/Bad username or password/);
    }
    const plain = await dial(port);
    const closed = untilClosed(plain);
    plain.write(connectPacket('plain'));
    expect((await closed).toString('latin1')).not.toContain('lintel');
    expect(events.stats()).toMatchObject({ connected: true, reconnects: 0 });
  });

  it('does not start when the files do not belong together', async () => {
    const folder = tempDir();
    const tls = { ...makeCertificate(folder, 'one'), keyFile: makeCertificate(folder, 'two').keyFile };
    const broker = new EmbeddedBroker({ host: '127.0.0.1', port: 0, ownerId: OWNER_ID, tls, log: silentLog });
    await expect(broker.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'mqtt.embedded.tls cannot be used: keyFile does not belong to certFile',
    });
  });

  it('cuts off a client that never finishes its handshake, and stops with one', async () => {
    const tls = makeCertificate(tempDir(), 'door');
    const broker = await started(
      new EmbeddedBroker({ host: '127.0.0.1', port: 0, ownerId: OWNER_ID, tls, log: silentLog }),
    );
    const port = Number(new URL(broker.url).port);
    const [first, second] = [await dial(port), await dial(port)];
    const beganMs = performance.now();
    await untilClosed(first);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    await untilClosed(second);
    const third = await dial(port);
    const closed = untilClosed(third);
    await broker.stop();
    await closed;
  });
});

describe('a client in the network', () => {
  it.each([
    [0, 5],
    [601, 5],
    [600, 0],
  ])(
    'with a keep alive of %i s gets the answer %i: a lost connection must not hold its place',
    async (keepAliveS, code) => {
      const { port } = await startBroker('0.0.0.0');
      expect((await join(port, 'door', { keepAliveS })).code).toBe(code);
    },
  );

  it('is cut off when it is silent for one and a half times its keep alive', async () => {
    const { port } = await startBroker();
    const { socket } = await join(port, 'door', { keepAliveS: 1 });
    await untilClosed(socket);
  });
});
