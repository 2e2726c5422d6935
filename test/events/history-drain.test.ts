// The drain of the history: order, window, fates, acknowledgements and failures, without a broker.
import { describe, expect, it } from 'vitest';
import { NO_HASH } from '../../src/events/event-chain.js';
import {
  HistoryDrain,
  type HistoryOutcome,
  type HistoryReceipt,
  type HistorySending,
} from '../../src/events/history-drain.js';
import type { HistoryRecord, HistorySource } from '../../src/events/history.js';
import type { LiveFate } from '../../src/events/live-lane.js';
import { SendWindow } from '../../src/events/send-window.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { anEvent, eventually } from './support.js';

/** Records in memory. */
class Source implements HistorySource {
  readonly records: HistoryRecord[] = [];
  settled = 0;
  reads = 0;
  failure: Error | undefined;

  add(count = 1): this {
    for (let i = 0; i < count; i++) {
      const sequence = (this.records.at(-1)?.sequence ?? 0) + 1;
      this.records.push({ sequence, event: anEvent({ sequence }) });
    }
    return this;
  }

  addGap(numbers: number): this {
    const from = (this.records.at(-1)?.sequence ?? 0) + 1;
    const to = from + numbers - 1;
    this.records.push({ sequence: to, gap: { from, to, reason: 'removed', previous: NO_HASH } });
    return this;
  }

  async read(after: number, limit: number): Promise<HistoryRecord[]> {
    this.reads++;
    if (this.failure) throw this.failure;
    return this.records.filter(({ sequence }) => sequence > after && sequence > this.settled).slice(0, limit);
  }

  settle(through: number): void {
    expect(through).toBeGreaterThan(this.settled);
    this.settled = through;
  }
}

/** A broker that acknowledges when the test says so. */
class Broker {
  readonly published: [sequence: number, late: boolean][] = [];
  bytes = 100;
  isAside = false;
  /** Records that are declared as gaps, because the broker takes nothing else. */
  readonly gaps = new Set<number>();
  readonly #waiting = new Map<number, { resolve: (receipt: HistoryReceipt) => void; reject: (error: Error) => void }>();

