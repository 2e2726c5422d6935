// The send window of one connection: it limits the messages without a PUBACK, so that a live event never waits behind the history.

/** Number of places that the history leaves free for live events, as far as there is more than one place. */
const LIVE_PLACES = 4;
/** Number of history bytes that may be on the wire ahead of a live event. A single message may be larger. */
const HISTORY_BYTES = 64 * 1024;

export class SendWindow {
  readonly #places: number;
  #live = 0;
  #history = 0;
  #historyBytes = 0;

  /** @param places number of messages that may wait for their PUBACK at the same time, at least 1 */
  constructor(places: number) {
    this.#places = Math.max(1, places);
  }

  get liveIsFree(): boolean {
    return this.#live < LIVE_PLACES && this.#live + this.#history < this.#places;
  }

  get historyIsFree(): boolean {
    const places = this.#places - Math.min(LIVE_PLACES, this.#places - 1);
    if (this.#history >= places || this.#live + this.#history >= this.#places) return false;
    return this.#history === 0 || this.#historyBytes < HISTORY_BYTES;
  }

  /** Takes a place. @returns the function that gives it back */
  takeLive(): () => void {
    this.#live++;
    return () => {
      this.#live--;
    };
  }

  /** Takes a place. @returns the function that gives it back */
  takeHistory(bytes: number): () => void {
    this.#history++;
    this.#historyBytes += bytes;
    return () => {
      this.#history--;
      this.#historyBytes -= bytes;
    };
  }
}
