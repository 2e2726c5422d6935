// Attacks on the embedded broker: its places, client ids, subscriptions, floods, and subscribers that do not read.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { MAX_CLIENTS_PER_NETWORK, MAX_WAITING_PER_NETWORK } from '../../src/events/broker-places.js';
import { MAX_SUBSCRIPTIONS } from '../../src/events/broker-access.js';
import { MAX_ABSENCE_MS } from '../../src/events/client-sessions.js';
import { EmbeddedBroker, type EmbeddedBrokerOptions } from '../../src/events/embedded-broker.js';
import {
  connectOwn,
  connectPacket,
  dial,
  join,
  makePacket,
  publishPacket,
  type ConnectFields,
  subscribePacket,
  untilClosed,
} from '../events/broker-clients.js';
import { DISCONNECT, RawClient } from '../events/raw-client.js';
import { aDraft, eventually, started, startEvents } from '../events/support.js';
import { seedRandom } from './files.js';

const COMMANDS = 'lintel/gate/command';
const USERS = new Map([
  ['door', 'the password of the door'],
  ['log', 'the password of the log'],
]);
const DOOR = { user: { name: 'door', password: 'the password of the door' } };
const LOG = { user: { name: 'log', password: 'the password of the log' } };

async function startBroker(
  options: Partial<EmbeddedBrokerOptions> = {},
): Promise<{ broker: EmbeddedBroker; port: number }> {
  const base = {
    host: '127.0.0.1',
    port: 0,
    ownerId: 'lintel-gate',
    log: silentLog,
    openTopics: [{ topic: COMMANDS, takesPresence: false }],
  };
  const broker = await started(new EmbeddedBroker({ ...base, ...options }));
  return { broker, port: Number(new URL(broker.url).port) };
}

/** Everything that has come on a socket so far. */
function record(socket: Socket): { text(): string; bytes(): Buffer } {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  return { text: () => Buffer.concat(chunks).toString('latin1'), bytes: () => Buffer.concat(chunks) };
}

/** Subscribes to everything, beside Lintel itself. */
async function bystander(
  broker: EmbeddedBroker,
  port: number,
  clientId = 'bystander',
  connected?: MqttClient,
): Promise<{ own: MqttClient; heard: { text(): string; bytes(): Buffer } }> {
  const own = connected ?? (await connectOwn(broker));
  const { socket } = await join(port, clientId);
  const heard = record(socket);
  socket.write(subscribePacket(['#']));
  await eventually(() => heard.bytes().length > 0);
  return { own, heard };
}

