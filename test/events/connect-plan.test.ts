// How connections are introduced and paced: versions, wills, and pauses for each way in which a broker ends them.
import { describe, expect, it } from 'vitest';
import { BrokerFailure } from '../../src/events/broker-failure.js';
import { ConnectPlan } from '../../src/events/connect-plan.js';
import { ReconnectPace } from '../../src/events/reconnect-pace.js';
import { ScriptedBroker } from './scripted-broker.js';
import { aDraft, eventually, startEvents } from './support.js';

const CUT = new BrokerFailure('the connection was closed', { kind: 'cut' });
const AWAY = new BrokerFailure('connection refused');
const TAKEN_OVER = new BrokerFailure('taken over', { reasonCode: 142 });

describe('the plan of the next connection', () => {
  it('tries MQTT 3.1.1, and then no will, where the broker ends the attempts, and begins anew after it was away', () => {
    const plan = new ConnectPlan([5, 4]);
    const tries: [number, boolean][] = [];
    for (let i = 0; i < 9; i++) {
      tries.push([plan.version, plan.will !== undefined]);
      plan.refused(CUT);
    }
    const twice = (version: number, hasWill: boolean): [number, boolean][] => [
      [version, hasWill],
      [version, hasWill],
    ];
    expect(tries).toEqual([...twice(5, true), ...twice(4, true), ...twice(5, false), ...twice(4, false), [5, true]]);
    plan.refused(AWAY);
    expect([plan.version, plan.will]).toEqual([5, { qos: 1, retain: true }]);
  });

  it('tries the first introduction once more where another one passed, and keeps what passes then', () => {
    const plan = new ConnectPlan([5, 4]);
    plan.refused(CUT);
    plan.refused(CUT);
    expect([plan.version, plan.accepted(), plan.version]).toEqual([4, false, 5]);
    // A proxy before an absent broker ended the attempts: now the broker is back.
    expect([plan.accepted(), plan.version]).toEqual([true, 5]);
    for (let i = 0; i < 2; i++) plan.refused(CUT);
    expect(plan.accepted()).toBe(false);
    for (let i = 0; i < 2; i++) plan.refused(CUT);
    expect([plan.version, plan.accepted(), plan.version]).toEqual([4, true, 4]);
    // The next connection begins with what passed.
    expect([plan.accepted(), plan.version]).toEqual([true, 4]);
  });

  it.each([
    [155, { qos: 0, retain: true }],
    [154, { qos: 1, retain: false }],
    [149, undefined],
    [135, { qos: 1, retain: true }],
  ])('after a CONNACK with reason code %s has the will %o', (reasonCode, will) => {
    const plan = new ConnectPlan([5, 4]);
    plan.refused(new BrokerFailure('refused', { reasonCode }));
    expect(plan.will).toEqual(will);
    expect(plan.willRefusal !== undefined).toBe(will === undefined);
  });
});

describe('the pause before the next connection', () => {
  const timing = { backoffFirstMs: 250, backoffMaxMs: 10_000 };
  const newPace = (): { pace: ReconnectPace; clock: { ms: number } } => {
    const clock = { ms: 0 };
    return { pace: new ReconnectPace(timing, { monotonic: () => clock.ms, random: () => 0 }), clock };
  };

  it('grows while the broker is away, and begins anew when it took an event', () => {
    const { pace } = newPace();
    expect([1, 2, 3, 4, 5, 6, 7].map(() => pace.next(AWAY))).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000]);
    pace.connected();
    pace.proved();
    expect(pace.next(AWAY)).toBe(250);
    expect(pace.describe('lintel-gate')).toBeUndefined();
  });

  it('is long while another client takes over the session, until a connection stands for a minute', () => {
    const { pace, clock } = newPace();
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      pace.connected();
      pace.proved();
      clock.ms += 50;
      pauses.push(pace.next(TAKEN_OVER));
    }
    expect(pauses).toEqual([1_500, 3_000, 6_000, 12_000, 24_000, 48_000, 60_000]);
    expect(pace.describe('lintel-gate')).toMatch(/^another client connects as lintel-gate: .* 7 times\)$/);
    pace.connected();
    clock.ms += 59_000;
    expect(pace.describe('lintel-gate')).toBeDefined();
    clock.ms += 1_000;
    expect(pace.describe('lintel-gate')).toBeUndefined();
    expect(pace.next(AWAY)).toBe(250);
  });

  it('is that of a fight where a broker that is never away closes three connections, and gives no reason', () => {
    const { pace } = newPace();
    const end = (): number => {
      pace.connected();
      pace.proved();
      return pace.next(CUT);
    };
    expect([end(), end(), end()]).toEqual([250, 250, 1_500]);
    expect(pace.describe('lintel-gate')).toMatch(/closed 3 connections in a row.*perhaps another client/);
    pace.next(AWAY);
    expect(pace.describe('lintel-gate')).toBeUndefined();
  });

  it('is short while a fresh event waits', () => {
    const { pace } = newPace();
    expect([pace.readUrgentMs(60_000), pace.readUrgentMs(300)]).toEqual([1_000, 300]);
  });
});

describe('a broker that', () => {
  it('was absent behind a proxy gets MQTT 5 and the will when it is back', async () => {
    let attempts = 0;
    const broker = await ScriptedBroker.start({ connect: () => (++attempts <= 5 ? 'cut' : 0) });
    const events = await startEvents({ url: broker.url });
    await events.emit(aDraft());
    await eventually(() => events.stats().pending === 0 && events.stats().connected);
    expect(broker.connects.at(-1)).toMatchObject({ protocolVersion: 5, will: { topic: 'lintel/gate/status' } });
    expect(events.health()).toMatchObject({ status: 'ok', facts: { protocol: 'MQTT 5' } });
    expect(broker.statuses).toHaveLength(1);
    expect(events.stats().reconnects).toBe(0);
  });

  it('closes the connection at MQTT 5 is used with MQTT 3.1.1', async () => {
    const broker = await ScriptedBroker.start({
      connect: ({ protocolVersion }) => (protocolVersion === 5 ? 'cut' : 0),
    });
    const events = await startEvents({ url: broker.url });
    await events.emit(aDraft());
    await eventually(() => events.stats().pending === 0);
    expect(events.health()).toMatchObject({ status: 'ok', facts: { protocol: 'MQTT 3.1.1' } });
  });

  it('closes the connection at the will is used without one, and the health says so', async () => {
    const broker = await ScriptedBroker.start({ connect: ({ will }) => (will ? 'cut' : 0) });
    const events = await startEvents({ url: broker.url });
    await events.emit(aDraft());
    await eventually(() => events.stats().pending === 0 && events.stats().connected);
    expect(events.health()).toMatchObject({
      status: 'degraded',
      detail: 'MQTT broker: it refuses the will on lintel/gate/status: the broker ends the connection at it',
    });
  });

  it('answers with a CONNACK that the packet with the will is too large is used without it', async () => {
    const broker = await ScriptedBroker.start({ connect: ({ will }) => (will ? 149 : 0) });
    const events = await startEvents({ url: broker.url });
    await events.emit(aDraft());
    await eventually(() => events.stats().pending === 0 && events.stats().connected);
    expect(events.health().detail).toMatch(/refuses the will on lintel\/gate\/status: the packet is too large/);
  });
});
