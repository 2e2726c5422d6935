// A piece of work that is repeated: at once when it is woken, after an interval otherwise, and with growing pauses while it fails.
import type { Timers } from '../domain/time.js';
import { Backoff } from './backoff.js';

export interface WorkLoopOptions {
  /** Calls never overlap. @param signal aborts at the stop */
  work: (signal: AbortSignal) => Promise<void>;
  /** Time from the end of one piece of work to the next one; asked each time. */
  intervalMs: () => number;
  /** Pauses while the work fails: the first one, and the longest. */
  retry: { firstMs: number; maxMs: number };
  /** Is called at each failure that does not come from the stop. @param isFirst false while the one before failed as well */
  onFailure: (error: unknown, isFirst: boolean) => void;
  /** A number from 0 to 1, as Math.random. */
  random: () => number;
  timers: Timers;
}

export class WorkLoop {
  readonly #options: WorkLoopOptions;
  readonly #backoff: Backoff;
  readonly #abort = new AbortController();
  #isStarted = false;
  #isFailing = false;
  #isWanted = false;
  #running: Promise<void> | undefined;
  #timer: unknown;

  constructor(options: WorkLoopOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...options.retry, random: options.random });
  }

  /** True while the last piece of work has failed. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Begins with a piece of work; a second call changes nothing. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#run();
  }

  /** Works as soon as possible: after the present piece of work, and while the work fails after the pause. */
  wake(): void {
    if (!this.#isStarted || this.#abort.signal.aborted) return;
    if (this.#running) this.#isWanted = true;
    else if (!this.#isFailing) this.#run();
  }

  /** Works at once, also within the pause after a failure: what made it fail may be over. */
  retry(): void {
    if (!this.#isStarted || this.#abort.signal.aborted) return;
    this.#backoff.reset();
    if (this.#running) this.#isWanted = true;
    else this.#run();
  }

  /** Resolves when the present piece of work has ended; there is no further one. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#options.timers.clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): void {
    this.#options.timers.clearTimeout(this.#timer);
    this.#isWanted = false;
    this.#running = this.#work().then((delayMs) => {
      this.#running = undefined;
      if (this.#abort.signal.aborted) return;
      if (this.#isWanted && !this.#isFailing) this.#run();
      else this.#timer = this.#options.timers.setTimeout(() => this.#run(), delayMs);
    });
  }

  /** @returns the time until the next piece of work */
  async #work(): Promise<number> {
    const { work, intervalMs, onFailure } = this.#options;
    const { signal } = this.#abort;
    try {
      await work(signal);
      this.#isFailing = false;
      this.#backoff.reset();
      return intervalMs();
    } catch (error) {
      if (!signal.aborted) onFailure(error, !this.#isFailing);
      this.#isFailing = true;
      return this.#backoff.next();
    }
  }
}
