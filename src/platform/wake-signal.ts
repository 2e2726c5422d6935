// Wakes one waiting loop; a notification that comes before the wait is not lost.

export class WakeSignal {
  #notified = false;
  #waiter: (() => void) | undefined;

  notify(): void {
    this.#notified = true;
    this.#waiter?.();
  }

  /** Resolves at the next notification, at once if there was one since the last wait. One waiter at a time. */
  async wait(): Promise<void> {
    if (!this.#notified) await new Promise<void>((resolve) => (this.#waiter = resolve));
    this.#waiter = undefined;
    this.#notified = false;
  }
}
