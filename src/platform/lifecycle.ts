// The lifecycle of the service: starts the parts in order, stops them in reverse, and collects what goes wrong.
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';

export type LifecycleState = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped';

export interface LifecycleOptions {
  /** In the order of their start. */
  parts: readonly Part[];
  /** A part that takes longer to stop is left behind, with an error; so is one whose start goes on that long after it was aborted. */
  stopTimeoutMs: number;
  clock: Clock;
  timers: Timers;
  log: Log;
  /** Called before each start, for a line of status. */
  onStarting?: (partName: string) => void;
}

export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #abort = new AbortController();
  #state: LifecycleState = 'idle';
  /** Those whose start was called, in that order. */
  #begun: Part[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /**
   * Starts the parts. When one fails, those before it are stopped again.
   * @param signal aborts the start, as stop() does
   * @throws what the part threw; AppError STOPPED when it was aborted; AggregateError, that first, when stopping failed as well
   */
  start(signal?: AbortSignal): Promise<void> {
    if (this.#state !== 'idle') throw new TypeError('a lifecycle starts once');
    this.#state = 'starting';
    this.#starting = this.#start(signal);
    return this.#starting;
  }

  /**
   * Stops the parts that were started, the last one first; interrupts a start that is under way. A second call waits for the first.
   * @throws AggregateError of all that went wrong; every part was asked to stop all the same
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(signal: AbortSignal | undefined): Promise<void> {
    const { parts, log, clock, onStarting } = this.#options;
    const aborted = signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal;
    try {
      for (const part of parts) {
        if (aborted.aborted) throw interrupted();
        onStarting?.(part.name);
        const beganMs = clock();
        this.#begun.push(part);
        await this.#startPart(part, aborted);
        log.info({ part: part.name, tookMs: Math.round(clock() - beganMs) }, 'part started');
      }
      if (aborted.aborted) throw interrupted();
      this.#state = 'running';
    } catch (error) {
      const reason = aborted.aborted ? interrupted(error) : error;
      const failures = await this.#stopBegun();
      if (failures.length === 0) throw reason;
      throw new AggregateError([reason, ...failures], describeError(reason), { cause: reason });
    }
  }

  async #startPart(part: Part, aborted: AbortSignal): Promise<void> {
    const { stopTimeoutMs } = this.#options;
    const starting = (async () => part.start(aborted))();
    // A start that does not heed the signal must not hold up the stop for ever.
    const hung = withoutEnd();
    let timer: unknown;
    const onAbort = (): void => {
      timer = this.#options.timers.setTimeout(() => hung.reject(interrupted()), stopTimeoutMs);
    };
    aborted.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([starting, hung.promise]);
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
        // The start stopped everything already; only what went wrong with that is of interest here.
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
    for (const part of this.#begun.splice(0).reverse()) {
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
    const { stopTimeoutMs, timers, clock, log } = this.#options;
    const beganMs = clock();
    const late = withoutEnd();
    const timer = timers.setTimeout(
      () => late.reject(new AppError('INTERNAL', `${part.name} did not stop within ${stopTimeoutMs} ms`)),
      stopTimeoutMs,
    );
    try {
      await Promise.race([(async () => part.stop())(), late.promise]);
      log.info({ part: part.name, tookMs: Math.round(clock() - beganMs) }, 'part stopped');
    } finally {
      timers.clearTimeout(timer);
    }
  }
}

const STOP_FAILED = 'not every part could be stopped';

function interrupted(cause?: unknown): AppError {
  return cause instanceof AppError && cause.code === 'STOPPED'
    ? cause
    : new AppError('STOPPED', 'the start was interrupted', { cause });
}

/** A promise that only ever rejects, and whose rejection may go unseen. */
function withoutEnd(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  promise.catch(() => undefined);
  return { promise, reject };
}
