// Messages that a broker does not take: they are set aside, everything else flows, and fresh matches wait for nothing.
import { createPublicKey } from 'node:crypto';
import mqttPacket from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { computeCommandMac } from '../../src/events/command.js';
import type { Events } from '../../src/events/events.js';
import { hashEvent } from '../../src/events/event-chain.js';
import { measurePublish } from '../../src/events/packet-size.js';
import { MessageVerifier } from '../../src/events/verify.js';
import { ScriptedBroker, type Answer, type ScriptedMessage, type Script } from './scripted-broker.js';
import { aDraft, eventually, IMPATIENT, openStore, range, recordingLog, SIGNING_KEY, startEvents } from './support.js';

const SNAPSHOT = Buffer.alloc(6_000, 7).toString('base64');
const SECRET = 'a-secret-of-these-tests';
const HOME_ASSISTANT = { homeAssistant: { discoveryPrefix: 'homeassistant', birthTopic: 'homeassistant/status' } };
const isHistory = ({ topic }: ScriptedMessage): boolean => topic.endsWith('/history');
const isMatch = ({ topic }: ScriptedMessage): boolean => topic.endsWith('/match');

/** Emits a fresh match, and returns the milliseconds until the broker accepted it. */
async function measureMatch(events: Events, broker: ScriptedBroker): Promise<number> {
  const beganMs = performance.now();
  const { sequence } = await events.emit(aDraft(5_000, { type: 'match' }));
  await expect
    .poll(() => broker.live.some((event) => event.sequence === sequence), { timeout: 5_000, interval: 2 })
    .toBe(true);
  return performance.now() - beganMs;
}

/** Checks everything that came on the history topic, in the order of arrival. */
function verifyHistory(broker: ScriptedBroker): {
  invalid: string[];
  missing: number;
  misplaced: number;
  declared: unknown;
} {
  const verifier = new MessageVerifier(createPublicKey(SIGNING_KEY), 0);
  const verdicts = broker.history.map((message) => verifier.check(JSON.stringify(message)));
  const invalid = verdicts.filter(({ verdict }) => verdict !== 'valid').map(({ notes }) => notes.join(', '));
  const [report] = verifier.reports();
  return {
    invalid,
    missing: report?.missing.length ?? -1,
    misplaced: report?.misplaced ?? -1,
    declared: report?.declared,
  };
}

const COMPLETE = { invalid: [], missing: 0, misplaced: 0, declared: [] };

describe('the size of a packet', () => {
  it.each([4, 5] as const)('of MQTT version %s is that of the packet that is sent', (version) => {
    for (const [bytes, qos, hasExpiry] of [
      [0, 1, false],
      [100, 0, false],
      [127, 1, true],
      [16_380, 1, true],
      [70_000, 1, false],
      [2_100_000, 0, true],
    ] as const) {
      const delivery = { topic: 'lintel/gäte/match', payload: Buffer.alloc(bytes) };
      const packet = {
        cmd: 'publish' as const,
        ...delivery,
        qos,
        retain: false,
        dup: false,
        ...(qos === 0 ? {} : { messageId: 7 }),
        ...(version === 5 && hasExpiry ? { properties: { messageExpiryInterval: 5 } } : {}),
      };
      const expected = mqttPacket.generate(packet, { protocolVersion: version }).length;
      expect(measurePublish(delivery, { version, qos, hasExpiry })).toBe(expected);
    }
  });
});

/** How brokers refuse a message that is too large. */
const KINDS: [name: string, script: (limit: number) => Script, reason: 'too-large' | 'refused'][] = [
  [
    'announces its limit',
    (limit) => ({ announce: { maximumPacketSize: limit }, answer: cutAbove(limit) }),
    'too-large',
  ],
  // As mosquitto 2.0 does with message_size_limit, although MQTT 5 has no such code in a PUBACK.
  ['closes the connection, MQTT 5', (limit) => ({ answer: cutAbove(limit) }), 'refused'],
  ['closes the connection, MQTT 3.1.1', (limit) => ({ version: 4, answer: cutAbove(limit) }), 'refused'],
  [
    'answers "packet too large"',
    (limit) => ({ answer: ({ bytes }) => (bytes > limit ? { puback: 149 } : 'accept') }),
    'refused',
  ],
  [
    'disconnects with "packet too large"',
    (limit) => ({ answer: ({ bytes }) => (bytes > limit ? { disconnect: 149 } : 'accept') }),
    'too-large',
  ],
];

