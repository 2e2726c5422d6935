// The return of freed memory: when the resident memory has grown, and never while the last return still runs.
import { describe, expect, it } from 'vitest';
import { MemoryTrimmer } from '../../src/ops/memory-trimmer.js';

/** A trimmer with made-up memory, whose timer a test runs by hand. Each return leaves `least` bytes. */
function makeTrimmer(least: number) {
  let resident = least;
  let trims = 0;
  let drops = 0;
  let due: (() => void) | undefined;
  let set: () => void = () => undefined;
  const trimmer = new MemoryTrimmer({
    addon: {
      trimMemory: () => {
        trims++;
        resident = least;
        return Promise.resolve();
      },
      dropProgramPages: () => drops++,
    },
    readResident: () => resident,
    timers: {
      setTimeout: (callback) => {
        due = callback;
        set();
      },
      clearTimeout: () => (due = undefined),
    },
  });
  return {
    trimmer,
    grow: (bytes: number) => (resident += bytes),
    /** Runs the timer, and waits for the next one. */
    pass: async () => {
      const done = new Promise<void>((resolve) => (set = resolve));
      due?.();
      await done;
    },
    trims: () => trims,
    drops: () => drops,
    isTimerSet: () => due !== undefined,
  };
}

describe('the memory trimmer', () => {
  it('returns freed memory after the start and after growth, each time once more at the next look', async () => {
    const { trimmer, grow, pass, trims } = makeTrimmer(200e6);
    await trimmer.start();
    const counts: number[] = [];
    for (const growth of [0, 0, 0, 15e6, 2e6, 0, 0]) {
      grow(growth);
      await pass();
      counts.push(trims());
    }
    expect(counts).toEqual([1, 2, 2, 2, 3, 4, 4]);
  });

  it('drops the pages of the start once', async () => {
    const { trimmer, grow, pass, trims, drops } = makeTrimmer(200e6);
    await trimmer.start();
    expect(drops()).toBe(0);
    await pass();
    expect(drops()).toBe(1);
    grow(100e6);
    await pass();
    expect([trims(), drops()]).toEqual([2, 1]);
  });

  it('does nothing before its start and after its stop', async () => {
    const { trimmer, isTimerSet } = makeTrimmer(1);
    expect(isTimerSet()).toBe(false);
    await trimmer.start();
    expect(isTimerSet()).toBe(true);
    await trimmer.stop();
    expect(isTimerSet()).toBe(false);
  });
});
