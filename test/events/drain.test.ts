// The drain: order, window, acknowledgements and failures, without a broker.
import { describe, expect, it } from 'vitest';
import { Drain, type Outcome } from '../../src/events/drain.js';
import type { Delivery } from '../../src/events/delivery.js';
import type { EventSource, StoredEvent } from '../../src/events/outbox.js';
import { anEvent, eventually } from './support.js';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');

/** Events in memory; `late` ones are past their expiry, `damaged` ones cannot be read. */
class Source implements EventSource {
  readonly events: StoredEvent[] = [];
  settled = 0;
  reads = 0;
  failure: Error | undefined;

  add(kind: 'fresh' | 'late' | 'damaged' = 'fresh', count = 1): this {
    for (let i = 0; i < count; i++) {
      const sequence = this.events.length + 1;
      const expiresAt = new Date(NOW + (kind === 'late' ? 0 : 5_000)).toISOString();
      this.events.push(kind === 'damaged' ? { sequence } : { sequence, event: anEvent({ sequence, expiresAt }) });
    }
    return this;
  }

  async read(after: number, limit: number): Promise<StoredEvent[]> {
    this.reads++;
    if (this.failure) throw this.failure;
    return this.events.filter(({ sequence }) => sequence > after && sequence > this.settled).slice(0, limit);
  }

  settle(through: number): void {
    expect(through).toBeGreaterThan(this.settled);
    this.settled = through;
  }
}

/** A broker that acknowledges when it is told to. */
class Broker {
  readonly published: number[] = [];
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();

  readonly publish = (delivery: Delivery): Promise<void> => {
    const { sequence } = JSON.parse(delivery.payload) as { sequence: number };
    this.published.push(sequence);
    return new Promise((resolve, reject) => this.#waiting.set(sequence, { resolve, reject }));
  };

  acknowledge(...sequences: number[]): void {
    for (const sequence of sequences) this.#waiting.get(sequence)?.resolve();
  }

  refuse(sequence: number): void {
    this.#waiting.get(sequence)?.reject(new Error('no'));
  }
}

function drainOf(source: Source, broker: Broker, window = 3): { drain: Drain; run: Promise<void>; settled: Outcome[] } {
  const settled: Outcome[] = [];
  const onSettled = (outcome: Outcome): void => void settled.push(outcome);
  const drain = new Drain({ source, publish: broker.publish, window, clock: () => NOW, onSettled });
  const run = drain.run();
  run.catch(() => undefined);
  return { drain, run, settled };
}

describe('a drain', () => {
  it('publishes in order, as many at a time as the window', async () => {
    const [source, broker] = [new Source().add('fresh', 5), new Broker()];
    const { drain, run, settled } = drainOf(source, broker);
    await eventually(() => broker.published.length === 3);
    broker.acknowledge(1);
    await eventually(() => broker.published.length === 4);
    expect(source.settled).toBe(1);
    broker.acknowledge(2, 3, 4);
    await eventually(() => broker.published.length === 5);
    broker.acknowledge(5);
    drain.finish();
    await run;
    expect(broker.published).toEqual([1, 2, 3, 4, 5]);
    expect(source.settled).toBe(5);
    expect(settled).toEqual(Array(5).fill('published'));
  });

  it('settles no event before those ahead of it', async () => {
    const [source, broker] = [new Source().add('fresh', 3), new Broker()];
    const { drain, run, settled } = drainOf(source, broker);
    await eventually(() => broker.published.length === 3);
    broker.acknowledge(2, 3);
    source.add();
    await eventually(() => broker.published.length === 4);
    expect(source.settled).toBe(0);
    expect(settled).toEqual([]);
    broker.acknowledge(1, 4);
    drain.finish();
    await run;
    expect(source.settled).toBe(4);
  });

  it('takes up what comes when it is woken', async () => {
    const [source, broker] = [new Source(), new Broker()];
    const { drain } = drainOf(source, broker);
    await eventually(() => source.reads > 0);
    source.add();
    drain.wake();
    await eventually(() => broker.published.length === 1);
  });

  it('passes over late and damaged events, and settles them in their place', async () => {
    const source = new Source().add('late').add('fresh').add('damaged').add('late').add('fresh');
    const broker = new Broker();
    const { drain, run, settled } = drainOf(source, broker);
    await eventually(() => broker.published.length === 2);
    expect(broker.published).toEqual([2, 5]);
    expect(source.settled).toBe(1);
    broker.acknowledge(5);
    broker.acknowledge(2);
    drain.finish();
    await run;
    expect(settled).toEqual(['expired', 'published', 'unreadable', 'expired', 'published']);
    expect(source.settled).toBe(5);
  });

  it('reads a long backlog of late events in few stretches', async () => {
    const [source, broker] = [new Source().add('late', 2_000).add('fresh'), new Broker()];
    const { settled } = drainOf(source, broker);
    await eventually(() => broker.published.length === 1);
    expect(broker.published).toEqual([2_001]);
    expect(settled).toHaveLength(2_000);
    expect(source.reads).toBeLessThan(20);
  });

  it('holds a bounded number behind an event without its acknowledgement', async () => {
    const [source, broker] = [new Source().add('fresh').add('late', 5_000), new Broker()];
    const { settled } = drainOf(source, broker);
    await eventually(() => broker.published.length === 1 && source.reads >= 4);
    broker.acknowledge(1);
    await eventually(() => settled.length === 5_001);
    expect(source.settled).toBe(5_001);
  });

  it('ends with the first refusal, and settles nothing from then on', async () => {
    const [source, broker] = [new Source().add('fresh', 5), new Broker()];
    const { drain, run } = drainOf(source, broker);
    await eventually(() => broker.published.length === 3);
    broker.refuse(2);
    await expect(run).rejects.toThrow('no');
    broker.acknowledge(1, 3);
    drain.fail(new Error('something else'));
    await expect(run).rejects.toThrow('no');
    expect(source.settled).toBe(0);
    expect(broker.published).toEqual([1, 2, 3]);
  });

  it('ends with a failure that comes while it is idle', async () => {
    const [source, broker] = [new Source(), new Broker()];
    const { drain, run } = drainOf(source, broker);
    await eventually(() => source.reads > 0);
    drain.fail(new Error('the connection was closed'));
    await expect(run).rejects.toThrow('the connection was closed');
  });

  it('ends when the source cannot be read', async () => {
    const source = new Source();
    source.failure = new Error('no disk');
    await expect(drainOf(source, new Broker()).run).rejects.toThrow('no disk');
  });

  it('finishes only when everything has its acknowledgement', async () => {
    const [source, broker] = [new Source().add('fresh', 4), new Broker()];
    const { drain, run } = drainOf(source, broker);
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

  it('is followed by one that begins at the oldest event that is not settled', async () => {
    const source = new Source().add('fresh', 5);
    const first = new Broker();
    const { drain, run } = drainOf(source, first);
    await eventually(() => first.published.length === 3);
    first.acknowledge(1, 3);
    await eventually(() => source.settled === 1);
    drain.fail(new Error('gone'));
    await expect(run).rejects.toThrow('gone');
    const second = new Broker();
    drainOf(source, second, 10);
    await eventually(() => second.published.length === 4);
    expect(second.published).toEqual([2, 3, 4, 5]);
  });
});
