// The age of a copy: how long ago the authority last signed what this door holds.
import type { Clock } from '../domain/time.js';

export interface CopyAgeOptions {
  clock: Clock;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
}

/**
 * Measures the age by the time that the authority signed, and by the time that has passed here since a newer signature came: a log that shows
 * the same head again and again keeps no copy fresh, also where the clock is set back.
 */
export class CopyAge {
  readonly #options: CopyAgeOptions;
  #issuedAt: string | undefined;
  #heardAtMs = 0;

  constructor(options: CopyAgeOptions) {
    this.#options = options;
  }

  /** Notes the head that holds. @param issuedAt ISO 8601 */
  hear(issuedAt: string): void {
    if (issuedAt === this.#issuedAt) return;
    this.#issuedAt = issuedAt;
    this.#heardAtMs = this.#options.monotonic();
  }

  /** Tells whether the copy is older than a limit. Without any head it is. */
  isAbove(limitMs: number): boolean {
    if (this.#issuedAt === undefined) return true;
    const { clock, monotonic } = this.#options;
    return clock() - Date.parse(this.#issuedAt) > limitMs || monotonic() - this.#heardAtMs > limitMs;
  }
}
