// The lifecycle: order, failures, interruption and time limits.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import type { Part } from '../../src/domain/part.js';
import { systemTimers, type Timers } from '../../src/domain/time.js';
import { AppError } from '../../src/errors.js';
import { Lifecycle, type LifecycleOptions } from '../../src/platform/lifecycle.js';

/** A part that records its calls. */
function part(name: string, calls: string[], behaviour: Partial<Pick<Part, 'start' | 'stop'>> = {}): Part {
  return {
    name,
    async start(signal) {
      calls.push(`start ${name}`);
      await behaviour.start?.(signal);
    },
    async stop() {
      calls.push(`stop ${name}`);
      await behaviour.stop?.();
    },
  };
}

function lifecycle(parts: Part[], options: Partial<LifecycleOptions> = {}): Lifecycle {
  return new Lifecycle({
    parts,
    stopBudget: { totalMs: 60_000, guaranteedMs: {} },
    monotonic: () => 0,
    timers: systemTimers,
    log: silentLog,
    ...options,
  });
}

/** A clock and timers that stand still until the test advances them. */
class ManualTime implements Timers {
  nowMs = 0;
  readonly #due = new Map<object, { atMs: number; callback: () => void }>();

  readonly monotonic = (): number => this.nowMs;

  setTimeout(callback: () => void, delayMs: number): object {
    const timer = {};
    this.#due.set(timer, { atMs: this.nowMs + delayMs, callback });
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#due.delete(timer as object);
  }

  get pending(): number {
    return this.#due.size;
  }

