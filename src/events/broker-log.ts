// The warnings of the embedded broker: a flood of clients must not fill the log.
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';

/** Each kind of warning is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;
/** Limit of the kinds that are remembered. Beyond it nothing new is logged until they are forgotten. */
const MAX_KINDS = 100;

export class RateLimitedLog {
  readonly #log: Log;
  readonly #monotonic: Clock;
  /** Time at which each kind was logged last. */
  readonly #logged = new Map<string, number>();

  /** @param monotonic milliseconds that never go back, as performance.now */
  constructor(log: Log, monotonic: Clock) {
    this.#log = log;
    this.#monotonic = monotonic;
  }

  /** Logs a warning, unless one of the same kind was logged a short time ago. */
  warn(kind: string, fields: object, message: string): void {
    const nowMs = this.#monotonic();
    for (const [other, atMs] of this.#logged) if (nowMs - atMs >= LOG_INTERVAL_MS) this.#logged.delete(other);
    if (this.#logged.has(kind) || this.#logged.size >= MAX_KINDS) return;
    this.#logged.set(kind, nowMs);
    this.#log.warn(fields, message);
  }
}
