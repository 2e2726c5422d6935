// Background work of the store: rounds, pauses, and what is tried again later.
import { describe, expect, test } from 'vitest';
import { BackgroundWork } from '../../src/store/background-work.js';

/** Work whose rounds end when the test says so, and a clock that the test turns on. */
function makeWork() {
  const rounds: ((isDone: boolean) => void)[] = [];
  const due = new Map<object, () => void>();
  const timers = {
    setTimeout: (callback: () => void) => {
      const timer = { unref: () => timer };
      due.set(timer, callback);
      return timer;
    },
    clearTimeout: (timer: object) => void due.delete(timer),
  };
  const work = new BackgroundWork({
    work: () => new Promise((resolve) => rounds.push(resolve)),
    retryMs: 1_000,
    timers: timers as never,
  });
  const fire = (): void => {
    for (const [timer, callback] of [...due]) {
      due.delete(timer);
      callback();
    }
  };
  /** Ends the round that is under way. */
  const end = async (isDone: boolean): Promise<void> => {
    rounds.at(-1)!(isDone);
    await new Promise(setImmediate);
  };
  return { work, rounds, due, fire, end };
}

describe('background work', () => {
  test('has one round at a time, and another one for what is wanted meanwhile', async () => {
    const { work, rounds, end } = makeWork();
    work.run();
    work.run();
    work.run();
    expect(rounds).toHaveLength(1);
    await end(true);
    expect(rounds).toHaveLength(2);
    await end(true);
    expect(rounds).toHaveLength(2);
    await work.idle();
  });

  test('is tried again later where it fails, once, unless a round comes before', async () => {
    const { work, rounds, due, fire, end } = makeWork();
    work.run();
    await end(false);
    await work.idle();
    expect([rounds.length, due.size]).toEqual([1, 1]);
    fire();
    expect(rounds).toHaveLength(2);
    await end(false);
    work.run();
    expect([rounds.length, due.size]).toEqual([3, 0]);
    await end(true);
    expect(due.size).toBe(0);
  });

  test('begins no round in a pause, which waits for the one under way, and goes on afterwards', async () => {
    const { work, rounds, due, fire, end } = makeWork();
    work.run();
    let hasPaused = false;
    const paused = work.pause().then(() => (hasPaused = true));
    expect(work.isPaused).toBe(true);
    await new Promise(setImmediate);
    expect(hasPaused).toBe(false);
    // The round was cut off: it is wanted again, and not by a timer.
    await end(false);
    await paused;
    work.runLater();
    fire();
    expect([rounds.length, due.size]).toEqual([1, 0]);
    work.resume();
    expect(rounds).toHaveLength(2);
    await end(true);
    await work.pause();
    work.resume();
    expect(rounds).toHaveLength(2);
  });
});
