// Brokers that die, freeze, refuse or lie: the publisher reports them and tries again, no event is lost, and none comes late.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Events } from '../../src/events/events.js';
import { tempDir } from '../support/temp-dir.js';
import {
  aDraft,
  eventually,
  IMPATIENT,
  lacks,
  Mosquitto,
  range,
  recordingLog,
  Relay,
  startEvents,
  Subscriber,
} from './support.js';

const skip = lacks('the faults of brokers', 'mosquitto', 'mosquitto_sub');

async function declared(events: Events, detail: RegExp): Promise<void> {
  await expect.poll(() => events.health().detail, { timeout: 10_000, interval: 10 }).toMatch(detail);
  expect(events.health().status).toBe('degraded');
  expect(events.stats().connected).toBe(false);
}

describe.skipIf(skip)('a broker that is killed', () => {
  it('and started again several times gets every event, in order of first arrival', async () => {
    const broker = await Mosquitto.start();
    // The relay lets Lintel connect only when the subscriber is back: Lintel does not lose what mosquitto accepts without a subscriber.
    const relay = await Relay.start(broker.port);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '0']);
    const events = await startEvents({ url: relay.url });
    await eventually(() => events.stats().connected);
    const emissions: Promise<unknown>[] = [];
    for (let round = 1; round <= 4; round++) {
      emissions.push(...range(1, 40).map(() => events.emit(aDraft())));
      // Some events have arrived by now, and some have not.
      await eventually(() => subscriber.firstArrivals.length > (round - 1) * 50 + 5);
      await broker.kill();
      relay.shut();
      emissions.push(...range(1, 10).map(() => events.emit(aDraft())));
      await broker.restart();
      await eventually(() => subscriber.subscriptions === round + 1);
      relay.open();
      await eventually(() => subscriber.firstArrivals.length === round * 50);
    }
    await Promise.all(emissions);
    expect(subscriber.firstArrivals).toEqual(range(1, 200));
    await eventually(() => events.stats().pending === 0);
    expect(subscriber.recorded).toEqual(range(1, 200));
    expect(events.stats()).toMatchObject({ reconnects: 4, published: 200, dropped: 0, expired: 0 });
  });

  it('publishes the will when Lintel is cut off, and then the status online when Lintel is back', async () => {
    const broker = await Mosquitto.start();
    const relay = await Relay.start(broker.port);
    const subscriber = await Subscriber.start(broker.port, 'lintel/gate/status');
    const events = await startEvents({ url: relay.url });
    await eventually(() => subscriber.statuses.length === 1);
    relay.shut();
    await eventually(() => subscriber.statuses.length === 2);
    relay.open();
    await eventually(() => subscriber.statuses.length === 3);
    expect(subscriber.statuses.map(({ status, reason }) => [status, reason])).toEqual([
      ['online', undefined],
      ['offline', 'connection-lost'],
      ['online', undefined],
    ]);
    expect(events.stats().reconnects).toBe(1);
    const late = await Subscriber.start(broker.port, 'lintel/gate/status');
    await eventually(() => late.statuses.length > 0);
    expect(late.statuses[0]).toMatchObject({ status: 'online', retained: true });
  });

  it('an event that expired meanwhile is not published when it is back', async () => {
    const broker = await Mosquitto.start();
    const relay = await Relay.start(broker.port);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#');
    const events = await startEvents({ url: relay.url });
    await eventually(() => events.stats().connected);
    relay.shut();
    await declared(events, /connection/);
    const { expiresAt } = await events.emit(aDraft(50));
    const fresh = await events.emit(aDraft());
    await eventually(() => Date.now() > Date.parse(expiresAt));
    relay.open();
    await eventually(() => events.stats().pending === 0);
    await eventually(() => subscriber.history.length === 2);
    expect(subscriber.events).toEqual([fresh]);
    expect(subscriber.history.map(({ late }) => late)).toEqual([true, false]);
    expect(events.stats()).toMatchObject({ live: 1, late: 1, published: 2, expired: 1 });
  });
});

