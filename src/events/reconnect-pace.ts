// The pauses between connections: growing while the broker cannot be used, and longer while it keeps ending connections that stood.
import type { Clock } from '../domain/time.js';
import { Backoff } from '../platform/backoff.js';
import type { BrokerFailure } from './broker-failure.js';

export interface PaceTiming {
  backoffFirstMs: number;
  backoffMaxMs: number;
}

/** Number of connections in a row that end early before that is a pattern, and not a broker that restarts. */
const FIGHT_ENDS = 3;
/** Factor between the pauses of an absent broker and those of one that keeps ending connections. */
const FIGHT_FACTOR = 6;

/** Outlives the connections. */
export class ReconnectPace {
  readonly #timing: PaceTiming;
  readonly #monotonic: Clock;
  readonly #backoff: Backoff;
  readonly #fightBackoff: Backoff;
  #connectedAtMs: number | undefined;
  /** Number of connections in a row that ended early, because the broker closed them. */
  #earlyEnds = 0;
  #isTakenOver = false;

  constructor(timing: PaceTiming, { monotonic, random }: { monotonic: Clock; random: () => number }) {
    const { backoffFirstMs: firstMs, backoffMaxMs: maxMs } = timing;
    this.#timing = timing;
    this.#monotonic = monotonic;
    this.#backoff = new Backoff({ firstMs, maxMs, random });
    this.#fightBackoff = new Backoff({ firstMs: firstMs * FIGHT_FACTOR, maxMs: maxMs * FIGHT_FACTOR, random });
  }

  /** The broker accepted a connection. */
  connected(): void {
    this.#connectedAtMs = this.#monotonic();
  }

  /** A record of the history was taken: the broker can be used. */
  proved(): void {
    if (this.#earlyEnds < FIGHT_ENDS && !this.#isTakenOver) this.#backoff.reset();
  }

  /** Takes the end of a session into account. @returns the pause before the next one, in milliseconds */
  next(failure: BrokerFailure): number {
    const stoodMs = this.#connectedAtMs === undefined ? undefined : this.#monotonic() - this.#connectedAtMs;
    this.#connectedAtMs = undefined;
    if (stoodMs !== undefined) {
      if (stoodMs >= this.#timing.backoffMaxMs) this.#backoff.reset();
      if (stoodMs >= this.#quietMs) this.#forgetFight();
      if (failure.isTakenOver) this.#isTakenOver = true;
      if (failure.isTakenOver || failure.isCut) this.#earlyEnds++;
    }
    // It is away, which explains the ends: a broker that restarts again and again is no fight.
    else if (!failure.isCut && !this.#isTakenOver) this.#earlyEnds = 0;
    return this.isFight ? this.#fightBackoff.next() : this.#backoff.next();
  }

  /** True when the broker keeps ending connections that stood. */
  get isFight(): boolean {
    return this.#isTakenOver || this.#earlyEnds >= FIGHT_ENDS;
  }

  /** Describes a fight in words, until a connection has stood for a while. @returns undefined when there is none */
  describe(clientId: string): string | undefined {
    if (this.#connectedAtMs !== undefined && this.#monotonic() - this.#connectedAtMs >= this.#quietMs)
      this.#forgetFight();
    if (!this.isFight) return undefined;
    const what = `another client connects as ${clientId}: every device of one broker needs a deviceId of its own`;
    if (this.#isTakenOver) return `${what} (the session was taken over ${this.#earlyEnds} times)`;
    return `it has closed ${this.#earlyEnds} connections in a row and gave no reason; perhaps ${what}`;
  }

  /** Pause while a fresh event waits for the broker. */
  readUrgentMs(delayMs: number): number {
    return Math.min(delayMs, this.#timing.backoffFirstMs * 4);
  }

  /** A connection that stands for this long ends the fight. */
  get #quietMs(): number {
    return this.#timing.backoffMaxMs * FIGHT_FACTOR;
  }

  #forgetFight(): void {
    this.#earlyEnds = 0;
    this.#isTakenOver = false;
    this.#fightBackoff.reset();
  }
}
