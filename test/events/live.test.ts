// Live events on real brokers: ahead of any backlog, never late, never again, and where they stand in the history.
import { describe, expect, it } from 'vitest';
import type { RecognitionEvent } from '../../src/events/event.js';
import {
  aDraft,
  eventually,
  IMPATIENT,
  lacks,
  Mosquitto,
  openStore,
  range,
  Relay,
  startEvents,
  Subscriber,
} from './support.js';

const skip = lacks('live events', 'mosquitto', 'mosquitto_sub');

/** The kinds of what arrived, in the order of arrival: `live 3`, `history 3 late`. */
function arrivals(subscriber: Subscriber): string[] {
  return subscriber.messages.flatMap(({ topic, payload }) => {
    if (topic.endsWith('/status')) return [];
    const { sequence, late } = JSON.parse(payload) as RecognitionEvent & { late?: boolean };
    return [late === undefined ? `live ${sequence}` : `history ${sequence}${late ? ' late' : ''}`];
  });
}

describe.skipIf(skip)('a live event', () => {
  it('overtakes the backlog when the broker is back', async () => {
    const broker = await Mosquitto.start();
    const relay = await Relay.start(broker.port);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const events = await startEvents({ url: relay.url });
    await eventually(() => events.stats().connected);
    relay.shut();
    await eventually(() => !events.stats().connected);
    await Promise.all(range(1, 300).map(() => events.emit(aDraft(0))));
    await events.emit(aDraft(30_000));
    relay.open();
    await eventually(() => arrivals(subscriber).includes('live 301'));
    expect(arrivals(subscriber).indexOf('live 301')).toBeLessThan(32);
    await eventually(() => subscriber.recorded.length === 301);
    expect(subscriber.recorded).toEqual(range(1, 301));
    expect(subscriber.events).toHaveLength(1);
    expect(arrivals(subscriber).at(-1)).toBe('history 301');
  });

  it('comes in the history when it was published or has expired', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const events = await startEvents({ url: broker.url });
    await events.emit(aDraft());
    await events.emit(aDraft(-1));
    await events.emit(aDraft());
    await eventually(() => subscriber.history.length === 3);
    const order = arrivals(subscriber);
    expect(order.filter((one) => one.startsWith('history'))).toEqual(['history 1', 'history 2 late', 'history 3']);
    expect(order.indexOf('live 1')).toBeLessThan(order.indexOf('history 1'));
    expect(order.indexOf('live 3')).toBeLessThan(order.indexOf('history 3'));
  });

  it('is not sent to a frozen broker, and does not come late when the broker continues', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const events = await startEvents({ url: broker.url }, { timing: IMPATIENT });
    const first = await events.emit(aDraft());
    await eventually(() => subscriber.history.length === 1);
    // After this time the last answer of the broker is no proof any more that it is alive.
    const heardAtMs = Date.now();
    await eventually(() => Date.now() > heardAtMs + 150);
    broker.freeze();
    const missed = await Promise.all(range(1, 40).map(() => events.emit(aDraft(600))));
    await eventually(() => Date.now() > Date.parse(missed.at(-1)?.expiresAt ?? ''));
    const kept = await events.emit(aDraft(30_000));
    broker.thaw();
    await eventually(() => subscriber.recorded.length === 42 && events.stats().pending === 0);
    expect([...new Set(subscriber.events.map(({ sequence }) => sequence))]).toEqual([first.sequence, kept.sequence]);
    expect(subscriber.recorded).toEqual(range(1, 42));
    const late = new Set(subscriber.history.filter((message) => message.late).map(({ sequence }) => sequence));
    expect([...late]).toEqual(missed.map(({ sequence }) => sequence));
    expect(events.stats()).toMatchObject({ live: 2, late: 40, expired: 40 });
  });

  it('is published again after a restart only when it is not in the history', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const store = await openStore();
    const before = await startEvents({ url: broker.url }, { store });
    await before.emit(aDraft(60_000));
    await eventually(() => before.stats().pending === 0);
    await before.stop();
    const lonely = await startEvents({ url: 'mqtt://127.0.0.1:1' }, { store });
    await lonely.emit(aDraft(60_000));
    const { expiresAt } = await lonely.emit(aDraft(300));
    await lonely.stop();
    await eventually(() => Date.now() > Date.parse(expiresAt));
    const after = await startEvents({ url: broker.url }, { store });
    await eventually(() => after.stats().pending === 0 && subscriber.history.length === 3);
    expect(arrivals(subscriber)).toEqual(['live 1', 'history 1', 'live 2', 'history 2', 'history 3 late']);
  });

  it('passes the embedded broker with a picture that is larger than other clients may send', async () => {
    const events = await startEvents();
    const subscriber = await Subscriber.start(Number(new URL(events.brokerUrl ?? '').port), 'lintel/#');
    const snapshot = Buffer.alloc(74_000, 7).toString('base64');
    const event = await events.emit(aDraft(60_000, { snapshot }));
    await eventually(() => subscriber.history.length === 1);
    expect(subscriber.events).toEqual([event]);
    expect(events.stats().reconnects).toBe(0);
  });
});

describe.skipIf(skip)('the history', () => {
  it('declares the events that a limit removed before there was a broker', async () => {
    const broker = await Mosquitto.start();
    const relay = await Relay.start(broker.port);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    relay.shut();
    const events = await startEvents({ url: relay.url }, { limits: { maxEvents: 10 } });
    for (let i = 0; i < 5; i++) await Promise.all(range(1, 5).map(() => events.emit(aDraft(0))));
    relay.open();
    await eventually(() => subscriber.recorded.length === 10);
    expect(subscriber.history[0]).toMatchObject({ version: 1, gap: { from: 1, to: 15, reason: 'removed' } });
    expect(subscriber.recorded).toEqual(range(16, 25));
    await eventually(() => events.stats().pending === 0);
    expect(events.stats()).toMatchObject({ dropped: 15, missing: 15, published: 10 });
    expect((await events.recent({ limit: 3 })).events.map(({ sequence }) => sequence)).toEqual([25, 24, 23]);
  });

  it('arrives through a broker that accepts one message at a time', async () => {
    const broker = await Mosquitto.start(['allow_anonymous true', 'max_inflight_messages 1']);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const events = await startEvents({ url: broker.url });
    await Promise.all(range(1, 30).map(() => events.emit(aDraft())));
    await eventually(() => subscriber.recorded.length === 30);
    expect(subscriber.recorded).toEqual(range(1, 30));
    expect(events.stats()).toMatchObject({ live: 30, reconnects: 0 });
  });
});

describe.skipIf(skip)('the status', () => {
  it('shows the health of the device, and changes with it', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.start(broker.port, 'lintel/gate/status');
    let status: 'ok' | 'failed' = 'ok';
    let looks = 0;
    const deviceHealth = () => {
      looks++;
      return { status, parts: { 'camera:front': status } };
    };
    const events = await startEvents({ url: broker.url }, { deviceHealth, timing: { statusIntervalMs: 20 } });
    await eventually(() => events.stats().connected && subscriber.statuses.length === 1);
    await eventually(() => looks > 5);
    expect(subscriber.statuses).toHaveLength(1);
    status = 'failed';
    await eventually(() => subscriber.statuses.length === 2);
    expect(subscriber.statuses).toMatchObject([
      { status: 'online', health: { status: 'ok' } },
      { status: 'online', health: { status: 'failed', parts: { 'camera:front': 'failed' } } },
    ]);
  });
});
