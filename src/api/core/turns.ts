// Turns of the main thread: of all requests that wait for one, one goes on in each round of the event loop.

/**
 * Lets requests go on one after the other, so that cameras, MQTT and timers are served between them. Without turns, all requests whose
 * bytes arrive together are handled in the same round of the event loop, and the sum of their work holds everything else up.
 */
export class RequestTurns {
  readonly #waiting: (() => void)[] = [];
  #isScheduled = false;

  /** Resolves when it is the caller's turn, in a later round of the event loop. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    // An immediate that is set by an immediate runs in the next round.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#waiting.shift()?.();
      this.#schedule();
    });
  }
}
