// The lifecycle of the service: starts the parts in order, stops them in reverse within one time budget, and collects errors.
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import { SharedBudget, type StopBudget } from './stop-budget.js';

export type LifecycleState = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped';

export interface LifecycleOptions {
  /** In the order of their start. */
  parts: readonly Part[];
  stopBudget: StopBudget;
  /** Monotonic, milliseconds: a clock that is set during the stop must not change the budget. */
  monotonic: Clock;
  timers: Timers;
  log: Log;
  /** Called before each start, for a line of status. */
  onStarting?: (partName: string) => void;
}

export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #abort = new AbortController();
  #state: LifecycleState = 'idle';
  /** Parts that are prepared and not started yet, then those whose start was called, in the order of the calls. */
  #begun: Part[] = [];
  #budget: SharedBudget | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /**
   * Starts the parts. When one fails, the parts before it are stopped again.
   * @param signal aborts the start, as stop() does
   * @throws the error of the part; AppError STOPPED when the start was aborted; AggregateError with that error first when
   * stopping failed as well
   */
  start(signal?: AbortSignal): Promise<void> {
    if (this.#state !== 'idle') throw new TypeError('a lifecycle starts once');
    this.#state = 'starting';
    this.#starting = this.#start(signal);
    return this.#starting;
  }

  /**
   * Stops the parts that were started, the last one first, within the budget; interrupts a start that is under way. A second call
   * returns the promise of the first. A part that exceeds its limit is left behind: with a warning, or with an error if the budget
   * guarantees it a share.
   * @throws AggregateError with every error; all parts were asked to stop
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(signal: AbortSignal | undefined): Promise<void> {
    const { parts, log, monotonic, onStarting } = this.#options;
    const aborted = signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal;
    try {
      if (aborted.aborted) throw createInterruption();
      for (const part of parts) this.#prepare(part);
      for (const part of parts) {
        if (aborted.aborted) throw createInterruption();
        onStarting?.(part.name);
        const beganMs = monotonic();
        this.#begun = [...this.#begun.filter((one) => one !== part), part];
        await this.#startPart(part, aborted);
        log.info({ part: part.name, tookMs: Math.round(monotonic() - beganMs) }, 'part started');
      }
      if (aborted.aborted) throw createInterruption();
      this.#state = 'running';
    } catch (error) {
      const reason = aborted.aborted ? createInterruption(error) : error;
      const failures = await this.#stopBegun();
      if (failures.length === 0) throw reason;
      throw new AggregateError([reason, ...failures], describeError(reason), { cause: reason });
    }
  }

  #prepare(part: Part): void {
    if (!part.prepare) return;
    this.#begun.push(part);
    part.prepare();
  }

  async #startPart(part: Part, aborted: AbortSignal): Promise<void> {
    const starting = (async () => part.start(aborted))();
    // A start that ignores the signal must not delay the stop beyond its budget.
    const abandoned = createRejection();
    let timer: unknown;
    const onAbort = (): void => {
      const limitMs = this.#stopBudget().limitBefore(this.#begun);
      timer = this.#options.timers.setTimeout(() => abandoned.reject(createInterruption()), limitMs);
    };
    aborted.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([starting, abandoned.promise]);
    } finally {
      aborted.removeEventListener('abort', onAbort);
      this.#options.timers.clearTimeout(timer);
    }
  }

  async #stop(): Promise<void> {
    if (this.#state === 'starting') {
      this.#abort.abort();
      try {
        await this.#starting;
      } catch (error) {
        // The failed start has stopped every part itself; only the errors of those stops are reported here.
        if (error instanceof AggregateError) throw new AggregateError(error.errors.slice(1), STOP_FAILED);
        return;
      }
    }
    const failures = await this.#stopBegun();
    if (failures.length > 0) throw new AggregateError(failures, STOP_FAILED);
  }

  async #stopBegun(): Promise<unknown[]> {
    this.#state = 'stopping';
    const failures: unknown[] = [];
    for (let part = this.#begun.pop(); part !== undefined; part = this.#begun.pop()) {
      try {
        await this.#stopPart(part);
      } catch (error) {
        failures.push(error);
        this.#options.log.error({ part: part.name, err: error }, 'part could not be stopped');
      }
    }
    this.#state = 'stopped';
    return failures;
  }

  async #stopPart(part: Part): Promise<void> {
    const { timers, monotonic, log } = this.#options;
    const budget = this.#stopBudget();
    const limitMs = Math.round(budget.limitFor(part, this.#begun));
    const beganMs = monotonic();
    const expired = createRejection();
    const lateness = new AppError('INTERNAL', `${part.name} did not stop within ${limitMs} ms`);
    const timer = timers.setTimeout(() => expired.reject(lateness), limitMs);
    try {
      await Promise.race([(async () => part.stop())(), expired.promise]);
      log.info({ part: part.name, tookMs: Math.round(monotonic() - beganMs) }, 'part stopped');
    } catch (error) {
      if (error !== lateness || budget.isGuaranteed(part)) throw error;
      log.warn({ part: part.name, limitMs }, 'part did not stop in time; the stop goes on without it');
    } finally {
      timers.clearTimeout(timer);
    }
  }

  /** Starts the budget at the first call. */
  #stopBudget(): SharedBudget {
    this.#budget ??= new SharedBudget(this.#options.stopBudget, this.#options.monotonic);
    return this.#budget;
  }
}

const STOP_FAILED = 'not every part could be stopped';

function createInterruption(cause?: unknown): AppError {
  return cause instanceof AppError && cause.code === 'STOPPED'
    ? cause
    : new AppError('STOPPED', 'the start was interrupted', { cause });
}

/** A promise that only ever rejects, and whose rejection needs no handler. */
function createRejection(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  promise.catch(() => undefined);
  return { promise, reject };
}