describe('the places of the embedded broker', () => {
  it('are taken by strangers up to a limit, and Lintel publishes all the same, also after a restart', async () => {
    const events = await startEvents();
    const port = Number(new URL(events.brokerUrl ?? '').port);
    await eventually(() => events.stats().connected);
    const codes: (number | undefined)[] = [];
    for (let i = 0; i < MAX_CLIENTS_PER_NETWORK + 10; i++) codes.push((await join(port, `stranger-${i}`)).code);
    expect(codes.slice(0, MAX_CLIENTS_PER_NETWORK)).toEqual(Array(MAX_CLIENTS_PER_NETWORK).fill(0));
    // 3: server unavailable.
    expect(codes.slice(MAX_CLIENTS_PER_NETWORK)).toEqual(Array(10).fill(3));
    await events.emit(aDraft());
    await eventually(() => events.stats().published === 1);
    expect(events.health()).toMatchObject({
      status: 'ok',
      facts: { clients: MAX_CLIENTS_PER_NETWORK, clientsRefused: 10, reconnects: 0 },
    });
    const again = await startEvents();
    const silent = await Promise.all(
      Array.from({ length: 60 }, () => dial(Number(new URL(again.brokerUrl ?? '').port))),
    );
    expect(silent).toHaveLength(60);
    await again.emit(aDraft());
    await eventually(() => again.stats().published === 1);
  });

  it('that one user takes leave those of the others free', async () => {
    const { port } = await startBroker({ users: USERS });
    const codes: (number | undefined)[] = [];
    for (let i = 0; i < 60; i++) codes.push((await join(port, `log-${i}`, LOG)).code);
    expect(codes.filter((code) => code === 0)).toHaveLength(50);
    expect((await join(port, 'door', DOOR)).code).toBe(0);
  });

  it('before the CONNECT are for the newest: connections that say nothing keep nobody out', async () => {
    const { port } = await startBroker();
    const silent: Socket[] = [];
    for (let i = 0; i < MAX_WAITING_PER_NETWORK; i++) silent.push(await dial(port));
    const closed = untilClosed(silent[0] as Socket);
    expect((await join(port, 'door')).code).toBe(0);
    await closed;
  });

  it('are free again when clients leave in the middle of their CONNECT', async () => {
    const { broker, port } = await startBroker();
    for (let i = 0; i < 150; i++) {
      const socket = await dial(port);
      if (i % 2 === 0) socket.end(connectPacket(`hasty-${i}`));
      else socket.write(connectPacket(`hasty-${i}`), () => socket.resetAndDestroy());
    }
    await eventually(() => broker.health().facts?.clients === 0);
    expect((await join(port, 'hasty-1')).code).toBe(0);
  });

  it('end for a network that connects without end, and Lintel goes on', async () => {
    const { broker, port } = await startBroker();
    const own = await connectOwn(broker);
    const flood = Array.from({ length: 600 }, async (_, i) => {
      // A connection may be reset at once.
      const joined = await join(port, `flood-${i}`).catch(() => undefined);
      joined?.socket.destroy();
      return joined?.code;
    });
    expect((await Promise.all(flood)).filter((code) => code === undefined).length).toBeGreaterThan(100);
    await own.publishAsync('lintel/gate/status', 'alive', { qos: 1 });
    await eventually(() => Number(broker.health().facts?.clientsRefused) > 0);
  });
});

describe('a client id', () => {
  it('that is connected cannot be taken over without users, however often it is tried', async () => {
    const { broker, port } = await startBroker();
    const own = await connectOwn(broker);
    const door = await join(port, 'door-controller');
    const heard = record(door.socket);
    door.socket.write(subscribePacket(['lintel/#']));
    await eventually(() => heard.bytes().length > 0);
    const attempts = await Promise.all(Array.from({ length: 35 }, () => join(port, 'door-controller')));
    // 2: identifier rejected. More than the places before the CONNECT wait here: some are cut off instead.
    expect(attempts.every(({ code }) => code === 2 || code === undefined)).toBe(true);
    await own.publishAsync('lintel/gate/front/match', 'open', { qos: 1 });
    await eventually(() => heard.text().includes('open'));
    expect(door.socket.destroyed).toBe(false);
  });

  it('is free for its client at once when the old connection ends', async () => {
    const { port } = await startBroker();
    for (let i = 0; i < 30; i++) {
      const { socket, code } = await join(port, 'door-controller');
      expect(code).toBe(0);
      socket.destroy();
    }
  });

  it('belongs to its user: another user has its own session under it', async () => {
    const { broker, port } = await startBroker({ users: USERS });
    const door = await join(port, 'controller', DOOR);
    const other = await join(port, 'controller', LOG);
    expect([door.code, other.code]).toEqual([0, 0]);
    expect(door.socket.destroyed).toBe(false);
    await eventually(() => broker.health().facts?.clients === 2);
    // The same user takes its own session over: the network may have lost the old connection.
    const closed = untilClosed(door.socket);
    expect((await join(port, 'controller', DOOR)).code).toBe(0);
    await closed;
    expect(broker.health().facts?.clients).toBe(2);
  });

  it.each([
    ['of Lintel', 'lintel-gate', 5],
    ['of 129 characters', 'x'.repeat(129), 2],
  ])('%s is refused', async (_, clientId, code) => {
    const { port } = await startBroker();
    expect((await join(port, clientId)).code).toBe(code);
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty'])('%s is one like others', async (clientId) => {
    const { broker, port } = await startBroker();
    expect((await join(port, clientId)).code).toBe(0);
    await eventually(() => broker.health().facts?.clients === 1);
  });
});

