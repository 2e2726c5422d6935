// The number of answered requests and the time that they took, for the history.

/** Counts since the start of the service. */
export class RequestTally {
  #count = 0;
  #totalMs = 0;

  /** Adds an answered request. A stream counts when it begins. */
  add(seconds: number): void {
    this.#count++;
    this.#totalMs += seconds * 1_000;
  }

  get count(): number {
    return this.#count;
  }

  /** Sum of the times of all requests. */
  get totalMs(): number {
    return this.#totalMs;
  }
}
