// Topics that a broker refuses beside the events: they are declared, and the events arrive all the same.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { computeCommandMac, type Command } from '../../src/events/command.js';
import { EventLog } from '../../src/events/event-log.js';
import { createHistoryEncoder } from '../../src/events/history.js';
import { EventSigner } from '../../src/events/signing.js';
import { LiveLane } from '../../src/events/live-lane.js';
import { makeDiscoveryMessages } from '../../src/events/home-assistant.js';
import type { BrokerTarget } from '../../src/events/mqtt-connection.js';
import { MqttPublisher } from '../../src/events/mqtt-publisher.js';
import { tempDir } from '../support/temp-dir.js';
import {
  aDraft,
  eventually,
  lacks,
  Mosquitto,
  openStore,
  range,
  recordingLog,
  SIGNING_KEY,
  started,
  startEvents,
  Subscriber,
} from './support.js';

const skip = lacks('topics that a broker refuses', 'mosquitto', 'mosquitto_sub', 'mosquitto_pub');
const HOME_ASSISTANT = { homeAssistant: { discoveryPrefix: 'homeassistant', birthTopic: 'homeassistant/status' } };
const SECRET = 'a-secret-of-these-tests';

/** Starts a mosquitto that lets everybody use only the topics of the ACL. */
async function brokerWithAcl(...acl: string[]): Promise<Mosquitto> {
  const file = join(tempDir(), 'acl');
  writeFileSync(file, `${acl.join('\n')}\n`);
  return Mosquitto.start(['allow_anonymous true', `acl_file ${file}`]);
}

/** Starts a publisher with announcements, over an event log of its own. */
async function startPublisher(target: BrokerTarget): Promise<{ log: EventLog; publisher: MqttPublisher }> {
  const lane = new LiveLane({ clock: Date.now, monotonic: () => performance.now() });
  const signer = new EventSigner(SIGNING_KEY);
  const log = new EventLog({
    store: await openStore(),
    deviceId: 'gate',
    limits: { maxEvents: 1_000, maxBytes: 1_000_000, maxAgeHours: 1 },
    consumers: ['mqtt'],
    signer,
    clock: Date.now,
    log: silentLog,
    onStored: (events) => {
      for (const event of events) lane.add(event);
      publisher.wake();
    },
  });
  const publisher = new MqttPublisher({
    target,
    deviceId: 'gate',
    source: log.source('mqtt'),
    encodeHistory: createHistoryEncoder('gate', 'mqtt', signer.signObject),
    sign: (event) => signer.sign(event),
    lane,
    clock: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    log: silentLog,
    announcements: makeDiscoveryMessages({ prefix: 'homeassistant', deviceId: 'gate', cameras: ['front'] }),
  });
  await started(log);
  await started(publisher);
  return { log, publisher };
}

