// The return of memory that is not needed any more: after the start, after pictures, after growth, and never while the work goes on.
import { describe, expect, it } from 'vitest';
import { MemoryTrimmer } from '../../src/ops/memory-trimmer.js';

/** A trimmer with made-up memory, whose timer a test runs by hand. Each return leaves `least` bytes. */
function makeTrimmer(least: number) {
  let resident = least;
  let pictures = 0;
  const steps: string[] = [];
  let due: (() => void) | undefined;
  let set: () => void = () => undefined;
  const trimmer = new MemoryTrimmer({
    addon: {
      collectGarbage: () => steps.push('collect'),
      trimMemory: () => {
        steps.push('trim');
        resident = least;
        return Promise.resolve();
      },
      dropProgramPages: () => steps.push('drop'),
    },
    workers: {
      tidy: () => {
        steps.push('workers');
        return Promise.resolve();
      },
      countPictures: () => pictures,
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
    analysePictures: (count: number) => (pictures += count),
    /** Runs the timer, and waits for the next one. @returns what was done */
    pass: async () => {
      const done = new Promise<void>((resolve) => (set = resolve));
      due?.();
      await done;
      return steps.splice(0).join(' ');
    },
    isTimerSet: () => due !== undefined,
  };
}

const TIDY = 'workers collect trim drop';

describe('the memory trimmer', () => {
  it('tidies up once after the start, and after a picture', async () => {
    const { trimmer, pass, analysePictures } = makeTrimmer(200e6);
    await trimmer.start();
    expect(await pass()).toBe(TIDY);
    analysePictures(1);
    expect([await pass(), await pass(), await pass()]).toEqual(['', TIDY, '']);
  });

  it('tidies up when pictures have come to a pause, and not while they come', async () => {
    const { trimmer, pass, analysePictures } = makeTrimmer(200e6);
    await trimmer.start();
    await pass();
    const done: string[] = [];
    for (const pictures of [40, 1, 9, 0, 0]) {
      analysePictures(pictures);
      done.push(await pass());
    }
    expect(done).toEqual(['', '', '', TIDY, '']);
  });

  it('returns freed memory after growth, counted from the memory that the same work takes again', async () => {
    const { trimmer, pass, grow } = makeTrimmer(200e6);
    await trimmer.start();
    await pass();
    const done: string[] = [];
    for (const growth of [20e6, 15e6, 2e6, 20e6, 0, 15e6]) {
      grow(growth);
      done.push(await pass());
    }
    expect(done).toEqual(['', '', 'trim', '', '', '']);
  });

  it('tidies up every ten minutes, whatever comes', async () => {
    const { trimmer, pass, analysePictures } = makeTrimmer(200e6);
    await trimmer.start();
    await pass();
    const done: string[] = [];
    for (let look = 1; look <= 300; look++) {
      analysePictures(1);
      if ((await pass()) !== '') done.push(`${(look * 4) / 60} minutes`);
    }
    expect(done).toEqual(['10 minutes', '20 minutes']);
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
