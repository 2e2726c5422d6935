// Whole sessions of mqtt.js at the embedded broker: in the manner of Home Assistant, and with sessions that wait for their client.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { MAX_QUEUED_MESSAGES } from '../../src/events/client-session.js';
import { EmbeddedBroker } from '../../src/events/embedded-broker.js';
import { connectOwn } from './broker-clients.js';
import { findPort, HOME_ASSISTANT, RealClient } from './real-client.js';
import { aDraft, eventually, lacks, Mosquitto, started, startEvents } from './support.js';

describe('Home Assistant at the embedded broker', () => {
  it.each([
    { qos: 0, retain: false },
    { qos: 1, retain: true },
  ] as const)('connects once, stays, and finds the cameras after each of its births: %o', async ({ qos, retain }) => {
    const events = await startEvents({ homeAssistant: HOME_ASSISTANT });
    const port = findPort(events);
    await eventually(() => events.stats().connected);
    const witness = await RealClient.connect(port, { clientId: 'witness' });
    await witness.client.subscribeAsync('homeassistant/status');
    const assistant = await RealClient.connect(port, {
      clientId: 'home-assistant',
      clean: true,
      keepalive: 1,
      will: { topic: 'homeassistant/status', payload: Buffer.from('offline'), qos, retain },
    });
    await assistant.client.subscribeAsync(['homeassistant/#', 'lintel/#'], { qos: 0 });
    await eventually(() => assistant.count(/config$/) === 4);
    await assistant.client.publishAsync('homeassistant/status', 'online', { qos, retain });
    // Its own birth, as from any broker, and the cameras once more, live.
    await eventually(() => assistant.count(/config$/) === 8);
    expect(assistant.count(/^homeassistant\/status$/)).toBe(1);
    expect(assistant.heard.filter(({ topic }) => topic.endsWith('config')).map((one) => one.retain)).toEqual([
      ...Array<boolean>(4).fill(true),
      ...Array<boolean>(4).fill(false),
    ]);
    // Beyond one and a half times the keep alive.
    await eventually(() => assistant.pings >= 3);
    const event = await events.emit(aDraft());
    await eventually(() => assistant.count(/\/match$/) === 1);
    expect(JSON.parse(assistant.heard.find(({ topic }) => topic.endsWith('match'))?.payload ?? '')).toEqual(event);
    expect(assistant.heard.every((message) => message.qos === 0)).toBe(true);
    expect(assistant).toMatchObject({ connects: 1, closes: 0 });

    assistant.lose();
    await eventually(() => witness.heard.some(({ payload }) => payload === 'offline'));
    await eventually(() => assistant.connects === 2);
    expect(assistant).toMatchObject({ isSessionPresent: false });
    expect(witness.heard.map(({ payload, retain: isRetained }) => [payload, isRetained])).toEqual([
      ['online', false],
      ['offline', false],
    ]);
    expect(events.health()).toMatchObject({ status: 'ok', facts: { clientMessagesIgnored: 0, clientsCutOff: 0 } });
  });

  it('may not publish without its configuration key, and stays all the same', async () => {
    const events = await startEvents();
    const assistant = await RealClient.connect(findPort(events), {
      will: { topic: 'homeassistant/status', payload: Buffer.from('offline') },
    });
    await assistant.client.subscribeAsync('#');
    await assistant.client.publishAsync('homeassistant/status', 'online', { qos: 1, retain: true });
    await events.emit(aDraft());
    await eventually(() => assistant.count(/\/match$/) === 1);
    expect(assistant.count(/^homeassistant/)).toBe(0);
    expect(assistant).toMatchObject({ connects: 1, closes: 0 });
    expect(events.health().facts).toMatchObject({ clientMessagesIgnored: 1 });
  });
});