describe.skipIf(skip)('a broker that refuses announcements', () => {
  it('gets every event over MQTT 5; the health names a topic, and the log has one line', async () => {
    const broker = await brokerWithAcl('topic readwrite lintel/#');
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const log = recordingLog();
    const events = await startEvents({ url: broker.url, ...HOME_ASSISTANT }, { log });
    const sent = [];
    for (let i = 0; i < 20; i++) sent.push(await events.emit(aDraft()));
    await eventually(() => subscriber.events.length === 20 && events.stats().published === 20);
    expect(subscriber.events).toEqual(sent);
    const detail =
      'MQTT broker: it refuses homeassistant/event/gate/front-match/config and 3 more topics: ' +
      'not authorised (reason code 135)';
    await expect.poll(() => events.health().detail, { timeout: 10_000, interval: 10 }).toBe(detail);
    expect(events.health()).toMatchObject({ status: 'degraded', facts: { protocol: 'MQTT 5' } });
    expect(events.stats()).toMatchObject({ connected: true, reconnects: 0, live: 20, published: 20, late: 0 });
    await events.stop();
    const warnings = log.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      {
        level: 'warn',
        fields: {
          topic: 'homeassistant/event/gate/front-match/config',
          topics: 4,
          reason: 'not authorised (reason code 135)',
        },
        message: 'the MQTT broker refuses messages; everything else is published',
      },
    ]);
    await eventually(() => subscriber.statuses.at(-1)?.reason === 'stopped');
  });

  it('is not logged again on the next connection, and the health is ok when the broker accepts them', async () => {
    const acl = join(tempDir(), 'acl');
    writeFileSync(acl, 'topic readwrite lintel/#\n');
    const broker = await Mosquitto.start(['allow_anonymous true', `acl_file ${acl}`]);
    const log = recordingLog();
    const events = await startEvents({ url: broker.url, ...HOME_ASSISTANT }, { log });
    const refusals = (): number => log.lines.filter(({ message }) => message.includes('refuses messages')).length;
    await eventually(() => events.health().detail?.includes('3 more topics') === true);
    await broker.restart();
    await eventually(() => events.stats().reconnects === 1);
    await eventually(() => events.health().detail?.includes('3 more topics') === true);
    expect(refusals()).toBe(1);
    writeFileSync(acl, 'topic readwrite #\n');
    await broker.restart();
    await eventually(() => events.stats().reconnects === 2);
    const subscriber = await Subscriber.start(broker.port, 'homeassistant/#');
    await eventually(() => subscriber.messages.length === 4);
    expect(events.health().status).toBe('ok');
    expect(refusals()).toBe(1);
  });

  it('gets every event over MQTT 3.1.1, where it cannot say that it refuses', async () => {
    const broker = await brokerWithAcl('topic readwrite lintel/#');
    const subscriber = await Subscriber.start(broker.port, '#', ['-q', '1']);
    const { log, publisher } = await startPublisher({ url: broker.url, protocolVersions: [4] });
    for (let i = 0; i < 20; i++) await log.emit(aDraft());
    await eventually(() => publisher.stats().published === 20);
    await eventually(() => subscriber.firstArrivals.length === 20 && subscriber.recorded.length === 20);
    expect(subscriber.firstArrivals).toEqual(range(1, 20));
    expect(subscriber.messages.some(({ topic }) => topic.startsWith('homeassistant/'))).toBe(false);
    expect(publisher.health()).toMatchObject({ status: 'ok', facts: { protocol: 'MQTT 3.1.1' } });
    expect(publisher.stats()).toMatchObject({ connected: true, reconnects: 0 });
  });
});

describe('a broker that never answers an announcement', () => {
  it('gets the events all the same', async () => {
    const broker = await Aedes.createBroker({
      authorizePublish: (_client, { topic }, callback) => {
        if (!topic.startsWith('homeassistant/')) callback(null);
      },
    });
    const server = createServer((socket) => void broker.handle(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(async () => {
      await new Promise<void>((resolve) => broker.close(resolve));
      server.close();
    });
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { log, publisher } = await startPublisher({ url, protocolVersions: [4] });
    await log.emit(aDraft());
    await eventually(() => publisher.stats().published === 1);
    expect(publisher.stats()).toMatchObject({ connected: true, reconnects: 0 });
  });
});

describe.skipIf(skip)('a broker that refuses answers to commands', () => {
  it('gets every event over MQTT 5, and the health names the topic', async () => {
    const broker = await brokerWithAcl(
      'topic readwrite lintel/gate/status',
      'topic readwrite lintel/gate/history',
      'topic readwrite lintel/gate/command',
      'topic readwrite lintel/gate/front/match',
    );
    const commands = {
      pause: async () => undefined,
      resume: async () => undefined,
      snapshot: async () => Buffer.from('JPEG'),
    };
    const log = recordingLog();
    const events = await startEvents({ url: broker.url }, { commandSecret: SECRET, commands, log });
    await eventually(() => events.stats().connected);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const unsealed: Omit<Command, 'mac'> = {
      version: 1,
      id: 'the-command',
      deviceId: 'gate',
      command: 'snapshot',
      cameraId: 'front',
      issuedAt: new Date().toISOString(),
    };
    const payload = JSON.stringify({ ...unsealed, mac: computeCommandMac(unsealed, SECRET) });
    expect(await broker.publish('lintel/gate/command', payload)).toBe(0);
    await eventually(() => events.health().detail?.includes('one more topic') === true);
    expect(events.health().detail).toBe(
      'MQTT broker: it refuses lintel/gate/front/snapshot and one more topic: not authorised (reason code 135)',
    );
    const event = await events.emit(aDraft());
    await eventually(() => subscriber.events.length === 1);
    expect(subscriber.events).toEqual([event]);
    expect(events.stats()).toMatchObject({ connected: true, reconnects: 0, commands: { obeyed: 1, refused: 0 } });
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});
