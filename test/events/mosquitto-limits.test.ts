// Limits and access rules of a real broker: mosquitto with max_packet_size, message_size_limit and ACLs, and one that closes at ACLs.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempDir } from '../support/temp-dir.js';
import { aDraft, eventually, lacks, Mosquitto, range, startEvents, Subscriber } from './support.js';

const skip = lacks('the limits of brokers', 'mosquitto', 'mosquitto_sub');
const snapshot = Buffer.alloc(6_000, 7).toString('base64');
const ANYBODY = 'allow_anonymous true';

describe.skipIf(skip)('mosquitto with', () => {
  it.each([
    ['max_packet_size 2000', 0, 'too-large'],
    // It answers with a reason code that mqtt.js does not know, so that one connection is lost.
    ['message_size_limit 2000', 1, 'refused'],
  ])(
    '%s gets a backlog of events without snapshots, and one status for each connection',
    async (line, lost, reason) => {
      const broker = await Mosquitto.start([ANYBODY, line]);
      const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
      const events = await startEvents({ url: broker.url }, { timing: { statusIntervalMs: 60_000 } });
      await eventually(() => events.stats().connected);
      await Promise.all(range(1, 30).map(() => events.emit(aDraft(0, { snapshot }))));
      const fresh = await events.emit(aDraft());
      const beganMs = performance.now();
      await eventually(() => subscriber.events.some(({ sequence }) => sequence === fresh.sequence));
      expect(performance.now() - beganMs).toBeLessThan(1_500);
      await eventually(() => events.stats().pending === 0 && subscriber.recorded.length === 31);
      expect(
        subscriber.history.filter(({ event }) => event?.snapshotOmitted?.reason === reason).length,
      ).toBeGreaterThanOrEqual(30);
      expect(events.stats()).toMatchObject({ connected: true, setAside: 30, missing: 0 });
      expect(events.stats().reconnects).toBeLessThanOrEqual(lost);
      expect(subscriber.statuses.length).toBeLessThanOrEqual(1 + 2 * lost);
      expect(events.health().detail).toMatch(/^MQTT broker: it refuses snapshots on lintel\/gate\/history/);
    },
  );

  it('an ACL without the history gets live events, keeps the history on the device, and lets Lintel stop', async () => {
    const acl = join(tempDir(), 'acl');
    writeFileSync(acl, 'topic readwrite lintel/gate/status\ntopic readwrite lintel/gate/front/#\n');
    const broker = await Mosquitto.start([ANYBODY, `acl_file ${acl}`]);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const events = await startEvents({ url: broker.url });
    for (let i = 0; i < 5; i++) await events.emit(aDraft());
    await eventually(() => subscriber.events.length === 5);
    await eventually(
      () => events.health().detail === 'MQTT broker: it refuses lintel/gate/history: not authorised (reason code 135)',
    );
    expect(events.stats()).toMatchObject({ connected: true, reconnects: 0, live: 5, pending: 5, setAside: 0 });
    const beganMs = performance.now();
    await events.stop();
    expect(performance.now() - beganMs).toBeLessThan(1_400);
    await eventually(() => subscriber.statuses.at(-1)?.reason === 'stopped');
  });
});

describe('a broker of MQTT 3.1.1 that closes the connection at a topic without a right', () => {
  it('gets everything else; only trials are closed again', async () => {
    let closed = 0;
    const broker = await Aedes.createBroker({
      authorizePublish: (client, { topic }, callback) => {
        const isRefused = topic.endsWith('/spoof');
        if (isRefused && client?.id === 'lintel-gate') closed++;
        callback(isRefused ? new Error('no') : null);
      },
    });
    const server = createServer((socket) => void broker.handle(socket)).listen(0, '127.0.0.1');
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => broker.close(resolve))));
    await once(server, 'listening');
    const matches: string[] = [];
    broker.subscribe(
      'lintel/gate/front/match',
      ({ payload }, done) => {
        matches.push(String(payload));
        done();
      },
      () => undefined,
    );
    const events = await startEvents({ url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await eventually(() => events.stats().connected);
    for (let i = 0; i < 6; i++) {
      await events.emit(
        aDraft(5_000, { type: 'spoof', faceId: undefined, imageId: undefined, externalImageId: undefined }),
      );
      await events.emit(aDraft(5_000));
    }
    await eventually(() => matches.length === 6 && events.stats().pending === 0);
    // Several of them may be in flight when the first connection ends.
    expect(closed).toBeLessThanOrEqual(4);
    expect(events.stats()).toMatchObject({ liveRefused: 6, published: 12, setAside: 0 });
    expect(events.stats().reconnects).toBeLessThanOrEqual(1);
    expect(events.health().detail).toMatch(
      /^MQTT broker: it refuses lintel\/gate\/front\/spoof: the connection was closed/,
    );
  });
});