describe('a session at the embedded broker', () => {
  it('waits for its client: the history comes after the return, and an expired match does not', async () => {
    const events = await startEvents();
    const port = findPort(events);
    await eventually(() => events.stats().connected);
    const recorder = await RealClient.connect(port, { clientId: 'recorder', clean: false });
    await recorder.client.subscribeAsync('lintel/#', { qos: 1 });
    await recorder.client.endAsync();
    await eventually(() => events.health().facts?.sessionsWaiting === 1);
    const expired = await events.emit(aDraft(50));
    const fresh = await events.emit(aDraft(60_000));
    await eventually(() => events.stats().published === 2 && Date.parse(expired.expiresAt) < Date.now());
    const again = await RealClient.connect(port, { clientId: 'recorder', clean: false });
    await eventually(() => again.count(/history$/) === 2 && again.count(/match$/) === 1);
    const live = again.heard.filter(({ topic }) => topic.endsWith('match')).map(({ payload }) => payload);
    expect(live).toEqual([JSON.stringify(fresh)]);
    expect(again.heard.every(({ qos, retain }) => qos === 1 && !retain)).toBe(true);
    expect(events.health().facts).toMatchObject({ sessionsWaiting: 0, clientsCutOff: 0 });
  });

  it('goes on after a lost connection: Session Present, and nothing is lost or comes twice', async () => {
    const broker = await started(
      new EmbeddedBroker({ host: '127.0.0.1', port: 0, ownerId: 'lintel-gate', log: silentLog }),
    );
    const port = Number(new URL(broker.url).port);
    const own = await connectOwn(broker);
    const client = await RealClient.connect(port, { clientId: 'returning', clean: false, resubscribe: false });
    await client.client.subscribeAsync('a', { qos: 1 });
    for (let i = 0; i < 10; i++) {
      await own.publishAsync('a', `${i}`, { qos: 1 });
      if (i === 4) {
        await eventually(() => client.heard.length === 5);
        client.lose();
        await eventually(() => broker.health().facts?.sessionsWaiting === 1 || client.connects === 2);
      }
    }
    await eventually(() => client.heard.length === 10);
    expect(client).toMatchObject({ connects: 2, isSessionPresent: true });
    expect(client.heard.map(({ payload }) => payload)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`));
  });

  it('keeps the newest messages when too many wait, and counts the others', async () => {
    const broker = await started(
      new EmbeddedBroker({ host: '127.0.0.1', port: 0, ownerId: 'lintel-gate', log: silentLog }),
    );
    const port = Number(new URL(broker.url).port);
    const own = await connectOwn(broker);
    for (const clientId of ['small', 'large']) {
      const client = await RealClient.connect(port, { clientId, clean: false });
      await client.client.subscribeAsync(clientId, { qos: 1 });
      await client.client.endAsync();
    }
    await eventually(() => broker.health().facts?.sessionsWaiting === 2);
    const messages = MAX_QUEUED_MESSAGES + 200;
    for (let i = 0; i < messages; i++) await own.publishAsync('small', `${i}`, { qos: 1 });
    for (let i = 0; i < 30; i++) await own.publishAsync('large', `${i}`.padEnd(100_000, '.'), { qos: 1 });
    expect(broker.health().facts?.sessionMessagesDropped).toBe(200 + 20);
    const small = await RealClient.connect(port, { clientId: 'small', clean: false });
    const large = await RealClient.connect(port, { clientId: 'large', clean: false });
    await eventually(() => small.heard.length === MAX_QUEUED_MESSAGES && large.heard.length === 10);
    expect(small.heard.map(({ payload }) => Number(payload))).toEqual(
      Array.from({ length: MAX_QUEUED_MESSAGES }, (_, i) => 200 + i),
    );
    expect(large.heard.map(({ payload }) => parseInt(payload, 10))).toEqual(
      Array.from({ length: 10 }, (_, i) => 20 + i),
    );
    expect(broker.health().facts).toMatchObject({ clientsCutOff: 0, sessionsWaiting: 0 });
  });

  it('is taken over by a new connection of the same user, as often as it comes', async () => {
    const users = new Map([['door', 'the password of the door']]);
    const broker = await started(
      new EmbeddedBroker({ host: '127.0.0.1', port: 0, ownerId: 'lintel-gate', users, log: silentLog }),
    );
    const port = Number(new URL(broker.url).port);
    const own = await connectOwn(broker);
    const login = { clientId: 'controller', clean: false, username: 'door', password: 'the password of the door' };
    let before = await RealClient.connect(port, { ...login, reconnectPeriod: 0 });
    await before.client.subscribeAsync('a', { qos: 1 });
    for (let i = 0; i < 5; i++) {
      const after = await RealClient.connect(port, { ...login, reconnectPeriod: 0 });
      await eventually(() => before.closes === 1);
      await own.publishAsync('a', `${i}`, { qos: 1 });
      await eventually(() => after.heard.length === 1);
      before = after;
    }
    expect(broker.health().facts).toMatchObject({ clients: 1, clientsCutOff: 0, sessionsWaiting: 0 });
  });
});

describe.skipIf(lacks('births at a broker of another program', 'mosquitto'))('Home Assistant at another broker', () => {
  it('leads to announcements after each birth, and not by the birth that the broker has kept', async () => {
    const broker = await Mosquitto.start();
    const assistant = await RealClient.connect(broker.port, { clientId: 'home-assistant' });
    await assistant.client.publishAsync('homeassistant/status', 'online', { qos: 1, retain: true });
    await assistant.client.subscribeAsync('homeassistant/event/#');
    const events = await startEvents({ url: broker.url, homeAssistant: HOME_ASSISTANT });
    await eventually(() => assistant.heard.length === 4);
    await events.emit(aDraft());
    await eventually(() => events.stats().published === 1);
    expect(assistant.heard).toHaveLength(4);
    for (let i = 0; i < 3; i++)
      await assistant.client.publishAsync('homeassistant/status', 'online', { qos: 1, retain: true });
    await eventually(() => assistant.heard.length === 8);
    await assistant.client.publishAsync('homeassistant/status', 'offline', { qos: 1, retain: true });
    expect(events.health().status).toBe('ok');
  });
});
