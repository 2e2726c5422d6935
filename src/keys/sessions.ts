// Sessions of the console: an admin key is exchanged for a random id, which stands for the key until the session ends.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Role } from '../domain/role.js';
import type { Clock, Timers } from '../domain/time.js';
import type { AdminKeys, RegisteredKey } from './key-registry.js';

/** Random bytes of the id of a session. */
const ID_BYTES = 32;
/** Form of such an id: base64url. Anything else is no id. */
const ID_PATTERN = /^[A-Za-z0-9_-]{43}$/;
/** Limit of the sessions of one key, so that one key cannot take all places. */
export const SESSIONS_PER_KEY = 32;
/** Limit of all sessions together. */
export const SESSIONS_IN_ALL = 256;

/** On whose behalf a session acts. */
export interface SessionHolder {
  /** Name of the admin key, or of the one-time link. */
  name: string;
  role: Role;
  /** Id of the admin key; absent for a session of a one-time link, which no key stands behind. */
  keyId?: string;
}

/** An open session as it may be shown. Times are milliseconds since the epoch. */
export interface OpenSession extends SessionHolder {
  /** UUID, which opens nothing. */
  id: string;
  /** Network address that signed in. */
  address: string;
  openedAtMs: number;
  /** Last time at which the user did something. */
  activeAtMs: number;
  /** Time at which the session ends at the latest. */
  expiresAtMs: number;
  /** Time that is left until the session ends, as long as the user does nothing. */
  idleLeftMs: number;
}

export interface SessionsParts {
  adminKeys: Pick<AdminKeys, 'find'>;
  /** Time without an act of the user after which a session ends. */
  idleMs: number;
  /** Time after which a session ends, whatever the user does. */
  lifetimeMs: number;
  clock: Clock;
  /** Milliseconds from any origin, never set back: a clock that is set must neither end a session nor prolong it. */
  monotonic: Clock;
  timers: Timers;
}

interface Session {
  id: string;
  holder: SessionHolder;
  channel: string;
  address: string;
  /** Times of `monotonic`. */
  openedMs: number;
  activeMs: number;
}

/**
 * The open sessions. Only the digest of an id is kept, and in memory alone: sessions end with the service. A session acts for its key, which is
 * looked up at every use.
 */