  /** Fires the timers that come due, in their order, and lets what they cause happen before the next one. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      await new Promise(setImmediate);
      const [next] = [...this.#due].sort(([, a], [, b]) => a.atMs - b.atMs);
      if (!next || next[1].atMs > untilMs) break;
      this.#due.delete(next[0]);
      this.nowMs = next[1].atMs;
      next[1].callback();
    }
    this.nowMs = untilMs;
    await new Promise(setImmediate);
  }
}

const fails = (message: string) => () => Promise.reject(new Error(message));
const never = () => new Promise<void>(() => undefined);
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('it did not fail'),
    (error: unknown) => error,
  );
}

describe('a lifecycle', () => {
  it('starts its parts in order and stops them in reverse', async () => {
    const calls: string[] = [];
    const starting: string[] = [];
    const whole = lifecycle(
      ['a', 'b', 'c'].map((name) => part(name, calls)),
      { onStarting: (name) => starting.push(name) },
    );
    expect(whole.state).toBe('idle');
    await whole.start();
    expect(whole.state).toBe('running');
    expect(starting).toEqual(['a', 'b', 'c']);
    await whole.stop();
    expect(whole.state).toBe('stopped');
    expect(calls).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  it('starts a part only when the one before it is up', async () => {
    const calls: string[] = [];
    let up!: () => void;
    const slow = part('slow', calls, { start: () => new Promise<void>((resolve) => (up = resolve)) });
    const whole = lifecycle([slow, part('next', calls)]);
    const started = whole.start();
    await new Promise(setImmediate);
    expect(calls).toEqual(['start slow']);
    expect(whole.state).toBe('starting');
    up();
    await started;
    expect(calls).toEqual(['start slow', 'start next']);
  });

  it('prepares parts before the first one starts, and stops one that was prepared and not started', async () => {
    const calls: string[] = [];
    const failing = part('b', calls, { start: () => Promise.reject(new Error('b fails')) });
    const prepared = { ...part('c', calls), prepare: () => calls.push('prepare c') };
    await expect(lifecycle([part('a', calls), failing, prepared]).start()).rejects.toThrow('b fails');
    expect(calls).toEqual(['prepare c', 'start a', 'start b', 'stop b', 'stop a', 'stop c']);
  });

  it('stops a part that was prepared in the place of its start', async () => {
    const calls: string[] = [];
    const prepared = { ...part('b', calls), prepare: () => calls.push('prepare b') };
    const service = lifecycle([part('a', calls), prepared, part('c', calls)]);
    await service.start();
    await service.stop();
    expect(calls).toEqual(['prepare b', 'start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  it('that is aborted before its beginning prepares nothing', async () => {
    const calls: string[] = [];
    const prepared = { ...part('a', calls), prepare: () => calls.push('prepare a') };
    await expect(lifecycle([prepared]).start(AbortSignal.abort())).rejects.toMatchObject({ code: 'STOPPED' });
    expect(calls).toEqual([]);
  });

  it('that was never started stops nothing', async () => {
    const calls: string[] = [];
    const whole = lifecycle([part('a', calls)]);
    await whole.stop();
    expect(calls).toEqual([]);
    expect(() => whole.start()).toThrow(TypeError);
  });

  it('stops once, however often it is asked', async () => {
    const calls: string[] = [];
    const whole = lifecycle([part('a', calls)]);
    await whole.start();
    await Promise.all([whole.stop(), whole.stop()]);
    await whole.stop();
    expect(calls).toEqual(['start a', 'stop a']);
  });
});

describe('a part that does not start', () => {
  it('is stopped with the parts before it, in reverse; its error is passed on unchanged', async () => {
    const calls: string[] = [];
    const failure = new AppError('STORE_LOCKED', 'locked');
    const whole = lifecycle([
      part('a', calls),
      part('b', calls, { start: () => Promise.reject(failure) }),
      part('c', calls),
    ]);
    expect(await thrownBy(whole.start())).toBe(failure);
    expect(calls).toEqual(['start a', 'start b', 'stop b', 'stop a']);
    expect(whole.state).toBe('stopped');
    await whole.stop();
    expect(calls).toHaveLength(4);
  });

  it('has the same effect when it throws synchronously', async () => {
    const calls: string[] = [];
    const rude: Part = {
      name: 'rude',
      start: () => {
        throw new Error('at once');
      },
      stop: () => Promise.resolve(),
    };
    await expect(lifecycle([part('a', calls), rude]).start()).rejects.toThrow('at once');
    expect(calls).toEqual(['start a', 'stop a']);
  });

  it('has its error first when other parts then fail to stop', async () => {
    const calls: string[] = [];
    const whole = lifecycle([
      part('a', calls, { stop: fails('a stays') }),
      part('b', calls, { start: fails('b fails'), stop: fails('b stays') }),
    ]);
    const error = await thrownBy(whole.start());
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as Error).message).toBe('b fails');
    expect((error as AggregateError).errors.map((e: Error) => e.message)).toEqual(['b fails', 'b stays', 'a stays']);
  });
});

describe('parts that do not stop', () => {
  it('do not keep the others from stopping, and every error is reported', async () => {
    const calls: string[] = [];
    const whole = lifecycle([
      part('a', calls, { stop: fails('a stays') }),
      part('b', calls),
      part('c', calls, { stop: fails('c stays') }),
    ]);
    await whole.start();
    const error = await thrownBy(whole.stop());
    expect((error as AggregateError).errors.map((e: Error) => e.message)).toEqual(['c stays', 'a stays']);
    expect(calls.slice(3)).toEqual(['stop c', 'stop b', 'stop a']);
    expect(whole.state).toBe('stopped');
  });

  it('are left behind at the end of the budget; an error for one whose share is guaranteed', async () => {
    const calls: string[] = [];
    const time = new ManualTime();
    const stopBudget = { totalMs: 5_000, guaranteedMs: { b: 1_000 } };
    const whole = lifecycle([part('a', calls), part('b', calls, { stop: never })], {
      timers: time,
      monotonic: time.monotonic,
      stopBudget,
    });
    await whole.start();
    const stopped = thrownBy(whole.stop());
    expect(calls.at(-1)).toBe('stop b');
    await time.advance(5_000);
    const error = await stopped;
    expect((error as AggregateError).errors.map((e: Error) => e.message)).toEqual(['b did not stop within 4950 ms']);
    expect(calls.at(-1)).toBe('stop a');
    expect(time.pending).toBe(0);
  });
});

describe('the budget of a stop', () => {
  /** Parts that all hang, with the moment at which each was asked to stop. */
  async function stopHangingParts(
    names: string[],
    stopBudget: LifecycleOptions['stopBudget'],
    takesMs: Readonly<Record<string, number>> = {},
  ): Promise<{ askedAtMs: Record<string, number>; tookMs: number; errors: string[]; warned: unknown[] }> {
    const time = new ManualTime();
    const askedAtMs: Record<string, number> = {};
    const warned: unknown[] = [];
    const parts = names.map((name) =>
      part(name, [], {
        stop: () => {
          askedAtMs[name] = time.nowMs;
          const limitMs = takesMs[name];
          return limitMs === undefined ? never() : new Promise((resolve) => void time.setTimeout(resolve, limitMs));
        },
      }),
    );
    const log = { ...silentLog, warn: (fields: { part?: unknown }) => void warned.push(fields.part) };
    const whole = lifecycle(parts, { timers: time, monotonic: time.monotonic, stopBudget, log });
    await whole.start();
    let tookMs = Infinity;
    const stopped = whole
      .stop()
      .then(
        () => [],
        (error: unknown) => (error as AggregateError).errors.map(({ message }: Error) => message),
      )
      .finally(() => (tookMs = time.nowMs));
    await time.advance(2 * stopBudget.totalMs);
    return { askedAtMs, errors: await stopped, tookMs, warned };
  }

  it('is one for all parts, however many of them hang', async () => {
    const names = ['store', 'gallery', 'vision', 'events', 'cameras', 'api'];
    const { tookMs, warned, errors } = await stopHangingParts(names, { totalMs: 5_000, guaranteedMs: {} });
    expect(tookMs).toBe(5_000);
    expect(warned).toEqual(['api', 'cameras', 'events', 'vision', 'gallery', 'store']);
    expect(errors).toEqual([]);
  });

