// Waiting: for a wake-up, for a delay, and for a promise with a time limit.
import { setTimeout as sleep } from 'node:timers/promises';
import { systemTimers, type Timers } from '../domain/time.js';

/** Wakes one waiting loop. A wake-up that comes before the wait is not lost. */
export class WakeSignal {
  #isAwake = false;
  #waiter: (() => void) | undefined;

  wake(): void {
    this.#isAwake = true;
    this.#waiter?.();
  }

  /** Resolves at the next wake-up, or at once if there was one since the last wait. Only one caller may wait at a time. */
  async wait(): Promise<void> {
    if (!this.#isAwake) await new Promise<void>((resolve) => (this.#waiter = resolve));
    this.#waiter = undefined;
    this.#isAwake = false;
  }
}

/** Resolves after the delay, or as soon as the signal aborts. Never rejects. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch(() => undefined);
}

/**
 * Waits for a promise, but not longer than the limit. A rejection after the limit is ignored.
 * @returns true when the promise resolved in time, false when the limit passed first
 * @throws the reason of the promise when it rejects in time
 */
export async function waitAtMost(
  limitMs: number,
  work: Promise<unknown>,
  timers: Timers = systemTimers,
): Promise<boolean> {
  let timer: unknown;
  const limit = new Promise<false>((resolve) => (timer = timers.setTimeout(() => resolve(false), limitMs)));
  try {
    return await Promise.race([work.then(() => true), limit]);
  } finally {
    timers.clearTimeout(timer);
  }
}

/** A promise, and the functions that settle it from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Does what Promise.withResolvers does, which Node 20 does not have. */
export function createDeferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  return { promise, resolve, reject };
}