export class Sessions {
  readonly #parts: SessionsParts;
  /** Sessions by the digest of their id; the one whose user was active last is the last one. */
  readonly #sessions = new Map<string, Session>();
  readonly #listeners = new Set<() => void>();
  #timer: unknown;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  /**
   * Opens a session. Where its key has SESSIONS_PER_KEY sessions, or there are SESSIONS_IN_ALL, the one that was not used for the longest
   * time gives way.
   * @param key the admin key that was checked, or the holder of a one-time link
   * @param channel name of the cookie that carries the id: under another name the id opens nothing
   * @returns `secret`: the id, 43 characters of base64url; `gaveWay`: sessions that were ended for this one
   */
  open(
    key: RegisteredKey | Omit<SessionHolder, 'keyId'>,
    { channel, address }: { channel: string; address: string },
  ): { secret: string; session: OpenSession; gaveWay: OpenSession[] } {
    const holder = describeHolder(key);
    const gaveWay = this.#makeRoom(holder);
    const secret = randomBytes(ID_BYTES).toString('base64url');
    const nowMs = this.#parts.monotonic();
    const session = { id: randomUUID(), holder, channel, address, openedMs: nowMs, activeMs: nowMs };
    this.#sessions.set(digest(secret), session);
    this.#planSweep();
    if (gaveWay.length > 0) this.#notify();
    return { secret, session: this.#describe(session), gaveWay };
  }

  /** Returns the open session of this id. @param channel name of the cookie that carried it */
  find(secret: string, channel: string): OpenSession | undefined {
    if (!ID_PATTERN.test(secret)) return undefined;
    const session = this.#sessions.get(digest(secret));
    return session?.channel === channel && this.#holds(session) ? this.#describe(session) : undefined;
  }

  /** Tells whether the session is still open and its key still valid. @param id the UUID */
  isOpen(id: string): boolean {
    const [, session] = this.#findEntry(id) ?? [];
    return session !== undefined && this.#holds(session);
  }

  /** Records that the user of a session did something. Returns the session as it is then. */
  touch(id: string): OpenSession | undefined {
    const [place, session] = this.#findEntry(id) ?? [];
    if (place === undefined || session === undefined || !this.#holds(session)) return undefined;
    session.activeMs = this.#parts.monotonic();
    this.#sessions.delete(place);
    this.#sessions.set(place, session);
    return this.#describe(session);
  }

  /** Ends a session. @returns the session; undefined where there was none */
  end(id: string): OpenSession | undefined {
    const [place, session] = this.#findEntry(id) ?? [];
    if (place === undefined || session === undefined) return undefined;
    const ended = this.#describe(session);
    this.#sessions.delete(place);
    this.#notify();
    return ended;
  }

  /** Returns the open sessions, in the order in which they were opened. */
  list(): OpenSession[] {
    return [...this.#sessions.values()]
      .filter((session) => this.#holds(session))
      .sort((a, b) => a.openedMs - b.openedMs)
      .map((session) => this.#describe(session));
  }

  /** Forgets the sessions that are over, among them those of revoked keys, and tells the listeners when there were any. */
  sweep(): void {
    const { size } = this.#sessions;
    for (const [place, session] of this.#sessions) if (!this.#holds(session)) this.#sessions.delete(place);
    if (this.#sessions.size < size) this.#notify();
  }

  /** Calls the listener whenever sessions have ended. @returns the function that ends this */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all sessions. */
  close(): void {
    this.#parts.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sessions.clear();
    this.#notify();
  }

  /** Tells whether a session may still be used. */
  #holds({ holder, ...session }: Session): boolean {
    if (this.#leftMs(session) <= 0) return false;
    return holder.keyId === undefined || this.#parts.adminKeys.find(holder.keyId) !== undefined;
  }

  #leftMs({ openedMs, activeMs }: Pick<Session, 'openedMs' | 'activeMs'>): number {
    const { idleMs, lifetimeMs, monotonic } = this.#parts;
    return Math.min(openedMs + lifetimeMs, activeMs + idleMs) - monotonic();
  }

  #describe(session: Session): OpenSession {
    const { clock, monotonic, lifetimeMs } = this.#parts;
    const { id, holder, address, openedMs, activeMs } = session;
    const offsetMs = clock() - monotonic();
    return {
      ...holder,
      id,
      address,
      openedAtMs: offsetMs + openedMs,
      activeAtMs: offsetMs + activeMs,
      expiresAtMs: offsetMs + openedMs + lifetimeMs,
      idleLeftMs: Math.max(0, this.#leftMs(session)),
    };
  }

  #findEntry(id: string): [string, Session] | undefined {
    for (const entry of this.#sessions) if (entry[1].id === id) return entry;
    return undefined;
  }

  #makeRoom({ keyId }: SessionHolder): OpenSession[] {
    this.sweep();
    const gaveWay: OpenSession[] = [];
    const ofKey = [...this.#sessions].filter(([, { holder }]) => holder.keyId === keyId);
    const [oldest] =
      ofKey.length >= SESSIONS_PER_KEY ? ofKey : this.#sessions.size >= SESSIONS_IN_ALL ? this.#sessions : [];
    if (oldest) {
      gaveWay.push(this.#describe(oldest[1]));
      this.#sessions.delete(oldest[0]);
    }
    return gaveWay;
  }

  /** Plans the moment at which the next session ends by itself, so that its open streams end then. */
  #planSweep(): void {
    const { timers } = this.#parts;
    timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sessions.size === 0) return;
    const leftMs = Math.min(MAX_DELAY_MS, ...Array.from(this.#sessions.values(), (session) => this.#leftMs(session)));
    this.#timer = timers.setTimeout(
      () => {
        this.sweep();
        this.#planSweep();
      },
      Math.max(0, leftMs) + SWEEP_DELAY_MS,
    );
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A timer may fire slightly early: the sweep comes a little later than the end of the session. */
const SWEEP_DELAY_MS = 50;
/** Timers of Node take at most 25 days. */
const MAX_DELAY_MS = 3_600_000;

function describeHolder(key: RegisteredKey | Omit<SessionHolder, 'keyId'>): SessionHolder {
  const { name, role } = key;
  // The registry lists each admin key with its role; without one, a key may do nothing.
  if (role === undefined) throw new TypeError('only an admin key has sessions');
  return { name, role, ...('id' in key && { keyId: key.id }) };
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
