// A token bucket: the limit of a rate, with a reserve for bursts.
import type { Clock } from '../domain/time.js';

export interface TokenBucketOptions {
  /** Tokens that come back in one second. */
  perSecond: number;
  /** Greatest number of tokens, and the number at the start. */
  burst: number;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
}

export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #tokens: number;
  #atMs: number;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#atMs = options.monotonic();
  }

  /** Takes tokens. @returns false, and takes nothing, when there are fewer */
  take(count = 1): boolean {
    this.#refill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes tokens, also those that are not there yet. @returns milliseconds until the missing tokens have come back; 0 when none is missing */
  spend(count = 1): number {
    this.#refill();
    this.#tokens -= count;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#options.perSecond) * 1_000;
  }

  #refill(): void {
    const { perSecond, burst, monotonic } = this.#options;
    const nowMs = monotonic();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#atMs) / 1_000) * perSecond);
    this.#atMs = nowMs;
  }
}