function cutAbove(limit: number): (message: ScriptedMessage) => Answer {
  return ({ bytes }) => (bytes > limit ? 'cut' : 'accept');
}

describe.each(KINDS)('a broker that %s', (_, script, reason) => {
  it('gets events without their snapshots, a fresh match at once, and no other status', async () => {
    const broker = await ScriptedBroker.start(script(3_000));
    const events = await startEvents({ url: broker.url });
    await eventually(() => events.stats().connected);
    const whole = await events.emit(aDraft(5_000, { snapshot: SNAPSHOT }));
    const matchMs = await measureMatch(events, broker);
    await eventually(() => events.stats().pending === 0);
    expect(matchMs).toBeLessThan(1_000);
    expect(broker.live.find(({ sequence }) => sequence === 1)).toMatchObject({
      eventId: whole.eventId,
      snapshotOmitted: { hash: hashEvent(whole) },
    });
    expect(broker.history).toHaveLength(2);
    expect(broker.history[0]?.event?.snapshotOmitted).toEqual({ reason, hash: hashEvent(whole) });
    expect(verifyHistory(broker)).toEqual(COMPLETE);
    // At most one connection was lost: the one on which the message was sent for the first time.
    expect(broker.mainConnects.length).toBeLessThanOrEqual(2);
    expect(broker.wills.length).toBeLessThanOrEqual(1);
    expect(events.health()).toMatchObject({ status: 'degraded', facts: { pending: 0 } });
    expect(events.health().detail).toMatch(
      /^MQTT broker: it refuses snapshots on lintel\/gate\/(front\/match|history)/,
    );
    expect(events.stats()).toMatchObject({
      connected: true,
      setAside: 1,
      historyWithoutSnapshot: 1,
      historyRefused: 0,
    });
    // Nothing is tried again and again, and no later snapshot ends the connection.
    const connects = broker.mainConnects.length;
    await events.emit(aDraft(5_000, { snapshot: SNAPSHOT }));
    expect(await measureMatch(events, broker)).toBeLessThan(1_000);
    await eventually(() => events.stats().pending === 0);
    expect(broker.mainConnects).toHaveLength(connects);
    expect(verifyHistory(broker)).toEqual(COMPLETE);
  });

  it('gets a gap for an event that is too large without a snapshot, and everything else', async () => {
    const large = { externalImageId: 'a'.repeat(200) };
    const isLarge = ({ payload }: ScriptedMessage): boolean => payload.includes(large.externalImageId);
    // The gap, the other events and all live messages are smaller.
    const broker = await ScriptedBroker.start(script(1_050));
    const events = await startEvents({ url: broker.url });
    await eventually(() => events.stats().connected);
    for (const change of [{}, { ...large }, {}]) await events.emit(aDraft(5_000, change));
    await eventually(() => events.stats().pending === 0);
    expect(
      broker.received.some((message) => isHistory(message) && isLarge(message) && broker.accepted.includes(message)),
    ).toBe(false);
    expect(verifyHistory(broker)).toEqual({ ...COMPLETE, declared: [{ from: 2, to: 2, reason }] });
    expect(broker.history.find(({ gap }) => gap)?.gap).toMatchObject({ from: 2, to: 2, reason });
    expect(events.stats()).toMatchObject({ setAside: 1, historyRefused: 1, missing: 1, published: 2 });
    expect(events.health().detail).toMatch(/lintel\/gate/);
    // The third one comes twice where its acknowledgement is lost with a connection.
    expect([...new Set(broker.live.map(({ sequence }) => sequence))]).toEqual([1, 2, 3]);
    expect(await measureMatch(events, broker)).toBeLessThan(1_000);
  });
});

