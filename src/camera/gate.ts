// The place where the capture loop waits: for a wake-up, and for the end of a pause.
import type { Timers } from '../domain/time.js';
import { WakeSignal } from '../platform/waiting.js';

/** Lets one loop wait. Pauses are measured by timers and not by the clock, which may be set back. */
export class Gate {
  readonly #timers: Timers;
  readonly #signal = new WakeSignal();
  #pause: unknown;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** False during a pause. */
  get isOpen(): boolean {
    return this.#pause === undefined;
  }

  /** Begins a pause, which replaces the current one. Its end wakes the loop. */
  closeFor(pauseMs: number): void {
    this.#endPause();
    this.#pause = this.#timers.setTimeout(() => {
      this.#pause = undefined;
      this.wake();
    }, pauseMs);
  }

  /** Ends a pause, and wakes the loop. */
  open(): void {
    this.#endPause();
    this.wake();
  }

  wake(): void {
    this.#signal.wake();
  }

  /** Resolves at the next wake-up, or at once if there was one since the last wait. */
  wait(): Promise<void> {
    return this.#signal.wait();
  }

  #endPause(): void {
    if (this.#pause !== undefined) this.#timers.clearTimeout(this.#pause);
    this.#pause = undefined;
  }
}
