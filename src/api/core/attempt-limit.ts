// Slows the guessing of keys: wrong ones are counted by the address they came from, and too many close it for a while.
import { isIPv6 } from 'node:net';
import type { Clock } from '../../domain/time.js';

/** So many wrong keys in a row are answered as such … */
export const ATTEMPTS = 10;
/** … and after that one every so often. */
export const MS_PER_ATTEMPT = 6_000;
/** Addresses that are remembered; the one that was wrong the longest ago is forgotten first. */
const MAX_ADDRESSES = 1_000;

interface Debt {
  attempts: number;
  atMs: number;
}

/** Other addresses are let in whatever this one does. */
export class AttemptLimit {
  readonly #clock: Clock;
  /** In the order of the last wrong key. */
  readonly #debts = new Map<string, Debt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns milliseconds until this address may try a key again; 0: now */
  waitMs(address: string): number {
    const debt = this.#debtOf(networkOf(address));
    return debt > ATTEMPTS - 1 ? Math.ceil((debt - (ATTEMPTS - 1)) * MS_PER_ATTEMPT) : 0;
  }

  /** A wrong key came from this address. */
  countWrong(address: string): void {
    const network = networkOf(address);
    const attempts = Math.min(ATTEMPTS, this.#debtOf(network) + 1);
    this.#debts.delete(network);
    this.#debts.set(network, { attempts, atMs: this.#clock() });
    if (this.#debts.size > MAX_ADDRESSES) this.#debts.delete(this.#debts.keys().next().value ?? network);
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#debts.size;
  }

  /** What is left of the wrong attempts. */
  #debtOf(network: string): number {
    const debt = this.#debts.get(network);
    if (!debt) return 0;
    // A clock that is set back must not close an address for ever.
    const agoMs = Math.max(0, this.#clock() - debt.atMs);
    const left = debt.attempts - agoMs / MS_PER_ATTEMPT;
    if (left > 0) return left;
    this.#debts.delete(network);
    return 0;
  }
}

/** Whoever has an IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (ipv4) return ipv4[1];
  if (!isIPv6(address)) return address;
  const [head, tail] = address.split('%')[0].split('::');
  const left = head === '' ? [] : head.split(':');
  if (tail === undefined) return left.slice(0, 4).join(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeroes = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeroes, ...right].slice(0, 4).join(':');
}
