// The time budget of a stop: one total for all parts, with guaranteed shares for the parts that must not lose anything.
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';

export interface StopBudget {
  /** Longest time that the whole stop takes, milliseconds. */
  totalMs: number;
  /** Milliseconds that stay reserved for each of these parts, by name, however long the parts before it take. */
  guaranteedMs: Readonly<Record<string, number>>;
}

/** Time reserved for each part without a guarantee: enough for a stop that does not wait for anything. */
const SMALLEST_SHARE_MS = 50;

/** A budget that is being spent: it starts when it is constructed. */
export class SharedBudget {
  readonly #budget: StopBudget;
  readonly #monotonic: Clock;
  readonly #endMs: number;

  constructor(budget: StopBudget, monotonic: Clock) {
    this.#budget = budget;
    this.#monotonic = monotonic;
    this.#endMs = monotonic() + budget.totalMs;
  }

  /** Returns the milliseconds that one part may take, if `later` are the parts that stop after it. */
  limitFor(part: Part, later: readonly Part[]): number {
    return Math.max(this.#reserve(part), this.limitBefore(later));
  }

  /** Returns the milliseconds that are left before the reserves of `parts` begin; at least 0. */
  limitBefore(parts: readonly Part[]): number {
    const reservedMs = parts.reduce((sum, part) => sum + this.#reserve(part), 0);
    return Math.max(0, this.#endMs - this.#monotonic() - reservedMs);
  }

  /** Tells whether this part may lose something when it is left behind. */
  isGuaranteed(part: Part): boolean {
    return Object.hasOwn(this.#budget.guaranteedMs, part.name);
  }

  #reserve({ name }: Part): number {
    return this.#budget.guaranteedMs[name] ?? SMALLEST_SHARE_MS;
  }
}