describe('what was set aside', () => {
  it('survives a restart, is named by the health, and is sent again when the broker allows more', async () => {
    const broker = await ScriptedBroker.start({ announce: { maximumPacketSize: 3_000 }, answer: cutAbove(3_000) });
    const store = await openStore();
    const first = await startEvents({ url: broker.url }, { store });
    const whole = await first.emit(aDraft(5_000, { snapshot: SNAPSHOT }));
    await first.emit(aDraft(5_000));
    await eventually(() => first.stats().pending === 0 && first.stats().setAside === 1);
    await first.stop();
    const second = await startEvents({ url: broker.url }, { store });
    await eventually(() => second.stats().connected);
    expect(second.health()).toMatchObject({
      status: 'degraded',
      detail: expect.stringMatching(
        /one event is set aside, because it refused snapshots on lintel\/gate\/history/,
      ) as string,
    });
    expect(broker.history).toHaveLength(2);
    broker.script = { announce: { maximumPacketSize: 30_000 }, answer: cutAbove(30_000) };
    broker.cutAll();
    await eventually(() => second.stats().setAside === 0);
    expect(broker.history.at(-1)).toMatchObject({ sequence: 1, again: true, event: whole });
    expect(second.health().status).toBe('ok');
    expect(verifyHistory(broker)).toEqual(COMPLETE);
    await second.stop();
    const third = await startEvents({ url: broker.url }, { store });
    expect(third.stats().setAside).toBe(0);
  });

  it('is sent again when an operator asks for it, and stays where the broker still refuses', async () => {
    const broker = await ScriptedBroker.start({
      answer: (message) =>
        isHistory(message) && message.payload.includes('"sequence":2') ? { puback: 153 } : 'accept',
    });
    const events = await startEvents({ url: broker.url });
    await eventually(() => events.stats().connected);
    for (let i = 0; i < 3; i++) await events.emit(aDraft(5_000));
    await eventually(() => events.stats().pending === 0);
    expect(verifyHistory(broker)).toEqual({ ...COMPLETE, declared: [{ from: 2, to: 2, reason: 'refused' }] });
    expect(broker.history.find(({ gap }) => gap)?.gap?.detail).toBe(
      'the payload format is not valid (reason code 153)',
    );
    expect(await events.resendSetAside()).toBe(0);
    expect(events.stats().setAside).toBe(1);
    broker.script = {};
    expect(await events.resendSetAside()).toBe(1);
    expect(events.stats().setAside).toBe(0);
    expect(verifyHistory(broker)).toEqual(COMPLETE);
  });
});

