// Waiting: wake-ups, delays that can be cut short, and promises with a time limit.
import { describe, expect, it } from 'vitest';
import { createDeferred, pause, waitAtMost, WakeSignal } from '../../src/platform/waiting.js';
import { ManualTimers, settle } from '../camera/manual-timers.js';

/** Follows a promise without awaiting it. */
function watch(promise: Promise<unknown>): { result: unknown } {
  const state: { result: unknown } = { result: 'pending' };
  promise.then(
    (value) => (state.result = value),
    (error: unknown) => (state.result = error),
  );
  return state;
}

describe('a wake signal', () => {
  it('ends the wait at the next wake-up, once', async () => {
    const signal = new WakeSignal();
    const first = watch(signal.wait());
    await settle();
    expect(first.result).toBe('pending');
    signal.wake();
    await settle();
    expect(first.result).toBeUndefined();
    const second = watch(signal.wait());
    await settle();
    expect(second.result).toBe('pending');
  });

  it('keeps one wake-up that comes while nobody waits', async () => {
    const signal = new WakeSignal();
    signal.wake();
    signal.wake();
    await signal.wait();
    const second = watch(signal.wait());
    await settle();
    expect(second.result).toBe('pending');
  });
});

describe('a pause', () => {
  it('ends after its delay', async () => {
    await expect(pause(1, new AbortController().signal)).resolves.toBeUndefined();
  });

  it('ends at once when the signal aborts, and when it has aborted before', async () => {
    const controller = new AbortController();
    const paused = pause(3_600_000, controller.signal);
    controller.abort();
    await expect(paused).resolves.toBeUndefined();
    await expect(pause(3_600_000, controller.signal)).resolves.toBeUndefined();
  });
});

describe('a wait with a limit', () => {
  it('is true when the work is done in time, and leaves no timer behind', async () => {
    const timers = new ManualTimers();
    const work = createDeferred();
    const waiting = watch(waitAtMost(100, work.promise, timers));
    await timers.advance(99);
    work.resolve();
    await settle();
    expect([waiting.result, timers.waitingMs]).toEqual([true, []]);
  });

  it('is false when the limit passes first; a rejection after that is not unhandled', async () => {
    const timers = new ManualTimers();
    const work = createDeferred();
    const waiting = watch(waitAtMost(100, work.promise, timers));
    await timers.advance(100);
    expect(waiting.result).toBe(false);
    work.reject(new Error('late'));
    // An unhandled rejection fails the run.
    await settle();
  });

  it('rejects when the work rejects in time, and leaves no timer behind', async () => {
    const timers = new ManualTimers();
    await expect(waitAtMost(100, Promise.reject(new Error('refused')), timers)).rejects.toThrow('refused');
    expect(timers.waitingMs).toEqual([]);
  });
});
