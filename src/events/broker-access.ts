// The rights on the embedded broker: who may connect under which client id, what they may subscribe to, and what they may publish.
import type { BrokerPlaces, Guest } from './broker-places.js';
import type { BrokerUsers } from './broker-users.js';

/** The part of a client of aedes that decides about its rights. */
export interface BrokerClient {
  id: string;
  conn: Guest & { readonly destroyed: boolean };
}

export interface BrokerCredentials {
  network: string;
  username: string | undefined;
  password: Buffer | undefined;
}

/** The answer to a CONNECT. `code`: return code of the CONNACK (MQTT 3.1.1, 3.2.2.3). */
export type Admission = 'admitted' | { reason: string; code: 2 | 3 | 4 | 5 };

export interface BrokerAccessOptions {
  places: BrokerPlaces;
  users: BrokerUsers;
  /** Client id of Lintel itself. */
  ownerId: string;
  /** True where only programs of this machine can connect. */
  isLocal: boolean;
  /** Topics on which every client may publish messages that are not retained. */
  openTopics: readonly string[];
}

const MAX_CLIENT_ID_CHARACTERS = 128;
export const MAX_SUBSCRIPTIONS = 50;
const MAX_FILTER_CHARACTERS = 256;
/** Longest keep alive of a client in the network. Without one, a connection that the network lost would hold its place. */
const MAX_KEEP_ALIVE_S = 600;
/** Time for an old connection with the same client id to end. */
const TAKEOVER_WAIT_MS = 250;

export class BrokerAccess {
  readonly #options: BrokerAccessOptions;
  /** Keep alive of the clients that are connecting, in seconds. */
  readonly #keepAliveS = new WeakMap<object, number>();
  /** Number of accepted subscriptions. */
  readonly #subscriptions = new WeakMap<object, Set<string>>();

  constructor(options: BrokerAccessOptions) {
    this.#options = options;
  }

  /** Reads a CONNECT of another client, and removes its will: nobody but Lintel may publish. */
  inspect(client: object, packet: { keepalive?: number | undefined; will?: unknown }): void {
    this.#keepAliveS.set(client, packet.keepalive ?? 0);
    delete packet.will;
  }

  /**
   * Decides about a CONNECT, and gives the client its place. With users, the client id becomes `user/id`: two users may have the same id, and
   * nobody takes over the session of another user. Without users nobody takes over anything, because every program could.
   */
  async admit(client: BrokerClient, { network, username, password }: BrokerCredentials): Promise<Admission> {
    const { places, users, ownerId, isLocal } = this.#options;
    const user = users.count > 0 ? users.authenticate(username, password) : undefined;
    if (users.count > 0 && user === undefined) return { reason: 'the user or the password is wrong', code: 4 };
    const keepAliveS = this.#keepAliveS.get(client) ?? 0;
    if (!isLocal && (keepAliveS === 0 || keepAliveS > MAX_KEEP_ALIVE_S)) {
      return { reason: `the keep alive must be 1 to ${MAX_KEEP_ALIVE_S} seconds`, code: 5 };
    }
    if (client.id.length > MAX_CLIENT_ID_CHARACTERS) return { reason: 'the client id is too long', code: 2 };
    if (client.id === ownerId) return { reason: 'the client id is that of Lintel', code: 5 };
    const clientId = user === undefined ? client.id : `${user}/${client.id}`;
    if (user === undefined || isEnding(places.find(clientId))) await places.waitUntilFree(clientId, TAKEOVER_WAIT_MS);
    if (client.conn.destroyed) return { reason: 'the connection has ended', code: 3 };
    if (user === undefined && places.find(clientId)) return { reason: 'the client id is in use', code: 2 };
    client.id = clientId;
    const problem = places.seat(client.conn, { network, user, clientId });
    return problem === undefined ? 'admitted' : { reason: problem, code: 3 };
  }

  mayPublish({ topic, retain }: { topic: string; retain: boolean }): boolean {
    return !retain && this.#options.openTopics.includes(topic);
  }

  /** The topics below $SYS tell who is connected; $share is no shared subscription here. A refused filter gets 0x80 in the SUBACK. */
  maySubscribe(client: object, filter: string, network: string): boolean {
    if (filter.startsWith('$') || filter.length > MAX_FILTER_CHARACTERS) return false;
    const filters = this.#subscriptions.get(client) ?? new Set();
    this.#subscriptions.set(client, filters);
    if (!filters.has(filter) && filters.size >= MAX_SUBSCRIPTIONS) return false;
    if (!this.#options.places.countRequest(network)) return false;
    filters.add(filter);
    return true;
  }
}

function isEnding(guest: Guest | undefined): boolean {
  return guest !== undefined && 'destroyed' in guest && guest.destroyed === true;
}
