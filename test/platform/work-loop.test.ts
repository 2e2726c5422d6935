import { describe, expect, it } from 'vitest';
import type { Timers } from '../../src/domain/time.js';
import { WorkLoop } from '../../src/platform/work-loop.js';

/** Timers that fire when the test says so. */
function createTimers() {
  let pending: { callback: () => void; delayMs: number } | undefined;
  const timers: Timers = {
    setTimeout: (callback, delayMs) => (pending = { callback, delayMs }),
    clearTimeout: (timer) => {
      if (timer === pending) pending = undefined;
    },
  };
  return { timers, delayMs: () => pending?.delayMs, fire: () => pending?.callback() };
}

function createLoop(outcomes: (Error | undefined)[]) {
  const clock = createTimers();
  const failures: boolean[] = [];
  let count = 0;
  const loop = new WorkLoop({
    work: async () => {
      const outcome = outcomes[count++];
      if (outcome) throw outcome;
    },
    intervalMs: () => 1_000,
    retry: { firstMs: 10, maxMs: 100 },
    onFailure: (_error, isFirst) => failures.push(isFirst),
    random: () => 0,
    timers: clock.timers,
  });
  return { loop, clock, failures, count: () => count };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a work loop', () => {
  it('works at the start, after its interval, and at once when it is woken', async () => {
    const { loop, clock, count } = createLoop([]);
    loop.wake();
    expect(count()).toBe(0);
    loop.start();
    await settle();
    expect(count()).toBe(1);
    expect(clock.delayMs()).toBe(1_000);
    clock.fire();
    await settle();
    expect(count()).toBe(2);
    loop.wake();
    await settle();
    expect(count()).toBe(3);
    await loop.stop();
    loop.wake();
    loop.retry();
    await settle();
    expect(count()).toBe(3);
  });

  it('works once more after the present piece of work, however often it was woken meanwhile', async () => {
    const { loop, count } = createLoop([]);
    loop.start();
    loop.start();
    expect(count()).toBe(1);
    loop.wake();
    loop.wake();
    await settle();
    await settle();
    expect(count()).toBe(2);
    await loop.stop();
  });

  it('waits longer at each failure, is not hurried by a wake-up, and goes on at once by retry', async () => {
    const failure = new Error('not now');
    const { loop, clock, failures, count } = createLoop([failure, failure, failure]);
    loop.start();
    await settle();
    expect(clock.delayMs()).toBe(10);
    loop.wake();
    await settle();
    expect(count()).toBe(1);
    clock.fire();
    await settle();
    expect(clock.delayMs()).toBe(20);
    expect(loop.isFailing).toBe(true);
    loop.retry();
    await settle();
    expect(count()).toBe(3);
    expect(clock.delayMs()).toBe(10);
    clock.fire();
    await settle();
    expect(loop.isFailing).toBe(false);
    expect(clock.delayMs()).toBe(1_000);
    expect(failures).toEqual([true, false, false]);
    await loop.stop();
  });

  it('stops when its present work has ended', async () => {
    let end = (): void => undefined;
    let isEnded = false;
    const loop = new WorkLoop({
      work: async (signal) => {
        await new Promise<void>((resolve) => (end = resolve));
        isEnded = signal.aborted;
        throw new Error('the stop');
      },
      intervalMs: () => 1,
      retry: { firstMs: 1, maxMs: 1 },
      onFailure: () => expect.unreachable('a failure of the stop is none'),
      random: () => 0,
      timers: createTimers().timers,
    });
    loop.start();
    await settle();
    const stopped = loop.stop();
    end();
    await stopped;
    expect(isEnded).toBe(true);
  });
});
