// The statements of MQTT 3.1.1 about messages, subscriptions, delivery and topics, each as a check on a running broker.
import { expect } from 'vitest';
import { makePacket } from './broker-clients.js';
import { answer, DISCONNECT, publish, RawClient, subscribe, unsubscribe } from './raw-client.js';
import { BIRTHS, COMMANDS, expectEnd, type Bench, type Checks } from './statements-of-connections.js';

const body = (id: number): Buffer => Buffer.from([id >> 8, id & 255]);

async function subscriber({ port }: Bench, ...requests: [string, number][]): Promise<RawClient> {
  const client = await RawClient.join(port, `subscriber of ${JSON.stringify(requests)}`.slice(0, 100));
  expect(await client.subscribe(...requests)).toEqual(requests.map(([, qos]) => qos));
  return client;
}

export const messageChecks: Checks = {
  '2.3.1-4 2.3.1-5': async (bench) => {
    const client = await subscriber(bench, ['a', 1], ['b', 0]);
    for (let i = 0; i < 20; i++) await bench.own.publishAsync('a', `${i}`, { qos: 1 });
    await bench.own.publishAsync('b', 'end', { qos: 1 });
    const messages = await client.drainMessages();
    expect(new Set(messages.slice(0, 20).map(({ id }) => id)).size).toBe(20);
    expect(messages.every(({ id, qos }) => (qos === 0) === (id === 0))).toBe(true);
  },
  '2.3.1-6 3.3.4-1 4.3.1-1 4.3.2-2': async (bench) => {
    const client = await RawClient.join(bench.port, 'publisher');
    const heard = await subscriber(bench, [BIRTHS, 2]);
    for (const topic of [BIRTHS, 'foreign']) {
      client.send(
        publish(topic, '0'),
        publish(topic, '1', { qos: 1, id: 513 }),
        publish(topic, '2', { qos: 2, id: 770 }),
      );
      client.send(answer(0x62, 770));
      expect(await client.drain()).toEqual([
        { type: 4, flags: 0, body: body(513) },
        { type: 5, flags: 0, body: body(770) },
        { type: 7, flags: 0, body: body(770) },
      ]);
    }
    expect((await heard.drainMessages()).map(({ payload, qos }) => [payload, qos])).toEqual([
      ['0', 0],
      ['1', 1],
      ['2', 2],
    ]);
  },
  '2.3.1-7 3.8.4-1 3.8.4-2 3.10.4-4 3.10.4-5': async ({ port }) => {
    const client = await RawClient.join(port, 'subscribing');
    client.send(subscribe(0x1234, ['a', 1]), unsubscribe(0x4321, 'a'), unsubscribe(0x4322, 'never subscribed'));
    expect(await client.drain()).toEqual([
      { type: 9, flags: 0, body: Buffer.from([0x12, 0x34, 1]) },
      { type: 11, flags: 0, body: body(0x4321) },
      { type: 11, flags: 0, body: body(0x4322) },
    ]);
  },
  '3.3.1-1 4.4.0-1': async ({ port, own }) => {
    const first = await RawClient.join(port, 'returning', { clean: false });
    await first.subscribe(['a', 1], ['b', 2]);
    for (const topic of ['a', 'b', 'b']) await own.publishAsync(topic, 'x', { qos: topic === 'a' ? 1 : 2 });
    const messages = await first.drainMessages();
    expect(messages.map(({ dup }) => dup)).toEqual([false, false, false]);
    const [one, two, three] = messages.map(({ id }) => id);
    first.send(answer(0x50, three ?? 0));
    expect(await first.next()).toMatchObject({ type: 6, body: body(three ?? 0) });
    first.socket.destroy();
    const second = await RawClient.join(port, 'returning', { clean: false });
    const again = await second.drain();
    expect(again.map(({ type, flags }) => [type, flags])).toEqual([
      [3, 0x0a],
      [3, 0x0c],
      [6, 0x02],
    ]);
    expect(again[0]?.body.readUInt16BE(3)).toBe(one);
    expect(again[1]?.body.readUInt16BE(3)).toBe(two);
    expect(again[2]?.body.readUInt16BE()).toBe(three);
    second.send(answer(0x40, one ?? 0), answer(0x50, two ?? 0), answer(0x70, two ?? 0), answer(0x70, three ?? 0));
    await second.drain();
    await second.untilClosed(DISCONNECT);
    expect(await (await RawClient.join(port, 'returning', { clean: false })).drain()).toEqual([]);
  },
  '3.3.1-2': async ({ port }) => expectEnd(port, publish(BIRTHS, 'x', { dup: true })),
  '3.3.1-3': async (bench) => {
    const heard = await subscriber(bench, [BIRTHS, 1]);
    const client = await RawClient.join(bench.port, 'repeating');
    client.send(publish(BIRTHS, 'x', { qos: 1, dup: true }));
    expect(await heard.nextMessage()).toMatchObject({ payload: 'x', dup: false });
  },
  '3.3.1-4': async ({ port }) => expectEnd(port, publish(BIRTHS, 'x', { qos: 3 })),
  '3.3.1-5 3.3.1-6 3.3.1-7 3.3.1-8 3.3.1-9': async (bench) => {
    const { own } = bench;
    const early = await subscriber(bench, ['kept/#', 2]);
    await own.publishAsync('kept/a', 'first', { qos: 1, retain: true });
    await own.publishAsync('kept/a', 'last', { qos: 0, retain: true });
    await own.publishAsync('kept/b', 'b', { qos: 2, retain: true });
    expect((await early.drainMessages()).map(({ payload, retain }) => [payload, retain])).toEqual([
      ['first', false],
      ['last', false],
      ['b', false],
    ]);
    const late = await subscriber(bench, ['kept/+', 1]);
    expect((await late.drainMessages()).map(({ payload, retain, qos }) => [payload, retain, qos])).toEqual([
      ['last', true, 0],
      ['b', true, 1],
    ]);
    // What a client publishes is never kept.
    const client = await RawClient.join(bench.port, 'client');
    client.send(publish(BIRTHS, 'online', { retain: true }), publish('kept/a', 'forged', { retain: true }));
    await client.drain();
    const last = await subscriber(bench, ['#', 0]);
    expect((await last.drainMessages()).map(({ payload }) => payload)).toEqual(['last', 'b']);
  },
  '3.3.1-10 3.3.1-11 3.3.1-12': async (bench) => {
    const { own } = bench;
    await own.publishAsync('kept', 'x', { qos: 1, retain: true });
    await own.publishAsync('kept', 'not kept', { qos: 1 });
    const one = await subscriber(bench, ['kept', 0]);
    expect((await one.drainMessages()).map(({ payload }) => payload)).toEqual(['x']);
    await own.publishAsync('kept', '', { qos: 1, retain: true });
    expect((await one.drainMessages()).map(({ payload }) => payload)).toEqual(['']);
    expect(await (await subscriber(bench, ['+', 0])).drain()).toEqual([]);
  },
  '3.3.2-2 4.7.1-1': async ({ port }) => {
    for (const topic of ['a/#', '+', 'a+b', '#']) await expectEnd(port, publish(topic, 'x'));
  },
  '3.3.2-3 3.8.3-2 4.7.1-2 4.7.1-3': async (bench) => {
    const { port, own } = bench;
    for (const filter of ['a#', 'a/#/b', '#/a', 'a+', '+a/b', 'a/b+']) {
      await expectEnd(port, subscribe(1, [filter, 0]));
      await expectEnd(port, unsubscribe(1, filter));
    }
    const cases: [filter: string, topics: string[]][] = [
      ['sport/#', ['sport', 'sport/a', 'sport/a/b', 'sport/']],
      ['sport/+', ['sport/a', 'sport/']],
      ['+/+', ['sport/a', 'sport/', '/finance']],
      ['/+', ['/finance']],
      ['+', ['sport']],
      ['+/a/#', ['sport/a', 'sport/a/b']],
      ['sport/a', ['sport/a']],
    ];
    for (const [filter, expected] of cases) {
      const client = await subscriber(bench, [filter, 1]);
      for (const topic of ['sport', 'sport/a', 'sport/a/b', 'sport/', '/finance'])
        await own.publishAsync(topic, 'x', { qos: 1 });
      expect((await client.drainMessages()).map(({ topic }) => topic)).toEqual(expected);
    }
  },
  '3.3.5-1': async (bench) => {
    for (const filters of [
      ['#', 'a/#', 'a/b'],
      ['a/b', 'a/#', '#'],
    ]) {
      const client = await subscriber(bench, ...filters.map((filter, i): [string, number] => [filter, i]));
      await bench.own.publishAsync('a/b', 'x', { qos: 2 });
      expect((await client.drainMessages()).map(({ qos }) => qos)).toEqual([2]);
    }
  },
  '3.3.5-2': async (bench) => {
    const heard = await subscriber(bench, ['#', 2]);
    const client = await RawClient.join(bench.port, 'forger');
    client.send(
      publish('lintel/gate/front/match', '{}', { qos: 1 }),
      publish(COMMANDS, '{}', { qos: 1, retain: true }),
    );
    expect((await client.drain()).map(({ type }) => type)).toEqual([4, 4]);
    expect(await heard.drain()).toEqual([]);
  },
  '3.8.3-3 3.10.3-2': async ({ port }) => {
    for (const first of [0x82, 0xa2]) {
      await expectEnd(port, makePacket(first, body(1)));
      await expectEnd(port, makePacket(first));
    }
  },
  '3.8.3-4': async ({ port }) => {
    for (const qos of [3, 4, 0x81]) await expectEnd(port, subscribe(1, ['a', qos]));
  },
  '3.8.4-3': async (bench) => {
    await bench.own.publishAsync('a', 'kept', { qos: 1, retain: true });
    const client = await subscriber(bench, ['a', 0]);
    expect(await client.drainMessages()).toMatchObject([{ qos: 0, retain: true }]);
    await client.subscribe(['a', 1]);
    expect(await client.drainMessages()).toMatchObject([{ qos: 1, retain: true }]);
    await bench.own.publishAsync('a', 'live', { qos: 1 });
    expect(await client.drainMessages()).toMatchObject([{ qos: 1, retain: false, payload: 'live' }]);
  },
  '3.8.4-4 3.8.4-5 3.9.3-1 3.9.3-2': async (bench) => {
    const client = await RawClient.join(bench.port, 'many');
    const codes = await client.subscribe(['a', 2], ['$SYS/#', 0], ['a', 0], ['b', 1], ['$share/g/a', 1], ['a', 1]);
    expect(codes).toEqual([2, 0x80, 0, 1, 0x80, 1]);
    await bench.own.publishAsync('a', 'x', { qos: 2 });
    expect(await client.drainMessages()).toMatchObject([{ topic: 'a', qos: 1 }]);
  },
  '3.8.4-6': async (bench) => {
    const clients = [];
    for (const qos of [0, 1, 2]) clients.push(await subscriber(bench, ['+/x', qos]));
    for (const retain of [false, true]) {
      for (const qos of [0, 1, 2] as const) {
        await bench.own.publishAsync(`${qos}/x`, 'x', { qos, retain });
        const heard = await Promise.all(clients.map((client) => client.drainMessages()));
        expect(heard.map((messages) => messages.map((message) => message.qos))).toEqual(
          [0, 1, 2].map((granted) => [Math.min(qos, granted)]),
        );
      }
    }
    for (const granted of [0, 1, 2]) {
      const late = await subscriber(bench, ['#', granted]);
      expect((await late.drainMessages()).map(({ topic, qos }) => [topic, qos])).toEqual(
        [0, 1, 2].map((qos) => [`${qos}/x`, Math.min(qos, granted)]),
      );
    }
  },
  '3.10.4-1 3.10.4-2 3.10.4-6': async (bench) => {
    const client = await subscriber(bench, ['a', 0], ['a/#', 0], ['b', 0], ['A', 0]);
    client.send(unsubscribe(9, 'a', 'b', 'a/+'));
    expect(await client.next()).toMatchObject({ type: 11 });
    for (const topic of ['b', 'A', 'a']) await bench.own.publishAsync(topic, 'x', { qos: 1 });
    expect((await client.drainMessages()).map(({ topic }) => topic)).toEqual(['A', 'a']);
  },
  '3.10.4-3': async ({ port, own }) => {
    const first = await RawClient.join(port, 'unsubscribing', { clean: false });
    await first.subscribe(['a', 1]);
    await own.publishAsync('a', 'x', { qos: 1 });
    await first.nextMessage();
    first.send(unsubscribe(9, 'a'));
    expect(await first.next()).toMatchObject({ type: 11 });
    await first.untilClosed(DISCONNECT);
    const second = await RawClient.join(port, 'unsubscribing', { clean: false });
    expect(await second.drainMessages()).toMatchObject([{ topic: 'a', dup: true }]);
  },
  '4.3.3-2': async (bench) => {
    const heard = await subscriber(bench, [BIRTHS, 0]);
    const client = await RawClient.join(bench.port, 'exact', { clean: false });
    const message = publish(BIRTHS, 'once', { qos: 2, id: 5 });
    const repeated = publish(BIRTHS, 'once', { qos: 2, id: 5, dup: true });
    client.send(message, repeated);
    expect((await client.drain()).map(({ type }) => type)).toEqual([5, 5]);
    client.socket.destroy();
    const again = await RawClient.join(bench.port, 'exact', { clean: false });
    again.send(repeated, answer(0x62, 5), answer(0x62, 5));
    expect((await again.drain()).map(({ type }) => type)).toEqual([5, 7, 7]);
    expect(await heard.drainMessages()).toHaveLength(1);
    // After the release the identifier is free.
    again.send(message);
    await again.drain();
    expect(await heard.drainMessages()).toHaveLength(1);
  },
  '4.2.0-1 4.6.0-5 4.6.0-6': async (bench) => {
    const client = await subscriber(bench, ['#', 1]);
    const sent = Array.from({ length: 60 }, (_, i) => ({ topic: `t/${i % 3}`, qos: (i % 3) as 0 | 1 | 2 }));
    await Promise.all(sent.map(({ topic, qos }, i) => bench.own.publishAsync(topic, `${i}`, { qos })));
    expect((await client.drainMessages()).map(({ payload }) => payload)).toEqual(sent.map((_, i) => `${i}`));
  },
  '4.7.2-1': async (bench) => {
    const client = await subscriber(bench, ['#', 0], ['+/x', 0], ['+', 0], ['a/+', 0]);
    for (const topic of ['$SYS/x', '$', '$x', 'a/$x']) await bench.own.publishAsync(topic, 'x', { qos: 1 });
    expect((await client.drainMessages()).map(({ topic }) => topic)).toEqual(['a/$x']);
  },
  '4.7.3-1': async ({ port }) => {
    await expectEnd(port, publish('', 'x'));
    await expectEnd(port, subscribe(1, ['', 0]));
    await expectEnd(port, unsubscribe(1, ''));
  },
  '4.7.3-3': async (bench) => {
    const client = await RawClient.join(bench.port, 'long');
    client.send(publish('t'.repeat(65_535), 'x', { qos: 1 }));
    expect((await client.drain()).map(({ type }) => type)).toEqual([4]);
    expect(await client.subscribe(['t'.repeat(256), 0], ['t'.repeat(257), 0])).toEqual([0, 0x80]);
  },
  '4.8.0-1': async ({ port }) => {
    for (const bytes of [
      // A length of five bytes, and fields that are longer than their packet.
      Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 1]),
      makePacket(0x30, Buffer.from([0, 9, 0x61])),
      makePacket(0x82, Buffer.from([0, 1, 0, 9, 0x61, 0])),
      makePacket(0x82, Buffer.from([0, 1, 0, 1, 0x61])),
      makePacket(0x40, Buffer.from([1])),
      makePacket(0x40, Buffer.from([0, 1, 0])),
      makePacket(0xe0, Buffer.from([0])),
    ]) {
      await expectEnd(port, bytes);
    }
  },
};