  it('keeps the guaranteed shares free: a client and a camera that hang do not take the time of events and store', async () => {
    const guaranteedMs = { events: 2_300, store: 700 };
    const names = ['store', 'gallery', 'vision', 'events', 'cameras', 'api'];
    const { askedAtMs, tookMs, errors, warned } = await stopHangingParts(
      names,
      { totalMs: 5_000, guaranteedMs },
      { api: 1_000, events: 2_000, store: 650 },
    );
    expect(errors).toEqual([]);
    // The API needed its second; the cameras took what nobody else is promised.
    expect(askedAtMs).toMatchObject({ api: 0, cameras: 1_000, events: 1_900 });
    expect(warned).toEqual(['cameras', 'vision', 'gallery']);
    expect(askedAtMs.store).toBeLessThanOrEqual(4_300);
    expect(tookMs).toBeLessThanOrEqual(5_000);
  });

  it('leaves a part that is late, and guaranteed its share, with an error', async () => {
    const guaranteedMs = { events: 2_300, store: 700 };
    const { errors, tookMs } = await stopHangingParts(['store', 'events', 'api'], { totalMs: 5_000, guaranteedMs });
    expect(errors).toEqual(['events did not stop within 2300 ms', 'store did not stop within 700 ms']);
    expect(tookMs).toBe(5_000);
  });

  it('covers a start that ignores its abort', async () => {
    const calls: string[] = [];
    const time = new ManualTime();
    const stopBudget = { totalMs: 5_000, guaranteedMs: { a: 1_000 } };
    const whole = lifecycle([part('a', calls, { stop: never }), part('deaf', calls, { start: never, stop: never })], {
      timers: time,
      monotonic: time.monotonic,
      stopBudget,
    });
    const started = thrownBy(whole.start());
    await time.advance(20_000);
    const stopped = thrownBy(whole.stop());
    await time.advance(5_000);
    expect((await stopped) as Error).toBeInstanceOf(AggregateError);
    expect(await started).toBeInstanceOf(AggregateError);
    expect(calls).toEqual(['start a', 'start deaf', 'stop deaf', 'stop a']);
    expect(time.pending).toBe(0);
  });
});

describe('a start that is interrupted', () => {
  it('by stop aborts the part that is starting, starts no other, and stops the started ones', async () => {
    const calls: string[] = [];
    const whole = lifecycle([part('a', calls), part('b', calls, { start: untilAborted }), part('c', calls)]);
    const started = thrownBy(whole.start());
    await expect.poll(() => calls).toContain('start b');
    await whole.stop();
    expect(await started).toMatchObject({ code: 'STOPPED', message: 'the start was interrupted' });
    expect(calls).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('by its signal ends in the same way', async () => {
    const calls: string[] = [];
    const abort = new AbortController();
    const whole = lifecycle([part('a', calls, { start: untilAborted }), part('b', calls)]);
    const started = thrownBy(whole.start(abort.signal));
    abort.abort();
    expect(await started).toMatchObject({ code: 'STOPPED' });
    expect(calls).toEqual(['start a', 'stop a']);
    expect(whole.state).toBe('stopped');
  });

  it('before its beginning starts nothing', async () => {
    const calls: string[] = [];
    expect(await thrownBy(lifecycle([part('a', calls)]).start(AbortSignal.abort()))).toMatchObject({ code: 'STOPPED' });
    expect(calls).toEqual([]);
  });

  it('is no running service, even if its last part has started by then', async () => {
    const calls: string[] = [];
    const abort = new AbortController();
    const whole = lifecycle([part('a', calls, { start: async () => abort.abort() })]);
    expect(await thrownBy(whole.start(abort.signal))).toMatchObject({ code: 'STOPPED' });
    expect(calls).toEqual(['start a', 'stop a']);
  });

  it('does not wait for ever for a part that ignores the abort', async () => {
    const calls: string[] = [];
    const time = new ManualTime();
    const whole = lifecycle([part('deaf', calls, { start: never })], { timers: time, monotonic: time.monotonic });
    const started = thrownBy(whole.start());
    await expect.poll(() => calls).toEqual(['start deaf']);
    expect(time.pending).toBe(0);
    const stopped = whole.stop();
    await time.advance(60_000);
    expect(await started).toMatchObject({ code: 'STOPPED' });
    await stopped;
    expect(calls).toEqual(['start deaf', 'stop deaf']);
    expect(time.pending).toBe(0);
  });

  it('reports from stop only what could not be stopped', async () => {
    const calls: string[] = [];
    const whole = lifecycle([part('a', calls, { start: untilAborted, stop: fails('a stays') })]);
    const started = thrownBy(whole.start());
    const error = await thrownBy(whole.stop());
    expect((error as AggregateError).errors.map((e: Error) => e.message)).toEqual(['a stays']);
    expect(await started).toBeInstanceOf(AggregateError);
  });
});
