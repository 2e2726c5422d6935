// Measures how often something happened recently.

const MAX_TIMES = 64;

/** Occurrences per second, by the last ones: at most 64, and not older than the window. */
export class RateMeter {
  #times: number[] = [];

  add(nowMs: number): void {
    this.#times.push(nowMs);
    if (this.#times.length > MAX_TIMES) this.#times.shift();
  }

  /** Returns 0 for fewer than two occurrences in the window. */
  perSecond(nowMs: number, windowMs: number): number {
    const recent = this.#times.filter((time) => time <= nowMs && nowMs - time <= windowMs);
    const [first, last] = [recent.at(0), recent.at(-1)];
    if (first === undefined || last === undefined || last <= first) return 0;
    return ((recent.length - 1) * 1_000) / (last - first);
  }
}
