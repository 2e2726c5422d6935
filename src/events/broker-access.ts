// The rights on the embedded broker: who may connect under which client id, what they may subscribe to, and what they may publish.
import type { BrokerPlaces, Guest } from './broker-places.js';
import type { BrokerUsers } from './broker-users.js';
import type { ClientSession } from './client-session.js';
import type { ConnectCode } from './mqtt-encoder.js';
import type { TopicFilter } from './topic-filters.js';

/** A client that wants to connect. */
export interface Applicant {
  link: Guest & { readonly isClosed: boolean };
  network: string;
  clientId: string;
  keepAliveS: number;
  username: string | undefined;
  password: Buffer | undefined;
}

/** The answer to a CONNECT: the id and the user of the client, or a refusal with the return code of the CONNACK. */
export type Admission =
  { clientId: string; user: string | undefined } | { reason: string; code: Exclude<ConnectCode, 0 | 1> };

/** A topic on which every client may publish. What a client publishes is never retained. */
export interface OpenTopic {
  topic: string;
  /** True where messages with the flag RETAIN, and wills, are passed on as well. */
  takesPresence: boolean;
}

export interface BrokerAccessOptions {
  places: BrokerPlaces;
  users: BrokerUsers;
  /** Client id of Lintel itself. */
  ownerId: string;
  /** True where only programs of this machine can connect. */
  isLocal: boolean;
  openTopics: readonly OpenTopic[];
}

const MAX_CLIENT_ID_CHARACTERS = 128;
/** Home Assistant has about 70 subscriptions of its own, and five for each camera. */
export const MAX_SUBSCRIPTIONS = 500;
/** Subscriptions with a wildcard among them. Each of them costs time for each message. */
const MAX_WILDCARDS = 200;
const MAX_FILTER_CHARACTERS = 256;
/** Longest keep alive of a client in the network. Without one, a connection that the network lost would hold its place. */
const MAX_KEEP_ALIVE_S = 600;
/** Time for an old connection with the same client id to end. */
const TAKEOVER_WAIT_MS = 250;

export class BrokerAccess {
  readonly #options: BrokerAccessOptions;

  constructor(options: BrokerAccessOptions) {
    this.#options = options;
  }

  /**
   * Decides about a CONNECT, and gives the client its place. With users, the client id becomes `user/id`: two users may have the same id, and
   * nobody takes over the session of another user. Without users nobody takes over a client that is connected, because every program could.
   */
  async admit(applicant: Applicant): Promise<Admission> {
    const { places, users, ownerId, isLocal } = this.#options;
    const { link, network, keepAliveS, username, password } = applicant;
    const user = users.count > 0 ? users.authenticate(username, password) : undefined;
    if (users.count > 0 && user === undefined) return { reason: 'the user or the password is wrong', code: 4 };
    if (!isLocal && (keepAliveS === 0 || keepAliveS > MAX_KEEP_ALIVE_S)) {
      return { reason: `the keep alive must be 1 to ${MAX_KEEP_ALIVE_S} seconds`, code: 5 };
    }
    if (applicant.clientId.length > MAX_CLIENT_ID_CHARACTERS) return { reason: 'the client id is too long', code: 2 };
    if (applicant.clientId === ownerId) return { reason: 'the client id is that of Lintel', code: 5 };
    const clientId = user === undefined ? applicant.clientId : `${user}/${applicant.clientId}`;
    if (user === undefined) await places.waitUntilFree(clientId, TAKEOVER_WAIT_MS);
    if (link.isClosed) return { reason: 'the connection has ended', code: 3 };
    if (user === undefined && places.find(clientId)) return { reason: 'the client id is in use', code: 2 };
    const problem = places.seat(link, { network, user, clientId });
    return problem === undefined ? { clientId, user } : { reason: problem, code: 3 };
  }

  /** Returns whether a message, or a will, of a client is passed on. */
  mayPublish({ topic, retain }: { topic: string; retain: boolean }, isWill = false): boolean {
    const open = this.#options.openTopics.find((one) => one.topic === topic);
    return open !== undefined && (open.takesPresence || (!retain && !isWill));
  }

  /** The topics below $SYS tell who is connected; $share is no shared subscription here. A refused filter gets 0x80 in the SUBACK. */
  maySubscribe({ text, hasWildcard }: TopicFilter, session: ClientSession, network: string): boolean {
    if (text.startsWith('$') || text.length > MAX_FILTER_CHARACTERS) return false;
    if (!session.hasSubscription(text)) {
      const { all, wildcards } = session.subscriptionCounts;
      if (all >= MAX_SUBSCRIPTIONS || (hasWildcard && wildcards >= MAX_WILDCARDS)) return false;
    }
    return this.#options.places.countSubscription(network);
  }
}
