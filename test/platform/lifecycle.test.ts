// The lifecycle: order, failures, interruption and time limits.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import type { Part } from '../../src/domain/part.js';
import { systemTimers, type Timers } from '../../src/domain/time.js';
import { AppError } from '../../src/errors.js';
import { Lifecycle, type LifecycleOptions } from '../../src/platform/lifecycle.js';

/** A part that writes down what is asked of it. */
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
    stopTimeoutMs: 60_000,
    clock: () => 0,
    timers: systemTimers,
    log: silentLog,
    ...options,
  });
}

/** Timers that fire when the test says so. */
function handTimers(): Timers & { fire(): void; pending: number } {
  const callbacks = new Set<() => void>();
  return {
    setTimeout(callback) {
      callbacks.add(callback);
      return callback;
    },
    clearTimeout(timer) {
      callbacks.delete(timer as () => void);
    },
    fire() {
      for (const callback of [...callbacks]) callback();
    },
    get pending() {
      return callbacks.size;
    },
  };
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

  it('that was never started stops without a word', async () => {
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
  it('takes down those before it and itself, in reverse; its error comes through as it is', async () => {
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

  it('that throws at once is no different', async () => {
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

  it('is named first when others then do not stop either', async () => {
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

  it('are left behind after their time', async () => {
    const calls: string[] = [];
    const timers = handTimers();
    const whole = lifecycle([part('a', calls), part('b', calls, { stop: never })], { timers, stopTimeoutMs: 5000 });
    await whole.start();
    const stopped = whole.stop();
    expect(calls.at(-1)).toBe('stop b');
    timers.fire();
    const error = await thrownBy(stopped);
    expect((error as AggregateError).errors.map((e: Error) => e.message)).toEqual(['b did not stop within 5000 ms']);
    expect(calls.at(-1)).toBe('stop a');
    expect(timers.pending).toBe(0);
  });
});

describe('a start that is interrupted', () => {
  it('by stop aborts the part under way, starts no other, and stops what was begun', async () => {
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

  it('before it began starts nothing', async () => {
    const calls: string[] = [];
    expect(await thrownBy(lifecycle([part('a', calls)]).start(AbortSignal.abort()))).toMatchObject({ code: 'STOPPED' });
    expect(calls).toEqual([]);
  });

  it('while its last part finishes all the same is no running service', async () => {
    const calls: string[] = [];
    const abort = new AbortController();
    const whole = lifecycle([part('a', calls, { start: async () => abort.abort() })]);
    expect(await thrownBy(whole.start(abort.signal))).toMatchObject({ code: 'STOPPED' });
    expect(calls).toEqual(['start a', 'stop a']);
  });

  it('does not wait for ever for a part that does not heed it', async () => {
    const calls: string[] = [];
    const timers = handTimers();
    const whole = lifecycle([part('deaf', calls, { start: never })], { timers });
    const started = thrownBy(whole.start());
    await expect.poll(() => calls).toEqual(['start deaf']);
    expect(timers.pending).toBe(0);
    const stopped = whole.stop();
    timers.fire();
    expect(await started).toMatchObject({ code: 'STOPPED' });
    await stopped;
    expect(calls).toEqual(['start deaf', 'stop deaf']);
    expect(timers.pending).toBe(0);
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
