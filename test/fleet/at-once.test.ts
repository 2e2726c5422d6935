// Work on many items: its limit, its failures, and its turns.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Queue, Turns, workAtOnce } from '../../src/fleet/at-once.js';

describe('work on many items', () => {
  it('does each item once, and at most as many at the same time as allowed', async () => {
    let [now, most] = [0, 0];
    const done: number[] = [];
    await workAtOnce(Array.from({ length: 50 }, (_, i) => i), 7, async (i) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      done.push(i);
    }); // prettier-ignore
    expect(most).toBe(7);
    expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('begins no further item after a failure, and rejects when nothing is under way any more', async () => {
    const begun: number[] = [];
    let underWay = 0;
    const work = workAtOnce([1, 2, 3, 4, 5, 6, 7, 8], 2, async (i) => {
      begun.push(i);
      underWay++;
      await delay(i);
      underWay--;
      if (i === 2) throw new Error('two fails');
    });
    await expect(work).rejects.toThrow('two fails');
    expect(underWay).toBe(0);
    expect(begun.length).toBeLessThan(6);
  });
});

it('works that share their turns let others run as often as one alone', async () => {
  const turns = new Turns();
  // Processor time: another process may take the processor away.
  const readCpuMs = (): number => process.cpuUsage().user / 1_000;
  let [longest, last, isDone] = [0, readCpuMs(), false];
  const watch = (): void => {
    longest = Math.max(longest, readCpuMs() - last);
    last = readCpuMs();
    if (!isDone) setImmediate(watch);
  };
  setImmediate(watch);
  let rounds = 0;
  await workAtOnce(Array.from({ length: 64 }), 64, async () => {
    for (let i = 0; i < 100; i++) {
      const end = performance.now() + 0.1;
      while (performance.now() < end) rounds++;
      await turns.next();
    }
  });
  isDone = true;
  // 64 works of 10 ms: without shared turns all of them would run before anything else.
  expect(longest).toBeLessThan(300);
  expect(rounds).toBeGreaterThan(0);
});

it('a queue runs works in order, also after one that fails', async () => {
  const queue = new Queue();
  const order: number[] = [];
  const work = (i: number, isFailing = false) =>
    queue.run(async () => {
      await delay(5 - i);
      order.push(i);
      if (isFailing) throw new Error('fails');
      return i;
    });
  const all = await Promise.allSettled([work(1), work(2, true), work(3)]);
  expect(order).toEqual([1, 2, 3]);
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
