// The comparison of two forms on simulated machines: busy ones, ones that slow down, noisy ones, and forms that are almost equally fast.
import { describe, expect, it } from 'vitest';
import { measureSpeedup, type FormTrial } from '../../src/models/precision-trial.js';
import { seededRandom } from '../../tools/rendered-people/random.js';

const BOUND = 1.1;

interface Simulated {
  floatMs: number;
  int8Ms: number;
  /** Factor on the processor time of each run, by the number of the run. */
  slowdown?: (run: number) => number;
  /** Time for which other processes have the processor during a run, by the number of the run. */
  stolenMs?: (run: number) => number;
}

/** Runs a trial on a simulated machine. @param by the clock that the trial reads */
async function simulate(machine: Simulated, by: 'processor' | 'wall'): Promise<FormTrial & { runs: number }> {
  const { slowdown = () => 1, stolenMs = () => 0 } = machine;
  let [processorMs, wallMs, runs] = [0, 0, 0];
  const form = (ms: number) => ({
    run: async () => {
      const usedMs = ms * slowdown(runs);
      processorMs += usedMs;
      wallMs += usedMs + stolenMs(runs);
      runs++;
    },
  });
  const [float, int8] = [form(machine.floatMs), form(machine.int8Ms)];
  const clock = (): number => (by === 'wall' ? wallMs : processorMs);
  return { ...(await measureSpeedup({ float, int8, clock, bound: BOUND })), runs };
}

describe('a comparison of two forms', () => {
  it('ends after six blocks where the result is clear', async () => {
    expect(await simulate({ floatMs: 4, int8Ms: 2 }, 'processor')).toEqual({
      ...{ speedup: 2, low: 2, high: 2 },
      isClear: true,
      runs: 24,
    });
  });

  it('does not see that other processes take the processor, which the wall clock does', async () => {
    // In each block of four, other processes run during both runs in 8 bits: 20 ms, as the scheduler gives them.
    const busy = { floatMs: 4, int8Ms: 2, stolenMs: (run: number) => (run % 4 === 1 || run % 4 === 2 ? 20 : 0) };
    expect(await simulate(busy, 'processor')).toMatchObject({ speedup: 2, isClear: true });
    const byWall = await simulate(busy, 'wall');
    expect(byWall.speedup).toBeLessThan(BOUND);
  });

  it.each([
    ['slows down more and more', (run: number) => 1 + run / 10],
    ['gets faster', (run: number) => 4 - run / 40],
    ['is slow in its first half', (run: number) => (run < 12 ? 3 : 1)],
  ])('has the same result on a machine that %s', async (_name, slowdown) => {
    const { speedup, isClear } = await simulate({ floatMs: 3, int8Ms: 1.5, slowdown }, 'processor');
    expect([speedup, isClear]).toEqual([expect.closeTo(2, 1), true]);
  });

  it('finds the faster form in every one of 200 noisy trials', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed);
      // Up to 30 % more for each run, and each tenth run takes three times as long.
      const slowdown = (): number => (1 + 0.3 * random()) * (random() < 0.1 ? 3 : 1);
      expect((await simulate({ floatMs: 4, int8Ms: 2.1, slowdown }, 'processor')).speedup).toBeGreaterThan(1.3);
    }
  });

  it.each([
    ['just above the bound', 1.11],
    ['just below the bound', 1.09],
  ])(
    'goes on to 24 blocks and stays in doubt for a speed-up %s, where the noise is greater',
    async (_name, speedup) => {
      const random = seededRandom(7);
      const slowdown = (): number => 1 + 0.5 * random();
      const trial = await simulate({ floatMs: 2 * speedup, int8Ms: 2, slowdown }, 'processor');
      expect(trial).toMatchObject({ isClear: false, runs: 96 });
      expect(trial.low).toBeLessThan(BOUND);
      expect(trial.high).toBeGreaterThanOrEqual(BOUND);
    },
  );

  it.each([
    ['stands still', () => 0],
    ['is not a number', () => Number.NaN],
  ])('fails where the clock %s', async (_name, clock) => {
    const form = { run: async () => undefined };
    await expect(measureSpeedup({ float: form, int8: form, clock, bound: BOUND })).rejects.toThrow('does not advance');
  });
});
