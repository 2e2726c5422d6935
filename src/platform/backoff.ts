// The delays between attempts: doubling up to a limit, and shortened at random.

export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** A number from 0 to 1, as Math.random. */
  random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #attempts = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Returns the next delay in milliseconds, shortened at random by up to a half, so that many devices do not come back at once. */
  next(): number {
    const { firstMs, maxMs, random } = this.#options;
    const delayMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return Math.round(delayMs * (1 - random() / 2));
  }

  /** Starts again with the first delay. */
  reset(): void {
    this.#attempts = 0;
  }
}
