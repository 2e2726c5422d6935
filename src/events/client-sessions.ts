// The sessions of the embedded broker: those of connected clients, and those that wait for absent ones, with limits on both.
import type { Clock } from '../domain/time.js';
import { ClientSession, type BrokerMessage } from './client-session.js';

export interface ClientSessionsOptions {
  /** Number of users, 0 where clients have none: each has an equal share of the sessions that wait. */
  users: number;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
}

/** Sessions that wait for absent clients. Beyond its share, the session of a user that has waited for longest is forgotten. */
export const MAX_ABSENT_SESSIONS = 100;
/** Time for which a session waits for its client. */
export const MAX_ABSENCE_MS = 24 * 3_600_000;
/** Bytes that wait for all absent clients. */
const MAX_ABSENT_BYTES = 16 * 1024 * 1024;

export class ClientSessions {
  readonly #options: ClientSessionsOptions;
  readonly #connected = new Map<string, ClientSession>();
  /** The time since which each one waits; the longest first. */
  readonly #absent = new Map<string, { session: ClientSession; sinceMs: number }>();
  #dropped = 0;

  constructor(options: ClientSessionsOptions) {
    this.#options = options;
  }

  /** Number of sessions that wait for absent clients. */
  get absentCount(): number {
    return this.#absent.size;
  }

  /** Messages that did not reach an absent client: its queue was full, or they had expired. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Returns the session of a client: the one that waited for it, unless it wants a clean one. No other client is connected under the id. */
  open(id: string, user: string | undefined, isClean: boolean): { session: ClientSession; isPresent: boolean } {
    this.#forgetOld();
    const waiting = this.#absent.get(id);
    this.#absent.delete(id);
    const session =
      waiting && !isClean
        ? waiting.session
        : new ClientSession({ id, user, isLasting: !isClean, onDropped: () => this.#dropped++ });
    this.#connected.set(id, session);
    return { session, isPresent: session === waiting?.session };
  }

  /** The client of a session is gone. */
  close(session: ClientSession): void {
    session.detach();
    if (this.#connected.get(session.id) === session) this.#connected.delete(session.id);
    if (!session.isLasting) return;
    const { users, monotonic } = this.#options;
    const own = [...this.#absent.values()].filter((one) => one.session.user === session.user);
    const oldest = own[0]?.session.id;
    if (oldest !== undefined && own.length >= Math.floor(MAX_ABSENT_SESSIONS / Math.max(1, users))) {
      this.#absent.delete(oldest);
    }
    this.#absent.set(session.id, { session, sinceMs: monotonic() });
  }

  /** Passes a message on to all sessions with a subscription that matches: to each one once. */
  route(message: BrokerMessage): void {
    this.#forgetOld();
    // A client that is cut off during the delivery becomes absent, and has its message already.
    for (const session of [...this.#connected.values(), ...[...this.#absent.values()].map(({ session: one }) => one)]) {
      const granted = session.findQos(message);
      if (granted !== undefined) session.deliver(message, granted, false);
    }
    this.#limitBytes();
  }

  #forgetOld(): void {
    const nowMs = this.#options.monotonic();
    for (const [id, { sinceMs }] of this.#absent) {
      if (nowMs - sinceMs < MAX_ABSENCE_MS) return;
      this.#absent.delete(id);
    }
  }

  /** While too many bytes wait for all absent clients, the one with most of them loses its oldest message. */
  #limitBytes(): void {
    const sessions = [...this.#absent.values()].map(({ session }) => session);
    let total = sessions.reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
    while (total > MAX_ABSENT_BYTES) {
      const largest = sessions.reduce((one, other) => (other.queuedBytes > one.queuedBytes ? other : one));
      total -= largest.queuedBytes;
      largest.dropOldest();
      total += largest.queuedBytes;
    }
  }
}