describe.skipIf(skip)('a broker that is frozen', () => {
  it('is given up and reported; when it continues, every event arrives, in order of first arrival', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const events = await startEvents({ url: broker.url }, { timing: IMPATIENT });
    for (let i = 0; i < 20; i++) await events.emit(aDraft());
    await eventually(() => subscriber.events.length === 20);
    // A subscriber can have an event before Lintel has its PUBACK.
    await eventually(() => events.stats().pending === 0);
    broker.freeze();
    for (let i = 0; i < 50; i++) await events.emit(aDraft());
    await declared(events, /no PUBACK within 400 ms|no answer to the attempt/);
    expect(events.stats().pending).toBe(50);
    broker.thaw();
    await eventually(() => events.stats().pending === 0);
    await eventually(() => subscriber.firstArrivals.length === 70);
    expect(subscriber.firstArrivals).toEqual(range(1, 70));
    expect(events.health().status).toBe('ok');
  });

  it('is also noticed when there is nothing to publish', async () => {
    const broker = await Mosquitto.start();
    const events = await startEvents({ url: broker.url }, { timing: { ...IMPATIENT, keepaliveS: 1 } });
    await eventually(() => events.stats().connected);
    broker.freeze();
    await declared(events, /no answer/);
    broker.thaw();
    await eventually(() => events.stats().connected);
  });

  it('does not delay a stop', async () => {
    const broker = await Mosquitto.start();
    const timing = { ackTimeoutMs: 20_000, flushTimeoutMs: 200, endTimeoutMs: 100 };
    const events = await startEvents({ url: broker.url }, { timing });
    await eventually(() => events.stats().connected);
    broker.freeze();
    await events.emit(aDraft());
    const started = performance.now();
    await events.stop();
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(events.stats()).toMatchObject({ pending: 1, published: 0 });
  });
});

