// The middle of the embedded broker: the clients by their ids, the retained messages, and who gets what is published.
import type { RateLimitedLog } from './broker-log.js';
import type { Admission, BrokerAccess } from './broker-access.js';
import { BrokerClient, type ClientHost, type Joined } from './broker-client.js';
import type { ClientLink } from './client-link.js';
import type { BrokerMessage, ClientSession } from './client-session.js';
import type { ClientSessions } from './client-sessions.js';
import { matchesTopic, type TopicFilter } from './topic-filters.js';
import type { ConnectPacket, PublishPacket, Qos, Will } from './mqtt-decoder.js';

export interface BrokerHubOptions {
  access: BrokerAccess;
  sessions: ClientSessions;
  log: RateLimitedLog;
  /** Log of the messages that are ignored: they must not keep other warnings out. */
  ignoredLog: RateLimitedLog;
  /** Returns whether a message that waited for an absent client must not be sent any more. */
  hasExpired: (payload: Buffer) => boolean;
}

export interface HubCounts {
  /** Connections that were refused. */
  refused: number;
  /** Clients that were disconnected for what they did, or did not do. */
  cutOff: number;
  /** Messages of clients that were not passed on. */
  ignored: number;
}

/** Longest message of a client that is passed on: a command, or a word such as `online`. */
const MAX_CLIENT_MESSAGE_BYTES = 8 * 1024;
/** Characters of a foreign topic in the log. */
const MAX_LOGGED_CHARACTERS = 80;

export class BrokerHub implements ClientHost {
  readonly counts: HubCounts = { refused: 0, cutOff: 0, ignored: 0 };
  readonly #options: BrokerHubOptions;
  readonly #clients = new Map<string, BrokerClient>();
  /** Links of Lintel itself. */
  readonly #own = new WeakSet<ClientLink>();
  /** Retained messages by topic. Only Lintel has any. */
  readonly #retained = new Map<string, BrokerMessage>();
  readonly #onReleased: (link: ClientLink) => void;
  #isStopped = false;

  /** @param onReleased called when a connection has ended */
  constructor(options: BrokerHubOptions, onReleased: (link: ClientLink) => void) {
    this.#options = options;
    this.#onReleased = onReleased;
  }

  /** Serves a client. @param network where it comes from; undefined for Lintel itself */
  serve(link: ClientLink, network: string | undefined): void {
    if (network === undefined) this.#own.add(link);
    new BrokerClient({ link, network: network ?? '', host: this }).open();
  }

  start(): void {
    this.#isStopped = false;
  }

  /** Ends all connections that have a client id. Wills are not published any more. */
  stop(): void {
    this.#isStopped = true;
    for (const { link } of this.#clients.values()) link.end();
  }

  /** Counts and logs the refusal of a client. */
  refuse(reason: string, network: string): void {
    this.counts.refused++;
    this.#options.log.warn(reason, { reason, address: network }, 'the embedded MQTT broker refuses a client');
  }

  async admit(client: BrokerClient, packet: ConnectPacket): Promise<Admission> {
    const { link, network } = client;
    if (this.#own.has(link)) return { clientId: packet.clientId, user: undefined };
    const admission = await this.#options.access.admit({ ...packet, link, network });
    if ('reason' in admission) this.refuse(admission.reason, network);
    return admission;
  }

  join(client: BrokerClient, who: { clientId: string; user: string | undefined }, isClean: boolean): Joined {
    const { clientId, user } = who;
    this.#clients.get(clientId)?.link.destroy();
    this.#clients.set(clientId, client);
    return this.#options.sessions.open(clientId, user, isClean);
  }

  mayPublish(
    client: BrokerClient,
    message: Pick<PublishPacket, 'topic' | 'payload' | 'retain'>,
    isWhole: boolean,
  ): boolean {
    if (this.#own.has(client.link)) return true;
    const isSmall = isWhole && message.payload.length <= MAX_CLIENT_MESSAGE_BYTES;
    if (isSmall && this.#options.access.mayPublish(message)) return true;
    this.#ignore(client, message.topic);
    return false;
  }

  publish(client: BrokerClient, { topic, payload, qos, retain }: Omit<PublishPacket, 'id'>): void {
    // The bytes of the body may be a part of a larger buffer, which a kept message would hold.
    const message = { topic, levels: topic.split('/'), payload: Buffer.from(payload), qos };
    if (retain && this.#own.has(client.link)) this.#retain(message);
    this.#options.sessions.route(message);
  }

  maySubscribe({ link, network }: BrokerClient, session: ClientSession, filter: TopicFilter): boolean {
    return this.#own.has(link) || this.#options.access.maySubscribe(filter, session, network);
  }

  sendRetained(session: ClientSession, filter: readonly string[], granted: Qos): void {
    for (const message of this.#retained.values()) {
      if (matchesTopic(filter, message.levels)) session.deliver(message, granted, true);
    }
  }

  hasExpired(payload: Buffer): boolean {
    return this.#options.hasExpired(payload);
  }

  onClosed(client: BrokerClient, will: Will | undefined, reason: Error | undefined): void {
    const { id, session, link } = client;
    if (id !== undefined && this.#clients.get(id) === client) this.#clients.delete(id);
    if (session) this.#options.sessions.close(session);
    this.#onReleased(link);
    if (reason && !this.#own.has(link)) {
      this.counts.cutOff++;
      const fields = { client: id, address: client.network, reason: reason.message };
      this.#options.log.warn(reason.message, fields, 'the embedded MQTT broker cut off a client');
    }
    // Not at once: the connection may end in the middle of a delivery.
    if (will && !this.#isStopped) queueMicrotask(() => this.#publishWill(client, will));
  }

  #publishWill(client: BrokerClient, will: Will): void {
    const { topic, payload, retain } = will;
    const isSmall = payload.length <= MAX_CLIENT_MESSAGE_BYTES;
    if (this.#own.has(client.link) || (isSmall && this.#options.access.mayPublish({ topic, retain }, true))) {
      this.publish(client, will);
    } else this.#ignore(client, topic);
  }

  /** An empty payload deletes the message. */
  #retain(message: BrokerMessage): void {
    if (message.payload.length === 0) this.#retained.delete(message.topic);
    else this.#retained.set(message.topic, message);
  }

  #ignore(client: BrokerClient, topic: string): void {
    this.counts.ignored++;
    const fields = { client: client.id, topic: topic.slice(0, MAX_LOGGED_CHARACTERS), ignored: this.counts.ignored };
    this.#options.ignoredLog.warn(
      client.id ?? '',
      fields,
      'the embedded MQTT broker ignores what a client publishes: only Lintel publishes on it',
    );
  }
}
