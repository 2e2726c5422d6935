// Where the capture loop waits: for a wake-up, and for a pause to be over.
import type { Timers } from '../domain/time.js';

/** One waiter at a time. Pauses are measured by timers, not by the clock, which may be set back. */
export class Gate {
  readonly #timers: Timers;
  #pause: unknown;
  #woken = false;
  #waiter: (() => void) | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** False while a pause lasts. */
  get isOpen(): boolean {
    return this.#pause === undefined;
  }

  /** Begins a pause, in place of one that lasts; its end is a wake-up. */
  closeFor(pauseMs: number): void {
    this.#endPause();
    this.#pause = this.#timers.setTimeout(() => {
      this.#pause = undefined;
      this.wake();
    }, pauseMs);
  }

  /** Ends a pause, and wakes. */
  open(): void {
    this.#endPause();
    this.wake();
  }

  wake(): void {
    this.#woken = true;
    this.#waiter?.();
  }

  /** Resolves at the next wake-up; at once after one that nobody waited for. */
  async wait(): Promise<void> {
    if (!this.#woken) await new Promise<void>((resolve) => (this.#waiter = resolve));
    this.#waiter = undefined;
    this.#woken = false;
  }

  #endPause(): void {
    if (this.#pause !== undefined) this.#timers.clearTimeout(this.#pause);
    this.#pause = undefined;
  }
}
