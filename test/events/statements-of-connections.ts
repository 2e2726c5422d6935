// The statements of MQTT 3.1.1 about texts, headers, connecting, sessions and leaving, each as a check on a running broker.
import type { MqttClient } from 'mqtt';
import { expect } from 'vitest';
import type { EmbeddedBroker } from '../../src/events/embedded-broker.js';
import { connectPacket, encodeText, makePacket } from './broker-clients.js';
import { answer, DISCONNECT, PINGREQ, publish, RawClient, rawConnect, subscribe, unsubscribe } from './raw-client.js';
import { eventually } from './support.js';

export interface Bench {
  broker: EmbeddedBroker;
  port: number;
  /** Lintel's own connection. */
  own: MqttClient;
  /** Port of a broker with the users `door` and `log`, whose passwords are their names. */
  userPort: number;
}

/** One check, by the numbers of the statements that it tries. */
export type Checks = Record<string, (bench: Bench) => Promise<void>>;

/** Topic on which clients may publish messages and wills. */
export const BIRTHS = 'homeassistant/status';
export const COMMANDS = 'lintel/gate/command';

const CONNACK_ACCEPTED = [{ type: 2, flags: 0, body: Buffer.from([0, 0]) }];
const DOOR = { user: { name: 'door', password: 'door' } };

/** Sends bytes as the first ones, or after a CONNECT, and expects the end of the connection without an answer. */
export async function expectEnd(port: number, bytes: Buffer, { isFirst = false } = {}): Promise<void> {
  const client = isFirst ? await RawClient.open(port) : await RawClient.join(port, 'violator');
  expect(await client.untilClosed(bytes)).toEqual([]);
}

async function expectCode(port: number, bytes: Buffer, code: number): Promise<void> {
  const client = await RawClient.open(port);
  // Nothing after the refused CONNECT is processed.
  const packets = await client.untilClosed(bytes, subscribe(1, ['#', 0]), PINGREQ);
  expect(packets).toEqual([{ type: 2, flags: 0, body: Buffer.from([0, code]) }]);
}

const notUtf8 = [
  Buffer.from([0xff]),
  Buffer.from([0xc0, 0x80]),
  // The surrogate U+D800, alone and in a pair.
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]),
  Buffer.from([0xf4, 0x90, 0x80, 0x80]),
];

async function expectTextsToEnd({ port }: Bench, text: Buffer): Promise<void> {
  await expectEnd(port, publish(text, 'x'));
  await expectEnd(port, subscribe(1, [text, 0]));
  await expectEnd(port, unsubscribe(1, text));
  await expectEnd(port, rawConnect({ clientId: text }), { isFirst: true });
  await expectEnd(port, rawConnect({ flags: 0x06, rest: [text, 'payload'] }), { isFirst: true });
  await expectEnd(port, rawConnect({ flags: 0x82, rest: [text] }), { isFirst: true });
}

/** A witness that hears everything on the topic of births. */
async function listen(port: number): Promise<RawClient> {
  const witness = await RawClient.join(port, 'witness');
  expect(await witness.subscribe([BIRTHS, 0])).toEqual([0]);
  return witness;
}

const WILL = { topic: BIRTHS, payload: 'offline' };

