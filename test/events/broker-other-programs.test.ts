// Other programs at the embedded broker: publishers of all kinds, readers of everything, mosquitto and its bridge.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connectAsync } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { dial } from './broker-clients.js';
import { findPort, HOME_ASSISTANT, RealClient } from './real-client.js';
import { aDraft, eventually, lacks, Mosquitto, startEvents, Subscriber } from './support.js';

describe('other programs at the embedded broker', () => {
  it('publish what they like on topics of their own: they are not cut off, and nobody hears it', async () => {
    const events = await startEvents({ homeAssistant: HOME_ASSISTANT });
    const port = findPort(events);
    const everything = await RealClient.connect(port, { clientId: 'iobroker' });
    await everything.client.subscribeAsync('#');
    const programs = await Promise.all(
      ['zigbee2mqtt/bridge/state', 'esphome/status', 'node-red/state'].map((topic) =>
        RealClient.connect(port, {
          clientId: topic,
          clean: false,
          will: { topic, payload: Buffer.from('offline'), qos: 1, retain: true },
        }),
      ),
    );
    for (const { client } of programs) {
      await client.publishAsync(client.options.clientId ?? '', 'online', { qos: 1, retain: true });
      await client.subscribeAsync(['homeassistant/status', 'zigbee2mqtt/#'], { qos: 1 });
      const announcements = Array.from({ length: 200 }, (_, i) =>
        client.publishAsync(`homeassistant/sensor/0x${i}/config`, '{"name":"not of Lintel"}', {
          qos: (i % 3) as 0 | 1 | 2,
          retain: true,
        }),
      );
      await Promise.all(announcements);
      await client.publishAsync('zigbee2mqtt/bridge/devices', 'x'.repeat(300_000), { retain: true });
    }
    const event = await events.emit(aDraft());
    await eventually(() => everything.count(/\/match$/) === 1);
    expect(everything.heard.find(({ topic }) => topic.endsWith('match'))?.payload).toBe(JSON.stringify(event));
    expect(everything.count(/^(homeassistant\/sensor|zigbee2mqtt|esphome|node-red)/)).toBe(0);
    for (const program of [...programs, everything]) expect(program).toMatchObject({ connects: 1, closes: 0 });
    for (const program of programs) program.lose();
    await eventually(() => programs.every(({ connects }) => connects === 2));
    expect(programs.every(({ isSessionPresent }) => isSessionPresent)).toBe(true);
    expect(events.health()).toMatchObject({ status: 'ok', facts: { clientsCutOff: 0 } });
  });

  it('as Node-RED subscribe to hundreds of topics one by one, also when they come back', async () => {
    const events = await startEvents();
    const nodes = await RealClient.connect(findPort(events), { clientId: 'node-red', resubscribe: true });
    const topics = Array.from({ length: 400 }, (_, i) => `lintel/gate/front/${i}`);
    await Promise.all([...topics, 'lintel/+/+/match'].map((topic) => nodes.client.subscribeAsync(topic, { qos: 2 })));
    nodes.lose();
    await eventually(() => nodes.connects === 2);
    await nodes.client.subscribeAsync('lintel/#', { qos: 2 });
    await events.emit(aDraft());
    await eventually(() => nodes.count(/\/match$/) === 1);
    expect(nodes).toMatchObject({ connects: 2, closes: 1 });
  });

  it('as MQTT Explorer subscribe to # and $SYS/#: one is granted, the other refused', async () => {
    const events = await startEvents();
    const explorer = await RealClient.connect(findPort(events), { clientId: 'explorer' });
    const subscribed = explorer.client.subscribeAsync(['#', '$SYS/#']);
    await subscribed.catch(() => undefined);
    await events.emit(aDraft());
    await eventually(() => explorer.count(/\/match$/) === 1);
    expect(explorer).toMatchObject({ connects: 1, closes: 0 });
  });

  it('that speak MQTT 5 only get a clear refusal', async () => {
    const events = await startEvents();
    const client = connectAsync(events.brokerUrl ?? '', { protocolVersion: 5, reconnectPeriod: 0 });
    await expect(client).rejects.toThrow();
    const socket = await dial(findPort(events));
    const answered = once(socket, 'data') as Promise<[Buffer]>;
    // An MQTT 5 CONNECT with an empty list of properties.
    socket.write(Buffer.from('101000044d5154540502003c000003616263', 'hex'));
    expect((await answered)[0]).toEqual(Buffer.from([0x20, 2, 0, 1]));
  });
});

describe.skipIf(lacks('mosquitto at the embedded broker', 'mosquitto_sub', 'mosquitto_pub'))('mosquitto', () => {
  it('keeps a session over its return, and publishes with a will', async () => {
    const events = await startEvents();
    const port = findPort(events);
    const session = ['-c', '-i', 'recorder', '-q', '1'];
    const first = await Subscriber.start(port, 'lintel/+/history', session);
    await first.end();
    await eventually(() => events.health().facts?.sessionsWaiting === 1);
    await events.emit(aDraft());
    await eventually(() => events.stats().published === 1);
    const second = await Subscriber.start(port, 'lintel/+/history', session);
    await eventually(() => second.recorded.length === 1);
    expect(second.messages.map(({ qos, retained }) => [qos, retained])).toEqual([[1, false]]);
    for (const qos of ['0', '1', '2']) {
      const args = ['-h', '127.0.0.1', '-p', `${port}`, '-q', qos, '-r', '-t', 'stat/x', '-m', 'on'];
      const will = ['--will-topic', 'stat/lwt', '--will-payload', 'gone', '--will-retain', '--will-qos', '1'];
      const [code] = (await once(spawn('mosquitto_pub', [...args, ...will]), 'exit')) as [number];
      expect(code).toBe(0);
    }
    expect(events.health().facts).toMatchObject({ clientMessagesIgnored: 3, clientsCutOff: 0 });
  });
});

describe.skipIf(lacks('a bridge at the embedded broker', 'mosquitto', 'mosquitto_sub'))(
  'the bridge of another broker',
  () => {
    it('connects, takes the events over, and what it brings is ignored', async () => {
      const events = await startEvents();
      const port = findPort(events);
      const broker = await Mosquitto.start([
        'allow_anonymous true',
        ...['connection lintel', `address 127.0.0.1:${port}`, 'topic lintel/# in 1', 'topic other/# out 1'],
        ...['restart_timeout 1', 'keepalive_interval 5'],
      ]);
      const subscriber = await Subscriber.start(broker.port, 'lintel/#');
      await eventually(() => subscriber.statuses.some(({ status }) => status === 'online'));
      const other = await RealClient.connect(broker.port, { clientId: 'other' });
      await other.client.publishAsync('other/x', 'on', { qos: 1, retain: true });
      const event = await events.emit(aDraft());
      await eventually(() => subscriber.events.length === 1 && subscriber.history.length === 1);
      expect(subscriber.events).toEqual([event]);
      await eventually(() => Number(events.health().facts?.clientMessagesIgnored) > 0);
      expect(events.health().facts).toMatchObject({ clients: 1, clientsCutOff: 0 });
    });
  },
);
