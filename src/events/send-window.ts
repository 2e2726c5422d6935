// How much may be on its way to the broker, so that a live event never waits behind the history.

/** Places for live events that the history leaves free, as far as there is more than one place. */
const LIVE_PLACES = 4;
/** Bytes of the history that may be ahead of a live event on the wire; one message may be larger. */
const HISTORY_BYTES = 64 * 1024;

/** Counts publishes without their PUBACK on one connection. */
export class SendWindow {
  readonly #places: number;
  #live = 0;
  #history = 0;
  #historyBytes = 0;

  /** @param places at least 1 */
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

  /** @returns gives the place back */
  takeLive(): () => void {
    this.#live++;
    return () => {
      this.#live--;
    };
  }

  /** @returns gives the place back */
  takeHistory(bytes: number): () => void {
    this.#history++;
    this.#historyBytes += bytes;
    return () => {
      this.#history--;
      this.#historyBytes -= bytes;
    };
  }
}
