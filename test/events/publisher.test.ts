// The way of an event from its emission to a subscriber in another process, through the embedded broker and through mosquitto.
import { describe, expect, it } from 'vitest';
import { recognitionEventSchema } from '../../src/events/event.js';
import { aDraft, eventually, lacks, Mosquitto, openStore, startEvents, Subscriber } from './support.js';

const skip = lacks('publishing to brokers', 'mosquitto', 'mosquitto_sub');

const brokers: [name: string, protocol: string, start: () => Promise<string | undefined>][] = [
  ['the embedded broker', 'MQTT 3.1.1', async () => undefined],
  ['mosquitto', 'MQTT 5', async () => (await Mosquitto.start()).url],
];

describe.skipIf(skip).each(brokers)('through %s', (_, protocol, start) => {
  it('events arrive in order, at QoS 1, not retained, on the topic of their camera and kind', async () => {
    const events = await startEvents({ url: await start() });
    const port = Number(new URL(events.brokerUrl ?? '').port);
    const subscriber = await Subscriber.start(port, 'lintel/#', ['-q', '1']);
    const sent = [
      await events.emit(aDraft()),
      await events.emit(aDraft(60_000, { type: 'unknown', faceId: undefined, imageId: undefined })),
      await events.emit(aDraft(60_000, { cameraId: 'back' })),
      ...(await Promise.all(Array.from({ length: 100 }, () => events.emit(aDraft())))),
    ];
    await eventually(() => subscriber.events.length === sent.length);
    const messages = subscriber.messages.filter(({ topic }) => !/\/(status|history)$/.test(topic));
    expect(messages.map(({ payload }) => recognitionEventSchema.parse(JSON.parse(payload)))).toEqual(sent);
    expect(messages.slice(0, 3).map(({ topic }) => topic)).toEqual([
      'lintel/gate/front/match',
      'lintel/gate/front/unknown',
      'lintel/gate/back/match',
    ]);
    expect(new Set(messages.map(({ qos }) => qos))).toEqual(new Set([1]));
    await eventually(() => events.stats().pending === 0 && subscriber.history.length === sent.length);
    expect(
      subscriber.history.map(({ version, sequence, late, event }) => ({ version, sequence, late, event })),
    ).toEqual(sent.map((event) => ({ version: 1, sequence: event.sequence, late: false, event })));
    // Lintel's own broker has counts of its own.
    expect({ ...events.stats(), broker: undefined }).toEqual({
      broker: undefined,
      connected: true,
      pending: 0,
      stored: 103,
      bytes: sent.reduce((sum, event) => sum + JSON.stringify(event).length, 0),
      live: 103,
      late: 0,
      published: 103,
      expired: 0,
      dropped: 0,
      missing: 0,
      liveRefused: 0,
      liveWithoutSnapshot: 0,
      historyWithoutSnapshot: 0,
      historyRefused: 0,
      setAside: 0,
      refused: 0,
      reconnects: 0,
    });
    expect(events.health()).toMatchObject({ status: 'ok', facts: { protocol, pending: 0, published: 103 } });

    const later = await Subscriber.start(port, 'lintel/#', ['-q', '1']);
    await eventually(() => later.messages.length > 0);
    expect(later.messages).toHaveLength(1);
    expect(later.statuses).toEqual([expect.objectContaining({ status: 'online', retained: true })]);
  });

  it('an event past its expiry goes to the history only, marked late, and is counted', async () => {
    const events = await startEvents({ url: await start() });
    const subscriber = await Subscriber.start(Number(new URL(events.brokerUrl ?? '').port), 'lintel/#');
    await events.emit(aDraft(0));
    await events.emit(aDraft(-60_000, { type: 'unknown' }));
    const fresh = await events.emit(aDraft());
    await eventually(() => subscriber.history.length === 3 && events.stats().pending === 0);
    expect(subscriber.events).toEqual([fresh]);
    expect(subscriber.history.map(({ sequence, late }) => [sequence, late])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
    expect(events.stats()).toMatchObject({ live: 1, published: 3, expired: 2 });
  });

  it('a stop publishes what is left, then the status offline', async () => {
    const events = await startEvents({ url: await start() });
    const port = Number(new URL(events.brokerUrl ?? '').port);
    const subscriber = await Subscriber.start(port, 'lintel/#');
    const emissions = Promise.all(Array.from({ length: 50 }, () => events.emit(aDraft())));
    const sent = await emissions;
    await events.stop();
    await eventually(() => subscriber.statuses.at(-1)?.status === 'offline');
    expect(subscriber.events).toEqual(sent);
    expect(subscriber.messages.at(-1)?.topic).toBe('lintel/gate/status');
    expect(subscriber.statuses.at(-1)?.reason).toBe('stopped');
    expect(subscriber.recorded).toEqual(sent.map(({ sequence }) => sequence));
    expect(events.stats()).toMatchObject({ connected: false, pending: 0, published: 50 });
    await expect(events.emit(aDraft())).rejects.toMatchObject({ code: 'STOPPED' });
  });
});

describe.skipIf(skip)('the status', () => {
  it('is offline for subscribers after a stop, and online again after a start', async () => {
    const broker = await Mosquitto.start();
    const store = await openStore();
    const first = await startEvents({ url: broker.url }, { store });
    await eventually(() => first.stats().connected);
    await first.stop();
    const between = await Subscriber.start(broker.port, 'lintel/gate/status');
    await eventually(() => between.statuses.length > 0);
    expect(between.statuses).toEqual([
      expect.objectContaining({ status: 'offline', reason: 'stopped', retained: true }),
    ]);
    await startEvents({ url: broker.url }, { store });
    await eventually(() => between.statuses.length === 2);
    expect(between.statuses[1]).toMatchObject({ status: 'online' });
  });
});

describe.skipIf(skip)('a restart', () => {
  it('publishes the events that were stored without a broker, and continues the numbers', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.start(broker.port, 'lintel/#');
    const store = await openStore();
    const lonely = await startEvents({ url: 'mqtt://127.0.0.1:1' }, { store });
    const stored = [await lonely.emit(aDraft()), await lonely.emit(aDraft()), await lonely.emit(aDraft())];
    expect(lonely.stats()).toMatchObject({ connected: false, pending: 3, published: 0 });
    await lonely.stop();
    const events = await startEvents({ url: broker.url }, { store });
    const next = await events.emit(aDraft());
    expect(next.sequence).toBe(4);
    await eventually(() => subscriber.events.length === 4 && subscriber.history.length === 4);
    expect(subscriber.events).toEqual([...stored, next]);
    expect(subscriber.history.map(({ event }) => event)).toEqual([...stored, next]);
  });
});