export const connectionChecks: Checks = {
  '1.5.3-1 3.1.3-4 3.1.3-10 3.1.3-11 3.3.2-1 3.8.3-1 3.10.3-1': async (bench) => {
    for (const text of notUtf8) await expectTextsToEnd(bench, text);
  },
  '1.5.3-2 4.7.3-2': async (bench) => expectTextsToEnd(bench, Buffer.from('a\0b')),
  '1.5.3-3 4.7.3-4': async ({ port, own }) => {
    const client = await RawClient.join(port, 'mark');
    // U+FEFF counts; a letter with its accent in one character is not the same as in two.
    await client.subscribe(['\uFEFFplain', 0], ['caf\u00e9', 0], ['LINTEL', 0]);
    for (const topic of ['plain', 'cafe\u0301', 'lintel', '\uFEFFplain', 'caf\u00e9']) {
      await own.publishAsync(topic, 'x', { qos: 1 });
    }
    expect((await client.drainMessages()).map(({ topic }) => topic)).toEqual(['\uFEFFplain', 'caf\u00e9']);
  },
  '2.2.2-1 2.2.2-2 3.6.1-1 3.8.1-1 3.10.1-1 3.14.1-1': async ({ port }) => {
    const wrong = [0x41, 0x51, 0x60, 0x70 + 8, 0x80, 0x83, 0xa0, 0xa6, 0xc1, 0xe1];
    for (const first of wrong) await expectEnd(port, makePacket(first, Buffer.from([0, 1])));
    await expectEnd(port, Buffer.concat([Buffer.from([0x11]), rawConnect().subarray(1)]), { isFirst: true });
    // Types that only a broker sends, and types that do not exist.
    for (const first of [0x00, 0x20, 0x90, 0xb0, 0xd0, 0xf0]) {
      await expectEnd(port, makePacket(first, Buffer.from([0, 1])));
    }
  },
  '2.3.1-1': async ({ port }) => {
    await expectEnd(port, subscribe(0, ['a', 0]));
    await expectEnd(port, unsubscribe(0, 'a'));
    await expectEnd(port, publish(BIRTHS, 'x', { qos: 1, id: 0 }));
    await expectEnd(port, publish('foreign', 'x', { qos: 2, id: 0 }));
    for (const first of [0x40, 0x50, 0x62, 0x70]) await expectEnd(port, answer(first, 0));
  },
  '3.1.0-1': async ({ port }) => {
    for (const bytes of [PINGREQ, DISCONNECT, publish('a', 'x'), subscribe(1, ['#', 0])]) {
      await expectEnd(port, bytes, { isFirst: true });
    }
  },
  '3.1.0-2': async ({ port }) => {
    await expectEnd(port, connectPacket('again'));
    // Also where it follows the first one at once.
    const client = await RawClient.open(port);
    expect(await client.untilClosed(connectPacket('a'), connectPacket('b'))).toEqual(CONNACK_ACCEPTED);
  },
  '3.1.2-1': async ({ port }) => {
    for (const protocol of ['mqtt', 'MQTTX', '', 'HTTP'])
      await expectEnd(port, rawConnect({ protocol }), { isFirst: true });
  },
  '3.1.2-2': async ({ port }) => {
    for (const level of [0, 3, 5, 6, 0x84]) await expectCode(port, rawConnect({ level }), 1);
    await RawClient.join(port, 'right');
    const old = await RawClient.open(port);
    old.send(rawConnect({ protocol: 'MQIsdp', level: 3 }));
    expect(await old.next()).toEqual(CONNACK_ACCEPTED[0]);
  },
  '3.1.2-3': async ({ port }) => expectEnd(port, rawConnect({ flags: 3 }), { isFirst: true }),
  '3.1.2-4 3.1.2-5 3.1.4-3 3.2.2-2 3.2.2-3 4.1.0-1 4.5.0-1': async ({ port, own }) => {
    const first = await RawClient.join(port, 'returning', { clean: false });
    expect(first.isSessionPresent).toBe(false);
    await first.subscribe(['a/+', 1], ['b', 0], ['c', 2]);
    await first.untilClosed(DISCONNECT);
    for (const [topic, qos] of [
      ['a/1', 1],
      ['a/2', 0],
      ['b', 1],
      ['c', 2],
      ['other', 1],
    ] as const) {
      await own.publishAsync(topic, `to ${topic}`, { qos });
    }
    const second = await RawClient.join(port, 'returning', { clean: false });
    expect(second.isSessionPresent).toBe(true);
    expect((await second.drainMessages()).map(({ topic, qos, dup }) => [topic, qos, dup])).toEqual([
      ['a/1', 1, false],
      ['c', 2, false],
    ]);
    await own.publishAsync('a/3', 'live', { qos: 1 });
    expect((await second.nextMessage()).payload).toBe('live');
  },
  '3.1.2-6 3.2.2-1': async ({ port, own }) => {
    const first = await RawClient.join(port, 'fresh', { clean: false });
    await first.subscribe(['a', 1]);
    await first.untilClosed(DISCONNECT);
    await own.publishAsync('a', 'queued', { qos: 1 });
    const second = await RawClient.join(port, 'fresh', { clean: true });
    await own.publishAsync('a', 'live', { qos: 1 });
    expect([second.isSessionPresent, await second.drain()]).toEqual([false, []]);
    await second.untilClosed(DISCONNECT);
    expect((await RawClient.join(port, 'fresh', { clean: false })).isSessionPresent).toBe(false);
  },
  '3.1.2-7': async ({ port, own }) => {
    await own.publishAsync('kept', 'x', { qos: 1, retain: true });
    await (await RawClient.join(port, 'leaving')).untilClosed(DISCONNECT);
    await own.endAsync();
    const client = await RawClient.join(port, 'late');
    await client.subscribe(['kept', 0]);
    expect(await client.drainMessages()).toHaveLength(1);
  },
  '3.1.2-8 3.1.2-10 3.14.4-3': async ({ port }) => {
    const witness = await listen(port);
    const left = await RawClient.join(port, 'polite', { will: WILL });
    await left.untilClosed(DISCONNECT);
    expect(await witness.drain()).toEqual([]);
    for (const [clientId, end] of [
      ['abrupt', (client: RawClient) => client.socket.resetAndDestroy()],
      ['half', (client: RawClient) => client.socket.end()],
      ['wrong', (client: RawClient) => client.send(Buffer.from([0xf0, 0]))],
    ] as const) {
      end(await RawClient.join(port, clientId, { will: WILL }));
      expect(await witness.nextMessage()).toMatchObject({ topic: BIRTHS, payload: 'offline', retain: false });
    }
    const silent = await RawClient.join(port, 'silent', { will: WILL, keepAliveS: 1 });
    expect((await witness.nextMessage()).payload).toBe('offline');
    await silent.untilClosed();
  },
  '3.1.2-9': async ({ port }) => expectEnd(port, rawConnect({ flags: 0x06 }), { isFirst: true }),
  '3.1.2-11 3.1.2-13 3.1.2-15': async ({ port }) => {
    for (const flags of [0x0a, 0x12, 0x22]) await expectEnd(port, rawConnect({ flags }), { isFirst: true });
  },
  '3.1.2-12': async ({ port }) => {
    const witness = await listen(port);
    (await RawClient.join(port, 'no will')).socket.resetAndDestroy();
    expect(await witness.drain()).toEqual([]);
  },
  '3.1.2-14': async ({ port }) => {
    await expectEnd(port, rawConnect({ flags: 0x1e, rest: ['a', 'x'] }), { isFirst: true });
  },
  '3.1.2-16 3.1.2-17': async ({ port }) => {
    const witness = await listen(port);
    (await RawClient.join(port, 'retaining', { will: { ...WILL, retain: true } })).socket.resetAndDestroy();
    expect(await witness.nextMessage()).toMatchObject({ payload: 'offline', retain: false });
    const late = await RawClient.join(port, 'late');
    await late.subscribe([BIRTHS, 0]);
    expect(await late.drain()).toEqual([]);
  },
  '3.1.2-18 3.1.2-19 3.1.2-20 3.1.2-21 3.1.3-1 3.1.3-3 3.1.4-1': async ({ port }) => {
    const wrong = [
      rawConnect({ rest: ['user without its flag'] }),
      rawConnect({ flags: 0x82 }),
      rawConnect({ flags: 0x82, rest: ['user', 'password without its flag'] }),
      rawConnect({ flags: 0xc2, rest: ['user'] }),
      makePacket(0x10, Buffer.concat([encodeText('MQTT'), Buffer.from([4, 2, 0, 60])])),
      makePacket(0x10),
    ];
    for (const bytes of wrong) await expectEnd(port, bytes, { isFirst: true });
  },
  '3.1.2-22': async ({ port }) => expectEnd(port, rawConnect({ flags: 0x42, rest: ['password'] }), { isFirst: true }),
  '3.1.2-24': async ({ port }) => {
    const startedMs = performance.now();
    const silent = await RawClient.join(port, 'silent', { keepAliveS: 1 });
    const alive = await RawClient.join(port, 'alive', { keepAliveS: 1 });
    const timer = setInterval(() => alive.send(PINGREQ), 500);
    expect(await silent.untilClosed()).toEqual([]);
    expect(performance.now() - startedMs).toBeGreaterThan(1_400);
    await eventually(() => performance.now() - startedMs > 2_500);
    clearInterval(timer);
    expect(alive.socket.closed).toBe(false);
  },
  '3.1.3-5': async ({ port }) => {
    for (const clientId of ['a', 'Z9'.repeat(11) + 'x', '0123456789abcdefghijklm'])
      await RawClient.join(port, clientId);
  },
  '3.1.3-6': async ({ port }) => {
    const clients = [await RawClient.join(port, ''), await RawClient.join(port, '')];
    for (const client of clients) expect(await client.drain()).toEqual([]);
  },
  '3.1.3-8': async ({ port }) => expectCode(port, rawConnect({ flags: 0, clientId: '' }), 2),
  '3.1.3-9 3.2.2-4 3.2.2-5 3.1.4-5': async ({ port, userPort }) => {
    await expectCode(port, rawConnect({ clientId: 'x'.repeat(129) }), 2);
    await expectCode(userPort, rawConnect({ flags: 0xc2, rest: ['door', 'wrong'] }), 4);
    await expectCode(port, rawConnect({ clientId: 'lintel-gate' }), 5);
  },
  '3.1.4-2': async ({ port, userPort }) => {
    const before = await RawClient.join(userPort, 'controller', DOOR);
    const after = await RawClient.join(userPort, 'controller', DOOR);
    expect(await before.untilClosed()).toEqual([]);
    expect(await after.drain()).toEqual([]);
    const stays = await RawClient.join(port, 'controller');
    await expectCode(port, rawConnect({ clientId: 'controller' }), 2);
    expect(await stays.drain()).toEqual([]);
  },
  '3.1.4-4 3.2.0-1': async ({ port, own }) => {
    await own.publishAsync('kept', 'x', { qos: 1, retain: true });
    const client = await RawClient.open(port);
    client.send(connectPacket('hasty'), subscribe(7, ['kept', 0]), PINGREQ);
    const types = [await client.next(), await client.next(), await client.next(), await client.next()];
    expect(types.map((packet) => packet?.type)).toEqual([2, 9, 3, 13]);
  },
  '3.12.4-1': async ({ port }) => {
    const client = await RawClient.join(port, 'pinging');
    client.send(PINGREQ);
    expect(await client.next()).toEqual({ type: 13, flags: 0, body: Buffer.alloc(0) });
    await expectEnd(port, makePacket(0xc0, Buffer.from([1])));
  },
  '3.14.4-1 4.1.0-2': async ({ port, own }) => {
    const client = await RawClient.join(port, 'leaving', { clean: false });
    await client.subscribe(['a', 1]);
    await own.publishAsync('a', 'x', { qos: 1 });
    expect((await client.nextMessage()).payload).toBe('x');
    expect(await client.untilClosed(DISCONNECT)).toEqual([]);
  },
};