describe('users', () => {
  it.each([
    ['no user', undefined],
    ['a wrong password', { name: 'door', password: 'wrong' }],
    ['the password of another user', { name: 'door', password: 'the password of the log' }],
    ['an unknown name', { name: 'nobody', password: 'the password of the door' }],
    ['an empty password', { name: 'door', password: '' }],
    ['a name that every object has', { name: '__proto__', password: '' }],
  ])('are refused with %s', async (_, user) => {
    const { port } = await startBroker({ users: USERS });
    // 4: bad user name or password.
    expect((await join(port, 'a', user ? { user } : {})).code).toBe(4);
    expect((await join(port, 'a', DOOR)).code).toBe(0);
  });
});

describe('subscriptions', () => {
  it.each(['$SYS/#', '$SYS/+/new/clients', '$share/group/lintel/#', '$', 'x'.repeat(257)])(
    'to %s are refused',
    async (filter) => {
      const { port } = await startBroker();
      const { socket } = await join(port, 'curious');
      socket.write(subscribePacket([filter, 'lintel/#']));
      expect(((await once(socket, 'data')) as [Buffer])[0]).toEqual(Buffer.from([0x90, 4, 0, 1, 0x80, 0]));
    },
  );

  it.each(['#', '+/#', '+/+/new/clients'])('to %s do not show who connects', async (filter) => {
    const { broker, port } = await startBroker();
    const own = await connectOwn(broker);
    const { socket } = await join(port, 'curious');
    const heard = record(socket);
    socket.write(subscribePacket([filter, 'lintel/#']));
    await eventually(() => heard.bytes().length > 0);
    await join(port, 'somebody-else');
    await own.publishAsync('lintel/gate/front/match', 'the end', { qos: 1 });
    await eventually(() => heard.text().includes('the end'));
    expect(heard.text()).not.toMatch(/SYS|somebody/);
  });

  it('are limited, also in one packet with a thousand filters', async () => {
    const { port } = await startBroker();
    const { socket } = await join(port, 'greedy');
    socket.write(subscribePacket(Array.from({ length: 1_000 }, (_, i) => `t/${i}`)));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.subarray(-1_000).filter((code) => code === 0)).toHaveLength(MAX_SUBSCRIPTIONS);
    expect(answer.subarray(-1_000).filter((code) => code === 0x80)).toHaveLength(1_000 - MAX_SUBSCRIPTIONS);
  });

  it('end the connection where one packet has more than a thousand filters, or large packets come without end', async () => {
    const { port } = await startBroker();
    const many = await join(port, 'many');
    const cut = untilClosed(many.socket);
    many.socket.write(subscribePacket(Array.from({ length: 1_001 }, (_, i) => `t/${i}`)));
    await cut;
    const large = await join(port, 'large');
    const over = untilClosed(large.socket);
    // 12 KB each: 600 small packets are allowed at once, and 50 of these.
    const packet = subscribePacket(Array.from({ length: 900 }, (_, i) => `topic/${i}`));
    for (let i = 0; i < 60; i++) large.socket.write(packet);
    await over;
  });

  it('end the connection when they come without end', async () => {
    const { port } = await startBroker();
    const { socket } = await join(port, 'tireless');
    const closed = untilClosed(socket);
    for (let i = 0; i < 1_000; i++) socket.write(subscribePacket(['#']));
    await closed;
  });
});

