// How long to wait before the next attempt: doubling, bounded, spread by chance.

export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** As Math.random. */
  random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #attempts = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds: the doubled delay, less a random part of up to a half, so that many devices do not come back at once. */
  next(): number {
    const { firstMs, maxMs, random } = this.#options;
    const delayMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return Math.round(delayMs * (1 - random() / 2));
  }

  reset(): void {
    this.#attempts = 0;
  }
}