describe('a topic that a broker does not take', () => {
  const topics: [name: string, isRefused: (message: ScriptedMessage) => boolean][] = [
    ['of the history', isHistory],
    ['of matches', isMatch],
    ['of the status', ({ topic }) => topic.endsWith('/status')],
  ];
  const ways: [name: string, answer: Answer, version: 4 | 5][] = [
    ['not authorised', { puback: 135 }, 5],
    ['topic name invalid', { puback: 144 }, 5],
    ['the end of the connection', 'cut', 4],
    ['a DISCONNECT', { disconnect: 135 }, 5],
    ['silence', 'silent', 5],
  ];
  it.each(
    topics.flatMap(([name, isRefused]) =>
      ways.map(([way, answer, version]) => ({ name, isRefused, way, answer, version })),
    ),
  )(
    '$name, $way: everything else flows, and the health names it',
    async ({ isRefused, answer, version }) => {
      const broker = await ScriptedBroker.start({
        version,
        answer: (message) => (isRefused(message) ? answer : 'accept'),
      });
      const log = recordingLog();
      const events = await startEvents({ url: broker.url }, { timing: IMPATIENT, log });
      await events.emit(aDraft(5_000));
      await events.emit(aDraft(5_000, { type: 'unknown' }));
      await expect
        .poll(() => events.health().detail, { timeout: 10_000 })
        .toMatch(/^MQTT broker: it refuses lintel\/gate\/\S+: /);
      const topic = /refuses (\S+):/.exec(events.health().detail ?? '')?.[1] ?? '';
      expect(isRefused({ topic } as ScriptedMessage)).toBe(true);
      // From now on the connection stands, and is tried alone only.
      const connects = broker.mainConnects.length;
      const fresh = await events.emit(
        aDraft(5_000, { type: isRefused({ topic: '/match' } as ScriptedMessage) ? 'unknown' : 'match' }),
      );
      const beganMs = performance.now();
      await eventually(() => broker.live.some(({ sequence }) => sequence === fresh.sequence));
      expect(performance.now() - beganMs).toBeLessThan(500);
      if (!isRefused({ topic: '/history' } as ScriptedMessage)) {
        await eventually(() => events.stats().pending === 0);
        expect(broker.history.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
        expect(verifyHistory(broker)).toEqual(COMPLETE);
      } else expect(events.stats()).toMatchObject({ pending: 3, setAside: 0 });
      expect(broker.mainConnects).toHaveLength(connects);
      expect(events.stats().connected).toBe(true);
      // It is taken again when the broker allows it: on the next connection at the latest.
      broker.script = { version };
      broker.cutAll();
      await eventually(() => events.stats().pending === 0);
      await events.emit(aDraft(5_000));
      await eventually(() => broker.live.some(({ sequence, type }) => sequence === 4 && type === 'match'));
      await eventually(() => events.health().status === 'ok');
      expect(log.lines.filter(({ message }) => message.includes('refuses messages')).length).toBeLessThanOrEqual(2);
    },
    30_000,
  );
});

describe('a broker that announces', () => {
  it('Maximum QoS 0 and no retained messages gets everything so, also the will', async () => {
    const broker = await ScriptedBroker.start({
      announce: { maximumQoS: 0, retainAvailable: false },
      connect: ({ will }) => (will?.retain ? 154 : will?.qos ? 155 : 0),
      answer: ({ qos, retain }) => (qos > 0 || retain ? 'cut' : 'accept'),
    });
    const events = await startEvents({ url: broker.url, ...HOME_ASSISTANT });
    for (let i = 0; i < 40; i++) await events.emit(aDraft(5_000));
    await eventually(() => events.stats().pending === 0 && broker.history.length === 40);
    expect(broker.history.map(({ late }) => late)).toEqual(Array(40).fill(false));
    // The will was refused twice before.
    expect(broker.connects.map(({ will }) => [will?.qos, will?.retain])).toEqual([
      [1, true],
      [1, false],
      [0, false],
    ]);
    expect(events.health()).toMatchObject({ status: 'ok', facts: { maximumQos: 0, retainAvailable: false } });
    expect(await measureMatch(events, broker)).toBeLessThan(1_000);
  });

  it('Receive Maximum 1 never gets two messages at once, and a match overtakes the backlog', async () => {
    const broker = await ScriptedBroker.start({
      announce: { receiveMaximum: 1 },
      answer: () => 'accept',
    });
    const events = await startEvents({ url: broker.url, ...HOME_ASSISTANT });
    await Promise.all(range(1, 300).map(() => events.emit(aDraft(0))));
    expect(await measureMatch(events, broker)).toBeLessThan(1_000);
    await eventually(() => events.stats().pending === 0);
    expect(broker.mostInFlight).toBe(1);
    expect(events.stats().reconnects).toBe(0);
  });

  it('a small Maximum Packet Size gets a status that fits, and no announcement that does not', async () => {
    const broker = await ScriptedBroker.start({ announce: { maximumPacketSize: 220 }, answer: cutAbove(220) });
    const deviceHealth = () => ({ status: 'ok' as const, parts: { 'camera:front': 'ok' as const } });
    const mqtt = { url: broker.url, ...HOME_ASSISTANT };
    const events = await startEvents(mqtt, { deviceHealth });
    await eventually(() => events.stats().connected);
    await events.emit(aDraft(5_000));
    await eventually(() => events.health().detail?.includes('more topics') === true);
    expect(JSON.parse(broker.statuses[0] ?? '')).toMatchObject({ status: 'online', deviceId: 'gate' });
    expect(broker.wills).toEqual([]);
    expect(events.stats()).toMatchObject({ connected: true, reconnects: 0, pending: 1 });
  });

  it('Server Keep Alive 1 gets a PINGREQ within it', async () => {
    const broker = await ScriptedBroker.start({ announce: { serverKeepAlive: 1 } });
    const events = await startEvents({ url: broker.url });
    await eventually(() => events.stats().connected);
    const { pings } = broker;
    const beganMs = performance.now();
    await eventually(() => broker.pings > pings);
    expect(performance.now() - beganMs).toBeLessThan(1_500);
    expect(events.stats().reconnects).toBe(0);
  });
});

describe('a picture that answers a command', () => {
  it('and that the broker does not take is answered as refused', async () => {
    const broker = await ScriptedBroker.start({ announce: { maximumPacketSize: 3_000 }, answer: cutAbove(3_000) });
    const commands = {
      pause: async () => undefined,
      resume: async () => undefined,
      snapshot: async () => Buffer.alloc(5_000),
    };
    const events = await startEvents({ url: broker.url }, { commandSecret: SECRET, commands });
    await eventually(() => events.stats().connected);
    const issuedAt = new Date().toISOString();
    const unsealed = {
      version: 1,
      id: 'the-command',
      deviceId: 'gate',
      command: 'snapshot',
      cameraId: 'front',
      issuedAt,
    } as const;
    broker.publish('lintel/gate/command', JSON.stringify({ ...unsealed, mac: computeCommandMac(unsealed, SECRET) }));
    await eventually(() => broker.accepted.some(({ topic }) => topic === 'lintel/gate/command/result'));
    const results = broker.accepted.filter(({ topic }) => topic === 'lintel/gate/command/result');
    expect(results.map(({ payload }) => JSON.parse(payload) as object)).toEqual([
      { version: 1, id: 'the-command', ok: false, error: 'PICTURE_REFUSED' },
    ]);
    expect(events.health().detail).toMatch(/it refuses lintel\/gate\/front\/snapshot: the message has \d+ bytes/);
    expect(events.stats().reconnects).toBe(0);
  });
});

describe('a broker that acknowledges nothing', () => {
  it('gets a fresh match on each connection, and is declared', async () => {
    const broker = await ScriptedBroker.start({ answer: () => 'silent' });
    const events = await startEvents({ url: broker.url }, { timing: IMPATIENT });
    const { sequence } = await events.emit(aDraft(1_500));
    const came = ({ payload, topic }: ScriptedMessage): boolean =>
      topic.endsWith('/match') && payload.includes(`"sequence":${sequence},`);
    await eventually(() => broker.received.some(came));
    await expect.poll(() => events.health().detail).toMatch(/no PUBACK within 400 ms/);
    expect(events.stats()).toMatchObject({ connected: false, pending: 1, setAside: 0, missing: 0 });
    broker.script = {};
    // Topics that seem closed are tried after a while, and at once on the next connection.
    broker.cutAll();
    await eventually(() => events.stats().pending === 0);
    await eventually(() => events.health().status === 'ok');
    expect(verifyHistory(broker)).toEqual(COMPLETE);
  });
});

describe('a broker that takes no message now', () => {
  it('(quota exceeded) gets everything later, and nothing is set aside', async () => {
    let isFull = true;
    const broker = await ScriptedBroker.start({
      answer: (message) => (isFull && (isHistory(message) || isMatch(message)) ? { puback: 151 } : 'accept'),
    });
    const events = await startEvents({ url: broker.url });
    await eventually(() => events.stats().connected);
    for (let i = 0; i < 5; i++) await events.emit(aDraft(10_000));
    await eventually(() => events.health().detail?.includes('the quota is exceeded') === true);
    const received = broker.received.length;
    isFull = false;
    await eventually(() => events.stats().pending === 0);
    expect(received).toBeLessThan(100);
    expect(events.stats()).toMatchObject({ setAside: 0, missing: 0, live: 5, published: 5, reconnects: 0 });
    await eventually(() => events.health().status === 'ok');
  });

  it('(no reason given for any message) gets everything later, and nothing is set aside', async () => {
    let isIll = true;
    const broker = await ScriptedBroker.start({
      answer: (message) => (isIll && isHistory(message) ? { puback: 128 } : 'accept'),
    });
    const events = await startEvents({ url: broker.url });
    await Promise.all(range(1, 40).map(() => events.emit(aDraft(5_000))));
    await eventually(() => events.health().detail?.includes('lintel/gate/history') === true);
    isIll = false;
    await eventually(() => events.stats().pending === 0);
    // Only the oldest event was offered as a gap: those behind it in flight would have arrived when the broker was well again.
    const gaps = broker.received.filter(isHistory).filter(({ payload }) => payload.includes('"gap":'));
    expect(gaps.length).toBeGreaterThan(0);
    for (const { payload } of gaps) expect(JSON.parse(payload)).toMatchObject({ gap: { from: 1, to: 1 } });
    expect(events.stats()).toMatchObject({ setAside: 0, missing: 0, published: 40 });
    expect(verifyHistory(broker)).toEqual(COMPLETE);
  });
});

describe('a broker that restarts at random while a backlog is in flight', () => {
  it('gets every event whole: no message is taken for the reason', async () => {
    const broker = await ScriptedBroker.start();
    const events = await startEvents({ url: broker.url });
    const snapshot = SNAPSHOT;
    await Promise.all(range(1, 300).map(() => events.emit(aDraft(0, { snapshot }))));
    for (let round = 0; round < 30 && events.stats().pending > 0; round++) {
      const before = broker.received.length;
      await eventually(() => broker.received.length > before + (round % 7) || events.stats().pending === 0);
      broker.cutAll();
    }
    await eventually(() => events.stats().pending === 0);
    expect(events.stats()).toMatchObject({ setAside: 0, missing: 0, historyWithoutSnapshot: 0, published: 300 });
    expect(broker.history.every(({ event }) => event?.snapshot === snapshot)).toBe(true);
  });
});

describe('another client with the same id', () => {
  it.each([5, 4] as const)(
    'slows the attempts down, is named, and a match still arrives (MQTT version %s)',
    async (version) => {
      let accepted = 0;
      const broker = await ScriptedBroker.start({
        version,
        answer: ({ topic }) => {
          accepted++;
          // The other client takes over soon after the status.
          if (topic.endsWith('/status')) setTimeout(() => broker.takeOver(), 20);
          return 'accept';
        },
      });
      const events = await startEvents({ url: broker.url });
      await eventually(() => events.health().detail?.includes('deviceId of its own') === true);
      const connects = broker.mainConnects.length;
      const beganMs = performance.now();
      expect(await measureMatch(events, broker)).toBeLessThan(2_000);
      await eventually(() => performance.now() - beganMs > 1_500);
      expect(broker.mainConnects.length - connects).toBeLessThan(20);
      expect(events.health().detail).toMatch(/deviceId of its own/);
      expect(accepted).toBeGreaterThan(0);
    },
  );
});

describe('a broker that closes the connection at one message', () => {
  const isGuilty = (message: ScriptedMessage): boolean =>
    isHistory(message) && message.payload.includes('"sequence":20,');
  it.each([
    ['refuses it', { connect: ({ clientId }) => (clientId.includes('-trial') ? 135 : 0) }],
    ['takes it for the first one', { isOneClient: true }],
    // It has room.
    ['has room after all', {}],
  ] as [string, Script][])(
    'and %s where Lintel opens a second connection: it gets everything else',
    async (_, script) => {
      const broker = await ScriptedBroker.start({
        ...script,
        version: 4,
        answer: (message) => (isGuilty(message) ? 'cut' : 'accept'),
      });
      const events = await startEvents({ url: broker.url });
      await Promise.all(range(1, 40).map(() => events.emit(aDraft(0))));
      await eventually(() => events.stats().pending === 0);
      expect(verifyHistory(broker)).toEqual({ ...COMPLETE, declared: [{ from: 20, to: 20, reason: 'refused' }] });
      expect(events.stats()).toMatchObject({ setAside: 1, missing: 1, published: 39 });
      expect(broker.mainConnects.length).toBeLessThan(12);
      expect(await measureMatch(events, broker)).toBeLessThan(1_000);
    },
  );
});