describe('sessions that wait', () => {
  async function leave(port: number, clientId: string, fields: ConnectFields = {}): Promise<void> {
    const client = await RawClient.join(port, clientId, { clean: false, ...fields });
    expect(await client.subscribe(['lintel/#', 1])).toEqual([1]);
    await client.untilClosed(DISCONNECT);
  }

  it('of one user do not displace those of another', async () => {
    const { broker, port } = await startBroker({ users: USERS });
    await leave(port, 'door', DOOR);
    for (let i = 0; i < 60; i++) await leave(port, `log-${i}`, LOG);
    expect(broker.health().facts?.sessionsWaiting).toBe(51);
    expect((await RawClient.join(port, 'door', { clean: false, ...DOOR })).isSessionPresent).toBe(true);
    expect((await RawClient.join(port, 'log-9', { clean: false, ...LOG })).isSessionPresent).toBe(false);
    expect((await RawClient.join(port, 'log-10', { clean: false, ...LOG })).isSessionPresent).toBe(true);
  });

  it('belong to their user: another one gets nothing of them', async () => {
    const { broker, port } = await startBroker({ users: USERS });
    const own = await connectOwn(broker);
    await leave(port, 'controller', DOOR);
    await own.publishAsync('lintel/gate/front/match', 'for the door', { qos: 1 });
    const other = await RawClient.join(port, 'controller', { clean: false, ...LOG });
    expect([other.isSessionPresent, await other.drain()]).toEqual([false, []]);
    const door = await RawClient.join(port, 'controller', { clean: false, ...DOOR });
    expect((await door.drainMessages()).map(({ payload }) => payload)).toEqual(['for the door']);
  });

  it('hold bounded memory, and do not hold up a match', async () => {
    const { broker, port } = await startBroker({ monotonic: () => performance.now() * 1_000 });
    const own = await connectOwn(broker);
    for (let i = 0; i < 110; i++) await leave(port, `absent-${i}`);
    expect(broker.health().facts?.sessionsWaiting).toBe(100);
    const door = await RawClient.join(port, 'door');
    await door.subscribe(['lintel/+/+/match', 0]);
    const before = process.memoryUsage().rss;
    const waitsMs: number[] = [];
    for (let i = 0; i < 300; i++) {
      const sentMs = performance.now();
      const published = own.publishAsync('lintel/gate/front/match', `${i}`.padEnd(60_000, '.'), { qos: 1 });
      expect((await door.nextMessage()).payload.slice(0, 4)).toBe(`${i}`.padEnd(4, '.'));
      waitsMs.push(performance.now() - sentMs);
      await published;
    }
    expect(Math.max(...waitsMs)).toBeLessThan(1_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
    // 16 MiB for all of them.
    expect(broker.stats().sessionMessagesDropped).toBeGreaterThan(300 * 100 - 300);
  });

  it('end after a day', async () => {
    let nowMs = 0;
    const { broker, port } = await startBroker({ monotonic: () => nowMs });
    await leave(port, 'returning');
    nowMs = MAX_ABSENCE_MS;
    expect((await RawClient.join(port, 'returning', { clean: false })).isSessionPresent).toBe(false);
    expect(broker.health().facts?.sessionsWaiting).toBe(0);
  });
});

describe('messages of strangers', () => {
  it.each([
    ['an event', publishPacket('lintel/gate/front/match', 'forged')],
    ['a retained status', publishPacket('lintel/gate/status', 'forged', true)],
    ['an empty retained status', publishPacket('lintel/gate/status', '', true)],
    ['a retained command', publishPacket(COMMANDS, 'forged', true)],
    ['a message about the broker', publishPacket('$SYS/x/new/clients', 'forged')],
    ['a topic that looks like that of Lintel', publishPacket('lintel/gate/front/match/', 'forged')],
    ['a topic of 8,000 characters', publishPacket('t'.repeat(8_000), 'forged')],
    ['a topic of 65,535 characters', publishPacket('t'.repeat(65_535), 'forged')],
    ['a topic of 4,000 levels', publishPacket('/'.repeat(4_000), 'forged')],
    ['a command of 12,000 bytes', publishPacket(COMMANDS, 'forged'.repeat(2_000))],
    ['a message of 3 MB', publishPacket('zigbee2mqtt/bridge/devices', 'forged'.repeat(500_000), true)],
    ['a command of 3 MB', publishPacket(COMMANDS, 'forged'.repeat(500_000))],
  ])('are ignored, and leave the connection as it is: %s', async (_, packet) => {
    const { broker, port } = await startBroker();
    const { own, heard } = await bystander(broker, port);
    await own.publishAsync('lintel/gate/status', 'online', { qos: 1, retain: true });
    const { socket } = await join(port, 'forger');
    const answers = record(socket);
    socket.write(packet);
    socket.write(Buffer.from([0xc0, 0]));
    await eventually(() => answers.bytes().equals(Buffer.from([0xd0, 0])));
    const late = await bystander(broker, port, 'late', own);
    await own.publishAsync('lintel/gate/front/unknown', 'the end', { qos: 1 });
    await eventually(() => heard.text().includes('the end') && late.heard.text().includes('the end'));
    expect(heard.text() + late.heard.text()).not.toContain('forged');
    expect(late.heard.text()).toContain('online');
    expect(broker.health().facts).toMatchObject({ clientMessagesIgnored: 1, clientsCutOff: 0 });
  });

  it.each([
    ['a topic with a wildcard', publishPacket('lintel/#', 'forged')],
    ['no topic', publishPacket('', 'forged')],
    ['a message of 5 MB', publishPacket(COMMANDS, 'x'.repeat(5_000_000))],
  ])('end their connection where MQTT does not allow them, or they are too large: %s', async (_, packet) => {
    const { broker, port } = await startBroker();
    const { socket } = await join(port, 'forger');
    const closed = untilClosed(socket);
    socket.write(packet);
    await closed;
    expect(broker.health().facts?.clientsCutOff).toBe(1);
  });

  it('are not published as the will of a client that is gone', async () => {
    const { broker, port } = await startBroker();
    const { own, heard } = await bystander(broker, port);
    for (const topic of ['lintel/gate/front/match', COMMANDS]) {
      const { socket, code } = await join(port, `dying ${topic}`, { will: { topic, payload: 'forged' } });
      expect(code).toBe(0);
      socket.resetAndDestroy();
    }
    await eventually(() => broker.health().facts?.clients === 1);
    await own.publishAsync('lintel/gate/front/unknown', 'the end', { qos: 1 });
    await eventually(() => heard.text().includes('the end'));
    expect(heard.text()).not.toContain('forged');
  });

  it('are slowed down when there are many, and end their connection when they come without end', async () => {
    const { broker, port } = await startBroker();
    const { own, heard } = await bystander(broker, port);
    const { socket } = await join(port, 'describer');
    const answers = record(socket);
    const announcements = Array.from({ length: 1_200 }, (_, i) =>
      publishPacket(`homeassistant/sensor/${i}`, '{}', true),
    );
    socket.write(Buffer.concat([...announcements, Buffer.from([0xc0, 0])]));
    await eventually(() => answers.bytes().length === 2, 30_000);
    expect(broker.health().facts).toMatchObject({ clientMessagesIgnored: 1_200, clientsCutOff: 0 });
    const flood = await join(port, 'flood');
    const closed = untilClosed(flood.socket);
    const packets = Buffer.concat(Array.from({ length: 5_000 }, () => publishPacket('foreign', 'x')));
    const timer = setInterval(() => flood.socket.write(packets), 50);
    const sentMs = performance.now();
    await closed;
    clearInterval(timer);
    expect(performance.now() - sentMs).toBeGreaterThan(5_000);
    expect(Number(broker.health().facts?.clientMessagesIgnored)).toBeLessThan(1_200 + 1_000 + 1_000);
    await own.publishAsync('lintel/gate/front/unknown', 'the end', { qos: 1 });
    await eventually(() => heard.text().includes('the end'));
  });

  it('end their connection when they come with QoS 2 and without end', async () => {
    const { broker, port } = await startBroker();
    const own = await connectOwn(broker);
    const { socket } = await join(port, 'flood');
    const closed = untilClosed(socket);
    const topic = Buffer.from(COMMANDS);
    for (let id = 1; id <= 500; id++) {
      const head = Buffer.from([0, topic.length]);
      socket.write(makePacket(0x34, head, topic, Buffer.from([id >> 8, id & 0xff]), Buffer.from('{}')));
    }
    await closed;
    await own.publishAsync('lintel/gate/status', 'alive', { qos: 1 });
  });
});

describe('subscribers that do not read', () => {
  it('do not hold up a match: 80 of them are cut off, and memory stays bounded', async () => {
    const { broker, port } = await startBroker({ users: USERS });
    const own = await connectOwn(broker);
    const door = await join(port, 'door', DOOR);
    let tail = '';
    door.socket.on('data', (chunk) => (tail = (tail + chunk.toString('latin1')).slice(-100)));
    door.socket.write(subscribePacket(['lintel/#']));
    await eventually(() => tail !== '');
    for (let i = 0; i < 80; i++) {
      const { socket, code } = await join(port, `stalled-${i}`, i < 45 ? DOOR : LOG);
      expect(code).toBe(0);
      socket.write(subscribePacket(['#'], 1));
      await once(socket, 'data');
      socket.pause();
    }
    const before = process.memoryUsage().rss;
    // Each message waits for the one before it, so that the door itself is never behind.
    const waitsMs: number[] = [];
    for (let i = 0; i < 250; i++) {
      const sentMs = performance.now();
      const end = `end of message ${i}.`;
      await own.publishAsync('lintel/gate/front/match', 'x'.repeat(50_000) + end, { qos: 1 });
      while (!tail.endsWith(end)) await once(door.socket, 'data');
      waitsMs.push(performance.now() - sentMs);
    }
    waitsMs.sort((one, other) => one - other);
    await eventually(() => broker.health().facts?.clients === 1, 20_000);
    expect(broker.health().facts?.clientsCutOff).toBe(80);
    // 2 s, the former time until one of them was cut off, would be in here 80 times.
    expect(waitsMs.at(-1)).toBeLessThan(1_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });
});

describe('1,500 mutated conversations', () => {
  it.each([1, 2, 3])('with seed %i neither end the broker nor reach anybody', async (seed) => {
    // Time runs a thousand times as fast: the limits on connections and packets are not what is tried here.
    const { broker, port } = await startBroker({ monotonic: () => performance.now() * 1_000 });
    const { own, heard } = await bystander(broker, port);
    const random = seedRandom(seed);
    const pick = (count: number): number => Math.floor(random() * count);
    for (let round = 0; round < 500; round++) {
      const packets = [
        connectPacket(`mutant-${round}`, { will: { topic: COMMANDS, payload: 'forged' } }),
        subscribePacket(['lintel/#', '#'], 1),
        publishPacket('lintel/gate/front/match', 'forged'),
        makePacket(0xa2, Buffer.from([0, 2, 0, 1, 0x23])),
        makePacket(0x62, Buffer.from([0, 1])),
        Buffer.from([0xc0, 0]),
      ];
      const bytes = Buffer.concat(packets.slice(0, 1 + pick(packets.length)));
      for (let change = pick(4); change >= 0; change--) bytes[pick(bytes.length)] = pick(256);
      const socket = await dial(port);
      socket.resume();
      const closed = untilClosed(socket);
      socket.end(bytes.subarray(0, 1 + pick(bytes.length)));
      await closed;
    }
    await own.publishAsync('lintel/gate/front/unknown', 'the end', { qos: 1 });
    await eventually(() => heard.text().includes('the end'));
    expect(heard.text()).not.toContain('forged');
    expect(broker.health()).toMatchObject({ status: 'ok', facts: { clients: 1 } });
  });
});
