// How often something happened lately.

const KEPT = 64;

/** Occurrences per second over the last ones, at most 64. */
export class RateMeter {
  readonly #windowMs: number;
  #times: number[] = [];

  /** @param windowMs what is older does not count */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(nowMs: number): void {
    this.#times.push(nowMs);
    if (this.#times.length > KEPT) this.#times.shift();
  }

  perSecond(nowMs: number): number {
    const recent = this.#times.filter((time) => time <= nowMs && nowMs - time <= this.#windowMs);
    const spanMs = recent.length > 1 ? recent[recent.length - 1] - recent[0] : 0;
    return spanMs > 0 ? ((recent.length - 1) * 1000) / spanMs : 0;
  }
}
