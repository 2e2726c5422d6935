// The session of one client of the embedded broker: its subscriptions, and the messages that it has not acknowledged.
import type { Qos } from './mqtt-decoder.js';
import { encodeAnswer, encodePublish } from './mqtt-encoder.js';
import { matchesTopic, type TopicFilter } from './topic-filters.js';

export interface BrokerMessage {
  topic: string;
  /** Levels of the topic. */
  levels: readonly string[];
  payload: Buffer;
  /** QoS with which it was published. */
  qos: Qos;
}

/** Connection that a session sends to while its client is there. */
export interface Outlet {
  send(pieces: readonly Buffer[]): void;
  /** The client will acknowledge a message with this number of packets. */
  expectAcknowledgements(count: number): void;
}

export interface ClientSessionOptions {
  /** Client id, with the name of the user before it. */
  id: string;
  user: string | undefined;
  /** False for a session that ends with its connection (Clean Session). */
  isLasting: boolean;
  /** Called for a message that did not reach an absent client: the queue was full, or the message had expired. */
  onDropped: () => void;
}

interface Unacknowledged {
  /** Absent where it is never sent again. */
  message: BrokerMessage | undefined;
  qos: 1 | 2;
  retain: boolean;
  isSent: boolean;
  /** A PUBREC came for it. */
  isReleased: boolean;
}

/** Messages that a client need not acknowledge at once, and that wait for an absent client. The oldest one is forgotten beyond it. */
export const MAX_QUEUED_MESSAGES = 1_000;
/** Bytes of messages that wait for one absent client. */
export const MAX_QUEUED_BYTES = 1024 * 1024;

export class ClientSession {
  readonly id: string;
  readonly user: string | undefined;
  readonly isLasting: boolean;
  /** Identifiers of messages with QoS 2 that the client has sent and not released yet. */
  readonly receivedIds = new Set<number>();
  readonly #onDropped: () => void;
  /** Granted QoS of each subscription, by filter. */
  readonly #filters = new Map<string, Qos>();
  /** The subscriptions with a wildcard: only these have to be compared with each topic. */
  readonly #patterns = new Map<string, { levels: readonly string[]; qos: Qos }>();
  /** Messages that the client has not acknowledged, by packet identifier; oldest first. */
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  #queuedBytes = 0;
  #lastId = 0;
  #outlet: Outlet | undefined;

  constructor({ id, user, isLasting, onDropped }: ClientSessionOptions) {
    this.id = id;
    this.user = user;
    this.isLasting = isLasting;
    this.#onDropped = onDropped;
  }

  /** Bytes of the messages that would be sent again. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isConnected(): boolean {
    return this.#outlet !== undefined;
  }

  hasSubscription(filter: string): boolean {
    return this.#filters.has(filter);
  }

  /** Number of subscriptions, and of those among them whose filter has a wildcard. */
  get subscriptionCounts(): { all: number; wildcards: number } {
    return { all: this.#filters.size, wildcards: this.#patterns.size };
  }

  /** Adds a subscription, or replaces the one with the same filter. */
  subscribe({ text, levels, hasWildcard }: TopicFilter, qos: Qos): void {
    this.#filters.set(text, qos);
    if (hasWildcard) this.#patterns.set(text, { levels, qos });
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
    this.#patterns.delete(filter);
  }

  /** Returns the greatest QoS of the subscriptions that match a topic; undefined where none does. */
  findQos({ topic, levels }: Pick<BrokerMessage, 'topic' | 'levels'>): Qos | undefined {
    let found = this.#filters.get(topic);
    for (const pattern of this.#patterns.values()) {
      if (found === 2) break;
      if ((found === undefined || pattern.qos > found) && matchesTopic(pattern.levels, levels)) found = pattern.qos;
    }
    return found;
  }

  /** Sends a message at the lower of its QoS and the granted one, or keeps it for an absent client. */
  deliver(message: BrokerMessage, granted: Qos, retain: boolean): void {
    const qos = Math.min(message.qos, granted) as Qos;
    const { topic, payload } = message;
    if (qos === 0) {
      this.#outlet?.send(encodePublish({ topic, payload, qos, id: 0, retain, dup: false }));
      return;
    }
    if (!this.#outlet && payload.length > MAX_QUEUED_BYTES) {
      this.#onDropped();
      return;
    }
    const isKept = this.isLasting && payload.length <= MAX_QUEUED_BYTES;
    const isSent = this.#outlet !== undefined;
    const entry = { message: isKept ? message : undefined, qos, retain, isSent, isReleased: false };
    const id = this.#takeId();
    this.#unacknowledged.set(id, entry);
    if (isKept) this.#queuedBytes += payload.length;
    while (this.#unacknowledged.size > MAX_QUEUED_MESSAGES || this.#queuedBytes > MAX_QUEUED_BYTES) this.dropOldest();
    if (!this.#outlet) return;
    this.#outlet.expectAcknowledgements(qos);
    this.#outlet.send(encodePublish({ topic, payload, qos, id, retain, dup: false }));
  }

  /** Forgets the message that has waited for longest. */
  dropOldest(): void {
    const [first] = this.#unacknowledged.keys();
    if (first === undefined) return;
    if (!this.isConnected) this.#onDropped();
    this.#forget(first);
  }

  /**
   * Connects the session to its client, and sends the messages that the client has not acknowledged.
   * @param hasExpired says of a payload that it must not be sent any more
   */
  attach(outlet: Outlet, hasExpired: (payload: Buffer) => boolean): void {
    this.#outlet = outlet;
    const pieces: Buffer[] = [];
    for (const [id, entry] of this.#unacknowledged) {
      const { message, qos, retain, isSent, isReleased } = entry;
      if (isReleased) {
        outlet.expectAcknowledgements(1);
        pieces.push(encodeAnswer('pubrel', id));
      } else if (!message || hasExpired(message.payload)) {
        if (message) this.#onDropped();
        this.#forget(id);
      } else {
        const { topic, payload } = message;
        outlet.expectAcknowledgements(qos);
        pieces.push(...encodePublish({ topic, payload, qos, id, retain, dup: isSent }));
        entry.isSent = true;
      }
    }
    if (pieces.length > 0) outlet.send(pieces);
  }

  detach(): void {
    this.#outlet = undefined;
  }

  /** The client has acknowledged a message with QoS 1 (PUBACK), or the last step of one with QoS 2 (PUBCOMP). */
  acknowledge(id: number, qos: 1 | 2): void {
    const entry = this.#unacknowledged.get(id);
    if (entry?.qos === qos && (qos === 1 || entry.isReleased)) this.#forget(id);
  }

  /** The client has received a message with QoS 2 (PUBREC): it is never sent again. */
  release(id: number): void {
    const entry = this.#unacknowledged.get(id);
    if (entry?.qos === 2) {
      this.#queuedBytes -= entry.message?.payload.length ?? 0;
      entry.message = undefined;
      entry.isReleased = true;
    }
    this.#outlet?.send([encodeAnswer('pubrel', id)]);
  }

  #forget(id: number): void {
    this.#queuedBytes -= this.#unacknowledged.get(id)?.message?.payload.length ?? 0;
    this.#unacknowledged.delete(id);
  }

  /** Returns the next packet identifier that is not in use. There are more than messages. */
  #takeId(): number {
    do this.#lastId = (this.#lastId % 65_535) + 1;
    while (this.#unacknowledged.has(this.#lastId));
    return this.#lastId;
  }
}