  readonly publish = (record: HistoryRecord, late: boolean): HistorySending => {
    const { sequence } = record;
    this.published.push([sequence, late]);
    const receipt = new Promise<HistoryReceipt>((resolve, reject) => this.#waiting.set(sequence, { resolve, reject }));
    return { bytes: this.bytes, isAside: this.isAside, receipt };
  };

  get sequences(): number[] {
    return this.published.map(([sequence]) => sequence);
  }

  acknowledge(...sequences: number[]): void {
    for (const sequence of sequences) {
      const isGap = this.gaps.has(sequence);
      this.#waiting.get(sequence)?.resolve({ state: 'taken', isGap });
    }
  }

  /** Takes nothing on the topic now. */
  block(...sequences: number[]): void {
    for (const sequence of sequences) this.#waiting.get(sequence)?.resolve({ state: 'blocked' });
  }

  refuse(sequence: number): void {
    this.#waiting.get(sequence)?.reject(new Error('no'));
  }
}

interface Started {
  drain: HistoryDrain;
  run: Promise<void>;
  settled: [HistoryOutcome, number][];
  fates: Map<number, LiveFate>;
  timers: ManualTimers;
}

/** Three of the history at a time: seven places, of which four are kept for live events. Fates are acknowledged, where no other is set. */
function newDrain(source: Source, broker: Broker, places = 7): Started {
  const settled: [HistoryOutcome, number][] = [];
  const fates = new Map<number, LiveFate>();
  const timers = new ManualTimers();
  const drain = new HistoryDrain({
    source,
    publish: broker.publish,
    window: new SendWindow(places),
    readFate: (sequence) => fates.get(sequence) ?? { state: 'acknowledged' },
    onSettled: (outcome, count) => settled.push([outcome, count]),
    onAcknowledged: () => undefined,
    timers,
  });
  const run = drain.run();
  run.catch(() => undefined);
  return { drain, run, settled, fates, timers };
}

describe('the drain of the history', () => {
  it('publishes in order, as many messages at a time as the window allows', async () => {
    const [source, broker] = [new Source().add(5), new Broker()];
    const { drain, run, settled } = newDrain(source, broker);
    await eventually(() => broker.published.length === 3);
    broker.acknowledge(1);
    await eventually(() => broker.published.length === 4);
    expect(source.settled).toBe(1);
    broker.acknowledge(2, 3, 4);
    await eventually(() => broker.published.length === 5);
    broker.acknowledge(5);
    drain.finish();
    await run;
    expect(broker.sequences).toEqual([1, 2, 3, 4, 5]);
    expect(source.settled).toBe(5);
    expect(settled).toEqual(Array(5).fill(['inTime', 1]));
  });

  it('has few bytes without a PUBACK: a live event must not wait behind them', async () => {
    const [source, broker] = [new Source().add(3), new Broker()];
    broker.bytes = 70_000;
    newDrain(source, broker);
    for (const sequence of [1, 2, 3]) {
      await eventually(() => broker.published.length === sequence);
      expect(broker.sequences.at(-1)).toBe(sequence);
      broker.acknowledge(sequence);
    }
  });

  it('settles no record before the records ahead of it', async () => {
    const [source, broker] = [new Source().add(3), new Broker()];
    const { drain, run, settled } = newDrain(source, broker);
    await eventually(() => broker.published.length === 3);
    broker.acknowledge(2, 3);
    source.add();
    drain.wake();
    await eventually(() => broker.published.length === 4);
    expect(source.settled).toBe(0);
    expect(settled).toEqual([]);
    broker.acknowledge(1, 4);
    drain.finish();
    await run;
    expect(source.settled).toBe(4);
  });

  it('publishes new records when it is woken', async () => {
    const [source, broker] = [new Source(), new Broker()];
    const { drain } = newDrain(source, broker);
    await eventually(() => source.reads > 0);
    source.add();
    drain.wake();
    await eventually(() => broker.published.length === 1);
  });

  it('waits until the fate of an event is decided, and publishes it as late or not', async () => {
    const [source, broker] = [new Source().add(3), new Broker()];
    const { drain, settled, fates, timers } = newDrain(source, broker);
    fates.set(1, { state: 'late' });
    fates.set(2, { state: 'open', untilMs: 400 });
    await eventually(() => broker.published.length === 1);
    expect(timers.waitingMs).toEqual([400]);
    fates.set(2, { state: 'acknowledged' });
    drain.wake();
    await eventually(() => broker.published.length === 3);
    expect(broker.published).toEqual([
      [1, true],
      [2, false],
      [3, false],
    ]);
    broker.acknowledge(1, 2, 3);
    await eventually(() => settled.length === 3);
    expect(settled.map(([outcome]) => outcome)).toEqual(['late', 'inTime', 'inTime']);
  });

  it('reads an open fate again when the event expires, and at intervals when the clock stands still', async () => {
    const [source, broker] = [new Source().add(1), new Broker()];
    const { fates, timers } = newDrain(source, broker);
    fates.set(1, { state: 'open', untilMs: 60_000 });
    await eventually(() => timers.waitingMs.length === 1);
    expect(timers.waitingMs).toEqual([1_000]);
    await timers.advance(1_000);
    expect(broker.published).toEqual([]);
    fates.set(1, { state: 'late' });
    await timers.advance(1_000);
    expect(broker.published).toEqual([[1, true]]);
  });

  it('publishes a gap in its place, and counts its numbers', async () => {
    const [source, broker] = [new Source().addGap(4).add(1), new Broker()];
    const { settled } = newDrain(source, broker);
    await eventually(() => broker.published.length === 2);
    broker.acknowledge(4, 5);
    await eventually(() => settled.length === 2);
    expect(settled).toEqual([
      ['gap', 4],
      ['inTime', 1],
    ]);
    expect(source.settled).toBe(5);
  });

  it('ends with the first refusal, and settles nothing after it', async () => {
    const [source, broker] = [new Source().add(5), new Broker()];
    const { drain, run } = newDrain(source, broker);
    await eventually(() => broker.published.length === 3);
    broker.refuse(2);
    await expect(run).rejects.toThrow('no');
    broker.acknowledge(1, 3);
    drain.fail(new Error('something else'));
    await expect(run).rejects.toThrow('no');
    expect(source.settled).toBe(0);
    expect(broker.sequences).toEqual([1, 2, 3]);
  });

  it('ends with a failure that comes while it is idle', async () => {
    const [source, broker] = [new Source(), new Broker()];
    const { drain, run } = newDrain(source, broker);
    await eventually(() => source.reads > 0);
    drain.fail(new Error('the connection was closed'));
    await expect(run).rejects.toThrow('the connection was closed');
  });

  it('ends when the source cannot be read', async () => {
    const source = new Source();
    source.failure = new Error('no disk');
    await expect(newDrain(source, new Broker()).run).rejects.toThrow('no disk');
  });

  it('finishes only when every message has its PUBACK', async () => {
    const [source, broker] = [new Source().add(4), new Broker()];
    const { drain, run } = newDrain(source, broker);
    let finished = false;
    void run.then(() => (finished = true));
    drain.finish();
    await eventually(() => broker.published.length === 3);
    broker.acknowledge(1, 2, 3);
    await eventually(() => broker.published.length === 4);
    expect(finished).toBe(false);
    broker.acknowledge(4);
    await run;
  });

  it('is followed by a drain that starts at the oldest record that is not settled', async () => {
    const source = new Source().add(5);
    const first = new Broker();
    const { drain, run } = newDrain(source, first);
    await eventually(() => first.published.length === 3);
    first.acknowledge(1, 3);
    await eventually(() => source.settled === 1);
    drain.fail(new Error('gone'));
    await expect(run).rejects.toThrow('gone');
    const second = new Broker();
    newDrain(source, second, 20);
    await eventually(() => second.published.length === 4);
    expect(second.sequences).toEqual([2, 3, 4, 5]);
  });
});

describe('the window', () => {
  const taken = (places: number): { live: number; history: number } => {
    const window = new SendWindow(places);
    let [live, history] = [0, 0];
    for (; window.historyIsFree; history++) window.takeHistory(1);
    for (; window.liveIsFree; live++) window.takeLive();
    return { live, history };
  };

  it.each([
    [20, { live: 4, history: 16 }],
    [5, { live: 4, history: 1 }],
    [3, { live: 2, history: 1 }],
    [2, { live: 1, history: 1 }],
    [1, { live: 0, history: 1 }],
    [0, { live: 0, history: 1 }],
    [-1, { live: 0, history: 1 }],
    [Infinity, { live: 4, history: Infinity }],
  ])('of %s places keeps some for live events', (places, expected) => {
    if (places === Infinity) {
      expect(new SendWindow(places).liveIsFree).toBe(true);
      return;
    }
    expect(taken(places)).toEqual(expected);
  });

  it('is free again when places are given back', () => {
    const window = new SendWindow(1);
    const live = window.takeLive();
    expect([window.liveIsFree, window.historyIsFree]).toEqual([false, false]);
    live();
    const history = window.takeHistory(1_000_000);
    expect([window.liveIsFree, window.historyIsFree]).toEqual([false, false]);
    history();
    expect([window.liveIsFree, window.historyIsFree]).toEqual([true, true]);
  });
});
