// Work of the store in the background: one round at a time, which can be paused, and is tried again later where it fails.

export interface BackgroundWorkOptions {
  /** Does what there is to do. Never rejects. @returns false where it must be tried again later */
  work: () => Promise<boolean>;
  /** Time from a round that failed to the next one. */
  retryMs: number;
  timers: Pick<typeof globalThis, 'setTimeout' | 'clearTimeout'>;
}

export class BackgroundWork {
  readonly #options: BackgroundWorkOptions;
  #running: Promise<void> | undefined;
  #isWanted = false;
  #isPaused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: BackgroundWorkOptions) {
    this.#options = options;
  }

  /** True from `pause` to `resume`: a round that is under way ends as soon as it can. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Begins a round now, or when the one that is under way has ended. */
  run(): void {
    this.#isWanted = true;
    if (!this.#isPaused) this.#running ??= this.#work();
  }

  /** Begins a round after the time of a retry, unless one begins before. */
  runLater(): void {
    if (this.#isPaused || this.#timer !== undefined) return;
    const { retryMs, timers } = this.#options;
    this.#timer = timers.setTimeout(() => {
      this.#timer = undefined;
      this.run();
    }, retryMs);
    this.#timer.unref();
  }

  /** Resolves when no round is under way. A retry may be due later. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Begins no round any more. Resolves when the one that is under way has ended. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    this.#clearTimer();
    await this.idle();
  }

  /** Goes on after a pause, with what was wanted meanwhile. */
  resume(): void {
    this.#isPaused = false;
    if (this.#isWanted) this.run();
  }

  async #work(): Promise<void> {
    while (this.#isWanted && !this.#isPaused) {
      this.#isWanted = false;
      this.#clearTimer();
      if (await this.#options.work()) continue;
      // What a pause has cut off goes on with `resume`.
      if (this.#isPaused) this.#isWanted = true;
      else this.runLater();
    }
    this.#running = undefined;
  }

  #clearTimer(): void {
    if (this.#timer === undefined) return;
    this.#options.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
