// The connection to a fleet's NATS server: made in the background, and made again for ever when it breaks.
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { silentLog, type Log } from '../../domain/log.js';
import { systemTimers, type Timers } from '../../domain/time.js';
import { AppError } from '../../errors.js';
import { Backoff } from '../../platform/backoff.js';
import type { LogState } from '../fleet-log.js';
import { makeConnectionOptions, type NatsAccess } from './connection-options.js';

/**
 * Waits before the next attempt, shortened at random by up to a half, so that doors do not all come in the same moment. 300 doors connected within
 * 2.0 s, and were back 3.7 s after their server, which had been away for 3 s (2 cores for server and doors, nats-server 2.9.10, 2026-11-28).
 */
const RETRY = { firstMs: 1_000, maxMs: 10_000 };
/** Wait after the server has refused the credentials: a door that was removed must not ask every few seconds for ever. */
const REFUSED = { firstMs: 5_000, maxMs: 300_000 };

export interface NatsLinkOptions {
  access: NatsAccess;
  retry?: { firstMs: number; maxMs: number };
  random?: () => number;
  timers?: Timers;
  logger?: Log;
}

/** Is called with each new connection, before anybody else can use it. */
export type ConnectionListener = (connection: NatsConnection) => Promise<void> | void;

export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #listeners: ConnectionListener[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #retry: Backoff;
  readonly #refused: Backoff;
  #connection: NatsConnection | undefined;
  #detail: string | undefined = 'The NATS server has not been reached yet.';
  #timer: unknown;
  #isClosed = false;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    const random = options.random ?? Math.random;
    this.#retry = new Backoff({ ...(options.retry ?? RETRY), random });
    this.#refused = new Backoff({ ...(options.retry ?? REFUSED), random });
  }

  get state(): LogState {
    return this.#connection ? { isConnected: true } : { isConnected: false, detail: this.#detail ?? '' };
  }

  /** Adds a listener; before `start`. */
  onConnection(listener: ConnectionListener): void {
    this.#listeners.push(listener);
  }

  start(): void {
    void this.#attempt();
  }

  /** Resolves after the attempt to connect that is running, whatever came of it. */
  async settle(): Promise<void> {
    if (this.#connection || this.#isClosed) return;
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** @throws AppError FLEET_UNREACHABLE: there is no connection now */
  get connection(): NatsConnection {
    if (!this.#connection) throw new AppError('FLEET_UNREACHABLE', this.#detail ?? 'The log of the fleet is closed.');
    return this.#connection;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#detail = 'The log of the fleet is closed.';
    (this.#options.timers ?? systemTimers).clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = undefined;
    this.#wake();
    await connection?.close();
  }

  async #attempt(): Promise<void> {
    const { access, timers = systemTimers, logger = silentLog } = this.#options;
    let delayMs: number;
    try {
      const connection = await connect(makeConnectionOptions(access));
      try {
        for (const listener of this.#listeners) await listener(connection);
        if (!this.#isClosed) this.#announce(connection);
        if (this.#isClosed) return;
        delayMs = this.#note(await connection.closed());
      } finally {
        this.#connection = undefined;
        await connection.close();
      }
    } catch (error) {
      delayMs = this.#note(error);
    }
    this.#wake();
    if (this.#isClosed) return;
    logger.warn({ detail: this.#detail, delayMs }, 'no connection to the NATS server of the fleet');
    this.#timer = timers.setTimeout(() => void this.#attempt(), delayMs);
  }

  #announce(connection: NatsConnection): void {
    this.#connection = connection;
    this.#retry.reset();
    this.#refused.reset();
    this.#options.logger?.info({ server: connection.getServer() }, 'connected to the NATS server of the fleet');
    this.#wake();
  }

  /** @returns the wait before the next attempt */
  #note(error: unknown): number {
    const reason = error instanceof Error ? error.message : 'the connection was closed';
    const isRefused = isRefusal(error);
    if (!this.#isClosed) {
      const what = isRefused ? 'The NATS server refuses the credentials' : 'The NATS server cannot be reached';
      this.#detail = `${what}: ${reason}.`;
    }
    return (isRefused ? this.#refused : this.#retry).next();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Tells whether the server said no: the credentials are revoked, have expired, or come from another fleet. */
function isRefusal(error: unknown): boolean {
  // The client has no class of its own for a revocation.
  return error instanceof Error && /\b(authentication|authorization)\b/i.test(error.message);
}
