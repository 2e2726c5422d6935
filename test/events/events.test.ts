// The events room as main constructs it: what is started when, and what it says of itself.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { Events } from '../../src/events/events.js';
import type { EventStore } from '../../src/events/event-log.js';
import type { Space } from '../../src/store/sealed-store.js';
import { aDraft, eventsConfig, eventually, lacks, openStore, SIGNING_KEY, startEvents, Subscriber } from './support.js';

describe('the events room', () => {
  it('runs the embedded broker if no other is configured', async () => {
    const events = await startEvents();
    expect(events.brokerUrl).toMatch(/^mqtt:\/\/127\.0\.0\.1:\d+$/);
    await eventually(() => events.stats().connected);
    expect(events.health()).toMatchObject({ status: 'ok', facts: { embedded: true, clients: 0, pending: 0 } });
  });

  it('runs no embedded broker if another is configured', async () => {
    const events = await startEvents({ url: 'mqtt://127.0.0.1:1' });
    expect(events.brokerUrl).toBe('mqtt://127.0.0.1:1');
    expect(events.health().facts).not.toHaveProperty('embedded');
  });

  it('reports that it is not started, and refuses events, before its start', async () => {
    const store = await openStore();
    const common = { clock: Date.now, log: silentLog, signingKey: SIGNING_KEY, cameras: [] };
    const events = new Events({ config: eventsConfig(), store, ...common });
    expect(events.health()).toMatchObject({ status: 'failed', detail: 'the publisher is not started' });
    expect(events.brokerUrl).toBeUndefined();
    expect(events.stats()).toMatchObject({ connected: false, pending: 0 });
    await expect(events.emit(aDraft())).rejects.toMatchObject({ code: 'STOPPED' });
    await events.stop();
  });

  it('fails to start, and can be stopped, when the port of its broker is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const start = startEvents({ embedded: { host: '127.0.0.1', port } });
    await expect(start).rejects.toMatchObject({ code: 'BROKER_FAILED' });
  });

  it('is degraded after its stop, and can be stopped twice', async () => {
    const events = await startEvents();
    await eventually(() => events.stats().connected);
    await events.stop();
    await events.stop();
    expect(events.health()).toMatchObject({ status: 'degraded', detail: 'MQTT broker: stopped' });
  });

  it('reports a disk that refuses writes, and its recovery', async () => {
    const real = await openStore();
    let refuse = false;
    const store: EventStore = {
      openSpace: (label) => real.openSpace(label),
      write: async (operations) => {
        if (refuse) throw new AppError('STORE_UNAVAILABLE', 'the disk refuses the database');
        await real.write(operations);
      },
    };
    const events = await startEvents({}, { store });
    await eventually(() => events.stats().connected);
    refuse = true;
    await expect(events.emit(aDraft())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(events.health()).toMatchObject({
      status: 'failed',
      detail: 'events cannot be stored: the disk refuses the database',
    });
    refuse = false;
    const event = await events.emit(aDraft());
    expect(event.sequence).toBe(1);
    await eventually(() => events.stats().published === 1);
    expect(events.health().status).toBe('ok');
  });

  it.skipIf(lacks('a disk that cannot be read', 'mosquitto_sub'))(
    'is offline, and says why, while its disk cannot be read',
    async () => {
      const real = await openStore();
      let refuse = false;
      const store: EventStore = {
        openSpace: async (label) => {
          const space = await real.openSpace(label);
          const get = async (key: Uint8Array): Promise<Buffer | undefined> => {
            if (refuse) throw new AppError('STORE_UNAVAILABLE', 'the disk refuses the database');
            return space.get(key);
          };
          const half: Pick<Space, 'get' | 'put' | 'delete' | 'entries'> = {
            get,
            put: (key, value) => space.put(key, value),
            delete: (key) => space.delete(key),
            entries: (range, onDamaged) => space.entries(range, onDamaged),
          };
          return half as Space;
        },
        write: (operations) => real.write(operations),
      };
      const events = await startEvents({}, { store });
      const port = Number(new URL(events.brokerUrl ?? '').port);
      await eventually(() => events.stats().connected);
      const subscriber = await Subscriber.start(port, 'lintel/#');
      refuse = true;
      await events.emit(aDraft());
      await eventually(() => subscriber.statuses.some(({ reason }) => reason === 'connection-lost'));
      await expect.poll(() => events.health().detail).toBe('MQTT broker: the disk refuses the database');
      refuse = false;
      await eventually(() => subscriber.events.length === 1 && events.stats().pending === 0);
      expect(subscriber.statuses.map(({ reason }) => reason)).not.toContain('stopped');
      expect(subscriber.statuses.at(-1)?.status).toBe('online');
    },
  );

  const challenge = { cameraId: 'front', trackId: 7, side: 'left', state: 'open', issuedAtMs: Date.now() } as const;

  it.skipIf(lacks('challenges over MQTT', 'mosquitto_sub'))(
    'publishes challenges on a topic of their own, not retained',
    async () => {
      const events = await startEvents();
      await eventually(() => events.stats().connected);
      const port = Number(new URL(events.brokerUrl ?? '').port);
      const subscriber = await Subscriber.start(port, 'lintel/+/+/challenge', ['-q', '1']);
      const expiresAtMs = Date.now() + 3_000;
      events.publishChallenge({ ...challenge, expiresAtMs });
      // It has expired already: nobody could answer it.
      events.publishChallenge({ ...challenge, trackId: 8, expiresAtMs: Date.now() - 1 });
      events.publishChallenge({ ...challenge, state: 'passed', expiresAtMs });
      await eventually(() => subscriber.messages.length === 2);
      expect(subscriber.messages.map(({ topic, qos, retained }) => [topic, qos, retained])).toEqual([
        ['lintel/gate/front/challenge', 1, false],
        ['lintel/gate/front/challenge', 1, false],
      ]);
      expect(subscriber.messages.map(({ payload }) => JSON.parse(payload) as object)).toMatchObject([
        { trackId: 7, state: 'open', side: 'left' },
        { trackId: 7, state: 'passed' },
      ]);
      const late = await Subscriber.start(port, 'lintel/+/+/challenge', ['-q', '1']);
      events.publishChallenge({ ...challenge, trackId: 9, expiresAtMs: Date.now() + 3_000 });
      await eventually(() => late.messages.length === 1);
      expect(JSON.parse(late.messages[0]!.payload)).toMatchObject({ trackId: 9 });
    },
  );

  it('drops challenges while there is no broker', async () => {
    const events = await startEvents({ url: 'mqtt://127.0.0.1:1' });
    events.publishChallenge({ ...challenge, expiresAtMs: Date.now() + 3_000 });
    expect(events.stats()).toMatchObject({ connected: false, pending: 0 });
  });

  it('keeps the configured limit while there is no broker', async () => {
    const events = await startEvents({ url: 'mqtt://127.0.0.1:1' }, { limits: { maxEvents: 10 } });
    await Promise.all(Array.from({ length: 25 }, () => events.emit(aDraft())));
    expect(events.stats()).toMatchObject({ pending: 10, dropped: 15, stored: 10 });
    expect(events.health().facts).toMatchObject({ pending: 10, dropped: 15 });
  });
});
