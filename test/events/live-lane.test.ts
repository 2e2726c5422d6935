// The live lane and its drain: what is fresh goes out, ahead of everything; what is not never does; and each event has one fate.
import { describe, expect, it } from 'vitest';
import type { RecognitionEvent } from '../../src/events/event.js';
import { LiveDrain } from '../../src/events/live-drain.js';
import { EXPIRY_GUARD_MS, LiveLane, type LiveLaneOptions } from '../../src/events/live-lane.js';
import { SendWindow } from '../../src/events/send-window.js';
import type { Sending, SendOutcome } from '../../src/events/sender.js';
import { anEvent, eventually, range } from './support.js';

/** Both clocks, which may go apart. */
class Clocks {
  nowMs = Date.UTC(2026, 2, 1, 12);
  runningMs = 1_000;
  readonly clock = (): number => this.nowMs;
  readonly monotonic = (): number => this.runningMs;

  advance(byMs: number): void {
    this.nowMs += byMs;
    this.runningMs += byMs;
  }

  event(sequence: number, ttlMs = 5_000): RecognitionEvent {
    const decidedAt = new Date(this.nowMs).toISOString();
    const expiresAt = new Date(this.nowMs + ttlMs).toISOString();
    return anEvent({ sequence, decidedAt, expiresAt });
  }
}

function newLane(clocks: Clocks, options: Partial<LiveLaneOptions> = {}): LiveLane {
  return new LiveLane({ ...clocks, ...options });
}

