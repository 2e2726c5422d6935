// Limit on the guessing of keys: wrong keys are counted by network address, and too many block the address for a while.
import type { Clock } from '../../domain/time.js';
import { findNetwork } from '../../platform/network.js';

/** Number of wrong keys that an address may send before it is blocked. */
export const ATTEMPTS = 10;
/** Time after which a blocked address may try once more. */
export const MS_PER_ATTEMPT = 6_000;
/** Limit of remembered addresses. Above it, the address whose last wrong key is the oldest is forgotten. */
const MAX_ADDRESSES = 1_000;

interface WrongAttempts {
  count: number;
  atMs: number;
}

/** Counts wrong keys by network address, and blocks an address that sent too many. Other addresses are not affected. */
export class AttemptLimit {
  readonly #clock: Clock;
  /** Attempts by network, ordered by the time of the last wrong key. */
  readonly #attempts = new Map<string, WrongAttempts>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns milliseconds until this address may try a key again; 0 when it may now */
  waitMs(address: string): number {
    const count = this.#countAttempts(findNetwork(address));
    return count > ATTEMPTS - 1 ? Math.ceil((count - (ATTEMPTS - 1)) * MS_PER_ATTEMPT) : 0;
  }

  /** Records a wrong key from this address. */
  countWrong(address: string): void {
    const network = findNetwork(address);
    const count = Math.min(ATTEMPTS, this.#countAttempts(network) + 1);
    this.#attempts.delete(network);
    this.#attempts.set(network, { count, atMs: this.#clock() });
    if (this.#attempts.size > MAX_ADDRESSES) this.#attempts.delete(this.#attempts.keys().next().value ?? network);
  }

  /** Number of addresses that are remembered. */
  get size(): number {
    return this.#attempts.size;
  }

  /** Returns how many attempts still count: one less for each MS_PER_ATTEMPT, as a fraction in between. */
  #countAttempts(network: string): number {
    const attempts = this.#attempts.get(network);
    if (!attempts) return 0;
    // A clock that is set back must not block an address for ever.
    const elapsedMs = Math.max(0, this.#clock() - attempts.atMs);
    const left = attempts.count - elapsedMs / MS_PER_ATTEMPT;
    if (left > 0) return left;
    this.#attempts.delete(network);
    return 0;
  }
}
