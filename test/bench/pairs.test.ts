// Pairs of measurements: the order A B B A, the rounds that are not counted, and what is measured.
import { expect, it } from 'vitest';
import { cpuTimed, interleavePairs } from '../../bench/support/pairs.js';

it('measures A B, then B A, and does not count the first rounds', async () => {
  const order: string[] = [];
  let figure = 0;
  const side = (name: string) => async (): Promise<number> => {
    order.push(name);
    return ++figure;
  };
  const pairs = await interleavePairs(3, side('a'), side('b'));
  expect(order.join('')).toBe('baabbaab');
  // The first round is not counted: it took the figures 1 and 2.
  expect(pairs).toEqual([
    { a: 3, b: 4 },
    { a: 6, b: 5 },
    { a: 7, b: 8 },
  ]);
});

it('ends with the error of a side', async () => {
  const fails = (): Promise<number> => Promise.reject(new Error('no camera'));
  await expect(interleavePairs(3, async () => 1, fails)).rejects.toThrow('no camera');
});

it('processor time counts the work of this process', async () => {
  const work = async (): Promise<void> => {
    const from = process.cpuUsage();
    for (let used = 0; used < 50_000;) {
      const { user, system } = process.cpuUsage(from);
      used = user + system;
    }
  };
  expect(await cpuTimed(work)()).toBeGreaterThanOrEqual(50);
});