describe('an event in the live lane', () => {
  it('is taken once, in its order, and acknowledged', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    for (const n of [1, 2, 3]) lane.add(clocks.event(n));
    const [first, second] = [lane.take(), lane.take()];
    expect([first, second].map((one) => one?.event.sequence)).toEqual([1, 2]);
    expect(lane.readFate(1)).toEqual({ state: 'open', untilMs: 5_000 });
    expect(lane.readFate(3)).toEqual({ state: 'open', untilMs: 5_000 - EXPIRY_GUARD_MS });
    first?.acknowledged();
    expect(lane.readFate(1)).toEqual({ state: 'acknowledged' });
    expect(lane.take()?.event.sequence).toBe(3);
    expect(lane.hasWaiting).toBe(false);
    expect(lane.take()).toBeUndefined();
    expect(lane.stats()).toEqual({ live: 1, late: 0 });
  });

  it('is late when the clock shows a time before its decision, because it was set back', () => {
    const clocks = new Clocks();
    const event = clocks.event(1);
    clocks.nowMs -= 3_600_000;
    const lane = newLane(clocks);
    lane.add(event);
    expect(lane.take()).toBeUndefined();
    expect(lane.readFate(1)).toEqual({ state: 'late' });
  });

  it('does not live longer than from its decision to its expiry when the clock was set back a little', () => {
    const clocks = new Clocks();
    const event = clocks.event(1);
    clocks.nowMs -= 90;
    const lane = newLane(clocks);
    lane.add(event);
    expect(lane.readFate(1)).toEqual({ state: 'open', untilMs: 5_000 - EXPIRY_GUARD_MS });
  });

  it('that lives for the shortest time is taken all the same', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    const capturedAt = new Date(clocks.nowMs).toISOString();
    clocks.advance(60);
    lane.add({ ...clocks.event(1, 40), capturedAt });
    clocks.advance(29);
    expect(lane.hasWaiting).toBe(true);
    clocks.advance(1);
    expect(lane.hasWaiting).toBe(false);
  });

  it('is taken again when its connection ended first, and never after its acknowledgement', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    lane.add(clocks.event(1));
    lane.take()?.failed();
    const again = lane.take();
    expect(again?.event.sequence).toBe(1);
    again?.acknowledged();
    again?.failed();
    clocks.advance(10_000);
    expect(lane.take()).toBeUndefined();
    expect(lane.readFate(1)).toEqual({ state: 'acknowledged' });
  });

  it.each([
    ['just before', EXPIRY_GUARD_MS + 1, true],
    ['within', EXPIRY_GUARD_MS, false],
    ['after', -1, false],
  ])('%s the guard before its expiry: taken: %s ms left, %s', (_, leftMs, isTaken) => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    lane.add(clocks.event(1));
    clocks.advance(5_000 - leftMs);
    expect(lane.hasWaiting).toBe(isTaken);
    expect(lane.take() !== undefined).toBe(isTaken);
    expect(lane.readFate(1).state).toBe(isTaken ? 'open' : 'late');
  });

  it('is late at once when it has expired, or when its expiry cannot be parsed', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    lane.add(clocks.event(1, 0));
    lane.add({ ...clocks.event(2), expiresAt: 'soon' });
    expect(lane.take()).toBeUndefined();
    expect(lane.readFate(1)).toEqual({ state: 'late' });
    expect(lane.readFate(2)).toEqual({ state: 'late' });
    expect(lane.stats()).toEqual({ live: 0, late: 2 });
  });

  it('stays late, even if an acknowledgement comes', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    lane.add(clocks.event(1));
    const delivery = lane.take();
    clocks.advance(4_999);
    expect(lane.readFate(1).state).toBe('open');
    clocks.advance(1);
    expect(lane.readFate(1)).toEqual({ state: 'late' });
    delivery?.acknowledged();
    expect(lane.readFate(1)).toEqual({ state: 'late' });
    expect(lane.stats()).toEqual({ live: 0, late: 1 });
  });

  it('is late when its acknowledgement comes after its expiry, whether its fate was read before or not', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    lane.add(clocks.event(1));
    const delivery = lane.take();
    clocks.advance(5_001);
    delivery?.acknowledged();
    expect(lane.readFate(1)).toEqual({ state: 'late' });
  });

  it('does not become fresh again when the clock is set back, and expires when it is set forward', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    lane.add(clocks.event(1));
    clocks.advance(6_000);
    clocks.nowMs -= 3_600_000;
    expect(lane.take()).toBeUndefined();
    lane.add(clocks.event(2));
    clocks.nowMs += 3_600_000;
    expect(lane.take()).toBeUndefined();
  });

  it('gives way to newer ones when there are too many, or too many bytes', () => {
    const clocks = new Clocks();
    const few = newLane(clocks, { maxEvents: 3 });
    for (const n of range(1, 5)) few.add(clocks.event(n));
    expect([few.take(), few.take(), few.take(), few.take()].map((one) => one?.event.sequence)).toEqual([
      3,
      4,
      5,
      undefined,
    ]);
    expect(few.readFate(2)).toEqual({ state: 'late' });
    const bytes = JSON.stringify(clocks.event(1)).length;
    const small = newLane(clocks, { maxBytes: 2 * bytes + 10 });
    for (const n of range(1, 5)) small.add(clocks.event(n));
    expect(small.take()?.event.sequence).toBe(4);
    expect(small.stats().late).toBe(3);
  });

  it('is forgotten when the history has settled it', () => {
    const clocks = new Clocks();
    const lane = newLane(clocks);
    for (const n of [1, 2]) {
      lane.add(clocks.event(n));
      lane.take()?.acknowledged();
    }
    lane.settle(1);
    expect(lane.readFate(1).state).toBe('late');
    expect(lane.readFate(2).state).toBe('acknowledged');
  });
});

/** A broker that answers pings and messages when the test says so. */
class Broker {
  readonly published: number[] = [];
  readonly #acks = new Map<number, { resolve: (outcome: SendOutcome) => void; reject: (error: Error) => void }>();
  #pong: (() => void) | undefined;
  heardAtMs = -Infinity;
  probes = 0;
  isAside = false;