describe('a broker that is not there', () => {
  it('is reported, tried again with growing pauses and logged once, and the events wait', async () => {
    const log = recordingLog();
    const events = await startEvents({ url: 'mqtt://127.0.0.1:1' }, { log });
    await declared(events, /^MQTT broker: connection refused/);
    await events.emit(aDraft());
    expect(events.stats()).toMatchObject({ pending: 1, published: 0 });
    expect(events.health().facts).toMatchObject({ broker: '127.0.0.1:1', pending: 1 });
    await events.stop();
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([
      {
        level: 'warn',
        fields: { broker: '127.0.0.1:1', reason: 'connection refused: nothing listens there' },
        message: 'the MQTT broker cannot be used: events wait in the event log',
      },
    ]);
  });

  it('does not delay a stop', async () => {
    const events = await startEvents({ url: 'mqtt://127.0.0.1:1' }, { timing: { backoffFirstMs: 60_000 } });
    await declared(events, /refused/);
    const started = performance.now();
    await events.stop();
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it.skipIf(skip)('is found when it comes', async () => {
    const broker = await Mosquitto.start();
    await broker.kill();
    const events = await startEvents({ url: broker.url });
    await declared(events, /refused/);
    await events.emit(aDraft());
    await broker.restart();
    await eventually(() => events.stats().published === 1);
    expect(events.health().status).toBe('ok');
    expect(events.stats().reconnects).toBe(0);
  });

  it.each([
    ['closes every connection', (): Buffer | undefined => undefined, /connection was (closed|reset)/],
    ['speaks HTTP', (): Buffer => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /does not follow MQTT/],
    ['answers with zeroes', (): Buffer => Buffer.alloc(100), /does not follow MQTT/],
    // CONNACK, and DISCONNECT with reason code 142 or 139, of MQTT 5.
    ['knows another of this id', (): Buffer => Buffer.from('2003000000e0028e00', 'hex'), /deviceId of its own/],
    ['shuts down', (): Buffer => Buffer.from('2003000000e0028b00', 'hex'), /ended the connection \(reason code 139\)/],
  ])('%s: declared, and never a crash', async (_, answer, detail) => {
    let attempts = 0;
    const server = createServer((socket) => {
      attempts++;
      socket.on('error', () => undefined);
      socket.once('data', () => {
        const bytes = answer();
        if (bytes) socket.write(bytes);
        else socket.destroy();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const events = await startEvents({ url }, { timing: IMPATIENT });
    await declared(events, detail);
    await eventually(() => attempts >= 3);
    await events.stop();
    server.close();
    await once(server, 'close');
  });

  it('that never answers is given up after the time-out, and tried again', async () => {
    let attempts = 0;
    const server = createServer((socket) => {
      attempts++;
      socket.on('error', () => undefined);
      onTestFinished(() => void socket.destroy());
    });
    server.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const events = await startEvents({ url }, { timing: IMPATIENT });
    await declared(events, /no answer to the attempt to connect/);
    await eventually(() => attempts >= 2);
  });
});

describe.skipIf(skip || lacks('brokers with passwords', 'mosquitto_passwd'))('a broker with passwords', () => {
  async function guarded(acl: string[] = []): Promise<Mosquitto> {
    const folder = tempDir();
    const passwords = join(folder, 'passwords');
    writeFileSync(passwords, '');
    for (const user of ['lintel', 'door']) {
      expect(spawnSync('mosquitto_passwd', ['-b', passwords, user, `${user}-secret`]).status).toBe(0);
    }
    const lines = ['allow_anonymous false', `password_file ${passwords}`];
    if (acl.length > 0) {
      const file = join(folder, 'acl');
      writeFileSync(file, `${acl.join('\n')}\n`);
      lines.push(`acl_file ${file}`);
    }
    return Mosquitto.start(lines);
  }

  it('takes the right one', async () => {
    const broker = await guarded();
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-u', 'door', '-P', 'door-secret']);
    const events = await startEvents({ url: broker.url, username: 'lintel' }, { password: 'lintel-secret' });
    const event = await events.emit(aDraft());
    await eventually(() => subscriber.events.length === 1);
    expect(subscriber.events).toEqual([event]);
  });

  it.each([
    ['a wrong one', 'lintel', 'lintel-wrong-secret'],
    ['none', undefined, undefined],
  ])('refuses %s: declared, retried, and the secret is in no log', async (_, username, password) => {
    const broker = await guarded();
    const log = recordingLog();
    const events = await startEvents({ url: broker.url, username }, { password, log });
    await declared(events, /refuses the user, the password/);
    await events.emit(aDraft());
    expect(events.stats()).toMatchObject({ pending: 1, published: 0 });
    expect(JSON.stringify([log.lines, events.health()])).not.toContain('secret');
  });

  it('that forbids the topics of events is named, and the events wait for their place in the history', async () => {
    const broker = await guarded(['user lintel', 'topic write lintel/gate/status']);
    const events = await startEvents({ url: broker.url, username: 'lintel' }, { password: 'lintel-secret' });
    await eventually(() => events.stats().connected);
    await events.emit(aDraft());
    const detail =
      'MQTT broker: it refuses lintel/gate/front/match and one more topic: not authorised (reason code 135)';
    await expect.poll(() => events.health().detail, { timeout: 10_000 }).toBe(detail);
    expect(events.stats()).toMatchObject({ connected: true, reconnects: 0, pending: 1, published: 0, setAside: 0 });
  });

  it('that forbids the live topic alone gets the history, and the event counts as late', async () => {
    const allowed = ['status', 'history', 'front/unknown'].map((topic) => `topic write lintel/gate/${topic}`);
    const broker = await guarded(['user lintel', ...allowed, 'user door', 'topic read #']);
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', ['-u', 'door', '-P', 'door-secret']);
    const events = await startEvents({ url: broker.url, username: 'lintel' }, { password: 'lintel-secret' });
    await events.emit(aDraft());
    const unknown = await events.emit(aDraft(60_000, { type: 'unknown' }));
    await eventually(() => events.stats().pending === 0 && subscriber.history.length === 2);
    expect(subscriber.events).toEqual([unknown]);
    expect(subscriber.history.map(({ late }) => late)).toEqual([true, false]);
    expect(events.health().detail).toBe(
      'MQTT broker: it refuses lintel/gate/front/match: not authorised (reason code 135)',
    );
    expect(events.stats()).toMatchObject({ reconnects: 0, liveRefused: 1, live: 1, late: 1 });
  });
});

describe.skipIf(skip || lacks('brokers with TLS', 'openssl'))('a broker with TLS', () => {
  /** An authority and a certificate of it for 127.0.0.1, made for this test. */
  function certificates(): { ca: string; cert: string; key: string } {
    const folder = tempDir();
    const file = (name: string): string => join(folder, name);
    const openssl = (...args: string[]): void => {
      const made = spawnSync('openssl', args, { encoding: 'utf8' });
      if (made.status !== 0) throw new Error(`openssl ${args[0]}: ${made.stderr}`);
    };
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const ca = [...curve, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Test authority'];
    openssl('req', '-x509', '-days', '2', ...ca);
    openssl('req', ...curve, '-keyout', file('key'), '-out', file('request'), '-subj', '/CN=broker');
    writeFileSync(file('extensions'), 'subjectAltName=IP:127.0.0.1\n');
    const signing = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', file('request'), ...signing, '-extfile', file('extensions'), '-out', file('cert'));
    return { ca: file('ca.pem'), cert: file('cert'), key: file('key') };
  }

  async function tlsBroker(): Promise<{ broker: Mosquitto; url: string; ca: string }> {
    const { ca, cert, key } = certificates();
    const broker = await Mosquitto.start(['allow_anonymous true', `certfile ${cert}`, `keyfile ${key}`]);
    return { broker, url: broker.url.replace('mqtt:', 'mqtts:'), ca };
  }

  it('whose authority is configured is used', async () => {
    const { broker, url, ca } = await tlsBroker();
    const args = ['--cafile', ca];
    const subscriber = await Subscriber.start(broker.port, 'lintel/#', args);
    const events = await startEvents({ url, caFile: ca });
    const event = await events.emit(aDraft());
    await eventually(() => subscriber.events.length === 1);
    expect(subscriber.events).toEqual([event]);
  });

  it('of an unknown authority is refused and reported', async () => {
    const { url } = await tlsBroker();
    await declared(await startEvents({ url }), /^MQTT broker: TLS: .*(UNABLE_TO|SELF_SIGNED)/);
  });

  it('of another authority than the configured one is refused and reported', async () => {
    const { url } = await tlsBroker();
    await declared(await startEvents({ url, caFile: certificates().ca }), /TLS: .*/);
  });

  it('whose certificate is for another name is refused and reported', async () => {
    const { url, ca } = await tlsBroker();
    const events = await startEvents({ url: url.replace('127.0.0.1', 'localhost'), caFile: ca });
    await declared(events, /TLS: .*ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  it('that does not speak TLS is reported', async () => {
    const plain = await Mosquitto.start();
    const events = await startEvents({ url: plain.url.replace('mqtt:', 'mqtts:') });
    await declared(events, /TLS|connection was (closed|reset)|disconnected/i);
  });

  it.each([
    ['is not there', undefined, 'mqtt.caFile cannot be read'],
    ['is no certificate', 'not a certificate', 'mqtt.caFile does not hold a PEM certificate'],
  ])('is not even tried when the file of its authority %s', async (_, text, message) => {
    const caFile = join(tempDir(), 'ca.pem');
    if (text !== undefined) writeFileSync(caFile, text);
    const start = startEvents({ url: 'mqtts://127.0.0.1:1', caFile });
    await expect(start).rejects.toMatchObject({ code: 'CONFIG_INVALID', message });
  });
});

describe.skipIf(skip)('versions of MQTT', () => {
  it('a broker that speaks only 3.1.1 is used with 3.1.1', async () => {
    // Like Lintel's own, but open to everybody.
    const old = await Aedes.createBroker();
    const server = createServer((socket) => void old.handle(socket)).listen(0, '127.0.0.1');
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => old.close(resolve))));
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const events = await startEvents({ url: `mqtt://127.0.0.1:${port}` });
    await events.emit(aDraft());
    await eventually(() => events.stats().published === 1);
    expect(events.health()).toMatchObject({ status: 'ok', facts: { protocol: 'MQTT 3.1.1' } });
  });

  it('a broker that speaks 5 gets the expiry of an event', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.start(broker.port, 'lintel/+/+/match', [
      '-V',
      '5',
      '-F',
      'MESSAGE %q %r %t %E',
    ]);
    const events = await startEvents({ url: broker.url });
    await events.emit(aDraft(30_000));
    await events.emit(aDraft(900));
    await eventually(() => subscriber.messages.length === 2);
    const [long, short] = subscriber.messages.map(({ payload }) => Number(payload));
    expect(long).toBeGreaterThan(20);
    expect(long).toBeLessThan(30);
    expect(short).toBe(1);
  });
});
