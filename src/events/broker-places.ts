// The places of the embedded broker: who may connect, how often, and under which client id.
import type { Clock } from '../domain/time.js';
import { TokenBucket } from '../platform/token-bucket.js';
import { createDeferred, waitAtMost } from '../platform/waiting.js';

/** A connection as the places know it. */
export interface Guest {
  destroy(error?: Error): unknown;
}

/** Connections that have a client id and, where there are users, the right password. */
export const MAX_CLIENTS = 100;
/** Without users: clients of one network (findNetwork). With users, each user has an equal share of all places. */
export const MAX_CLIENTS_PER_NETWORK = 50;
/** Connections that have not sent who they are. Beyond it the oldest one of the network, or of all, makes room. */
export const MAX_WAITING_PER_NETWORK = 16;
export const MAX_WAITING = 64;
/** Connections of one network: at once, and in each second after that. */
const CONNECTIONS = { burst: 400, perSecond: 20 };
/** Subscriptions in the same way. Home Assistant makes more than a hundred each time that it starts. */
const SUBSCRIPTIONS = { burst: 2_000, perSecond: 100 };
/** Limit of the networks that are counted. Above it, the one that was quiet for longest is forgotten. */
const MAX_NETWORKS = 1_000;

interface Seat {
  network: string;
  user: string | undefined;
  clientId: string;
}

/** Lintel's own connection takes no place here, so that nobody can crowd it out. */
export class BrokerPlaces {
  readonly #users: number;
  readonly #monotonic: Clock;
  /** Networks of the connections that have not sent who they are, oldest first. */
  readonly #waiting = new Map<Guest, string>();
  readonly #seats = new Map<Guest, Seat>();
  readonly #byId = new Map<string, Guest>();
  /** Called when a client id is free again. */
  readonly #freed = new Map<string, (() => void)[]>();
  readonly #connections = new Map<string, TokenBucket>();
  readonly #subscriptions = new Map<string, TokenBucket>();

  /** @param options `users`: number of users, 0 where clients have none; `monotonic`: milliseconds that never go back */
  constructor({ users, monotonic }: { users: number; monotonic: Clock }) {
    this.#users = users;
    this.#monotonic = monotonic;
  }

  get clients(): number {
    return this.#seats.size;
  }

  get guests(): readonly Guest[] {
    return [...this.#waiting.keys(), ...this.#seats.keys()];
  }

  /** Counts a connection. @returns false when the network has made too many */
  countConnection(network: string): boolean {
    return this.#count(this.#connections, network, CONNECTIONS);
  }

  /** Counts a subscription. @returns false when the network has made too many */
  countSubscription(network: string): boolean {
    return this.#count(this.#subscriptions, network, SUBSCRIPTIONS);
  }

  /** Lets a connection wait for its client to send who it is. The oldest one that waits makes room when there is none. */
  admit(guest: Guest, network: string): void {
    const ofNetwork = [...this.#waiting].filter(([, other]) => other === network);
    const full = ofNetwork.length >= MAX_WAITING_PER_NETWORK ? ofNetwork[0]?.[0] : undefined;
    const oldest = full ?? (this.#waiting.size >= MAX_WAITING ? this.#waiting.keys().next().value : undefined);
    this.#waiting.set(guest, network);
    if (!oldest) return;
    this.#waiting.delete(oldest);
    oldest.destroy(new Error('a newer connection takes the place'));
  }

  /** Puts the decrypted stream in the place of the connection under it. */
  replace(guest: Guest, by: Guest): void {
    const network = this.#waiting.get(guest);
    if (network === undefined) return;
    this.#waiting.delete(guest);
    this.#waiting.set(by, network);
  }

  /** Returns whether a connection has not sent who it is, or has no place yet. */
  isWaiting(guest: Guest): boolean {
    return this.#waiting.has(guest);
  }

  /** Returns the connection that has this client id. */
  find(clientId: string): Guest | undefined {
    return this.#byId.get(clientId);
  }

  /** Resolves when nobody has this client id any more, or after the limit. */
  async waitUntilFree(clientId: string, limitMs: number): Promise<void> {
    if (!this.#byId.has(clientId)) return;
    const freed = createDeferred();
    const waiters = this.#freed.get(clientId) ?? [];
    this.#freed.set(clientId, [...waiters, freed.resolve]);
    await waitAtMost(limitMs, freed.promise);
  }

  /**
   * Gives a connection its place. Another one with the same id loses its place; the caller ends it.
   * @returns why there is no place; undefined where there is one
   */
  seat(guest: Guest, seat: Seat): string | undefined {
    const { network, user, clientId } = seat;
    const before = this.#byId.get(clientId);
    const others = [...this.#seats].filter(([other]) => other !== before).map(([, one]) => one);
    if (others.length >= MAX_CLIENTS) return 'all places are taken';
    if (
      user !== undefined &&
      others.filter((one) => one.user === user).length >= Math.floor(MAX_CLIENTS / this.#users)
    ) {
      return 'all places of this user are taken';
    }
    if (user === undefined && others.filter((one) => one.network === network).length >= MAX_CLIENTS_PER_NETWORK) {
      return 'all places of this address are taken';
    }
    if (before) this.release(before);
    this.#waiting.delete(guest);
    this.#seats.set(guest, seat);
    this.#byId.set(clientId, guest);
    return undefined;
  }

  /** The connection has ended. */
  release(guest: Guest): void {
    this.#waiting.delete(guest);
    const seat = this.#seats.get(guest);
    if (!seat) return;
    this.#seats.delete(guest);
    if (this.#byId.get(seat.clientId) !== guest) return;
    this.#byId.delete(seat.clientId);
    const waiters = this.#freed.get(seat.clientId) ?? [];
    this.#freed.delete(seat.clientId);
    for (const resolve of waiters) resolve();
  }

  #count(counts: Map<string, TokenBucket>, network: string, limit: { burst: number; perSecond: number }): boolean {
    const bucket = counts.get(network) ?? new TokenBucket({ ...limit, monotonic: this.#monotonic });
    counts.delete(network);
    counts.set(network, bucket);
    if (counts.size > MAX_NETWORKS) counts.delete(counts.keys().next().value ?? network);
    return bucket.take();
  }
}