  readonly publish = ({ sequence }: RecognitionEvent): Sending => {
    this.published.push(sequence);
    const outcome = new Promise<SendOutcome>((resolve, reject) => this.#acks.set(sequence, { resolve, reject }));
    return { bytes: 100, isAside: this.isAside, outcome };
  };

  readonly probe = (): Promise<void> => {
    this.probes++;
    return new Promise((resolve) => (this.#pong = resolve));
  };

  pong(nowMs: number): void {
    this.heardAtMs = nowMs;
    this.#pong?.();
  }

  acknowledge(...sequences: number[]): void {
    this.answer({ state: 'accepted', form: 0, refusal: undefined }, ...sequences);
  }

  answer(outcome: SendOutcome, ...sequences: number[]): void {
    for (const sequence of sequences) this.#acks.get(sequence)?.resolve(outcome);
  }

  /** The connection ends. */
  refuse(sequence: number): void {
    this.#acks.get(sequence)?.reject(new Error('no'));
  }
}

function newDrain(lane: LiveLane, broker: Broker, { monotonic }: Clocks): { drain: LiveDrain; run: Promise<void> } {
  const drain = new LiveDrain({
    lane,
    window: new SendWindow(20),
    publish: broker.publish,
    heardAtMs: () => broker.heardAtMs,
    probe: broker.probe,
    monotonic,
    onAcknowledged: () => undefined,
  });
  const run = drain.run();
  run.catch(() => undefined);
  return { drain, run };
}

describe('the drain of the live lane', () => {
  it('publishes nothing to a broker that does not answer, and never what expires meanwhile', async () => {
    const clocks = new Clocks();
    const [lane, broker] = [newLane(clocks), new Broker()];
    lane.add(clocks.event(1, 1_000));
    lane.add(clocks.event(2, 9_000));
    const { drain } = newDrain(lane, broker, clocks);
    await eventually(() => broker.probes === 1);
    lane.add(clocks.event(3, 9_000));
    drain.wake();
    clocks.advance(3_000);
    expect(broker.published).toEqual([]);
    broker.pong(clocks.runningMs);
    await eventually(() => broker.published.length === 2);
    expect(broker.published).toEqual([2, 3]);
    expect(broker.probes).toBe(1);
  });

  it('probes a broker that was not heard for a while, and not before', async () => {
    const clocks = new Clocks();
    const [lane, broker] = [newLane(clocks), new Broker()];
    broker.heardAtMs = clocks.runningMs;
    const { drain } = newDrain(lane, broker, clocks);
    lane.add(clocks.event(1));
    drain.wake();
    await eventually(() => broker.published.length === 1);
    expect(broker.probes).toBe(0);
    clocks.advance(101);
    lane.add(clocks.event(2));
    drain.wake();
    await eventually(() => broker.probes === 1);
    expect(broker.published).toEqual([1]);
  });

  it('probes a silent broker while an event is being stored, so that the event need not wait for it', async () => {
    const clocks = new Clocks();
    const [lane, broker] = [newLane(clocks), new Broker()];
    broker.heardAtMs = clocks.runningMs;
    const { drain } = newDrain(lane, broker, clocks);
    drain.prove();
    expect(broker.probes).toBe(0);
    clocks.advance(101);
    drain.prove();
    expect(broker.probes).toBe(1);
    broker.pong(clocks.runningMs);
    lane.add(clocks.event(1));
    drain.wake();
    await eventually(() => broker.published.length === 1);
    expect(broker.probes).toBe(1);
  });

  it('has few messages without a PUBACK at a time', async () => {
    const clocks = new Clocks();
    const [lane, broker] = [newLane(clocks), new Broker()];
    broker.heardAtMs = clocks.runningMs;
    for (const n of range(1, 10)) lane.add(clocks.event(n));
    const { drain, run } = newDrain(lane, broker, clocks);
    await eventually(() => broker.published.length === 4);
    broker.acknowledge(2);
    await eventually(() => broker.published.length === 5);
    expect(broker.published).toEqual(range(1, 5));
    drain.finish();
    for (const n of range(1, 10)) {
      await eventually(() => broker.published.includes(n));
      broker.acknowledge(n);
    }
    await run;
    expect(lane.stats()).toEqual({ live: 10, late: 0 });
  });

  it('ends with a refusal, and the next drain publishes the events without a PUBACK', async () => {
    const clocks = new Clocks();
    const [lane, broker] = [newLane(clocks), new Broker()];
    broker.heardAtMs = clocks.runningMs;
    for (const n of [1, 2, 3]) lane.add(clocks.event(n));
    const { run } = newDrain(lane, broker, clocks);
    await eventually(() => broker.published.length === 3);
    broker.acknowledge(2);
    await eventually(() => lane.stats().live === 1);
    broker.refuse(1);
    broker.refuse(3);
    await expect(run).rejects.toThrow('no');
    const next = new Broker();
    next.heardAtMs = clocks.runningMs;
    newDrain(lane, next, clocks);
    await eventually(() => next.published.length === 2);
    expect(next.published).toEqual([1, 3]);
  });

  it('ends with the failure of the connection while it waits', async () => {
    const clocks = new Clocks();
    const { drain, run } = newDrain(newLane(clocks), new Broker(), clocks);
    drain.fail(new Error('the connection was closed'));
    await expect(run).rejects.toThrow('the connection was closed');
  });
});
