// What the broker takes and what it does not: what it announces, and what was learned from messages that it refused.
import type { Clock } from '../domain/time.js';
import { nameDelivery, type Delivery } from './delivery.js';
import { refuseSize, type Refusal } from './refusal.js';

/** What a broker of MQTT 5 announces when it accepts a connection. */
export interface AnnouncedLimits {
  /** Largest packet in bytes; Infinity where the broker names none. */
  maximumPacketBytes: number;
  /** Highest quality of service. */
  maximumQos: 0 | 1;
  /** Whether the broker keeps retained messages. */
  retainAvailable: boolean;
  /** Number of QoS 1 messages that it accepts before it has sent a PUBACK; Infinity where it names none. */
  receiveMaximum: number;
}

/**
 * How a message may be sent. `main`: on the connection of everything else. `alone`: on a connection of its own, because a message like it
 * may have ended a connection. `none`: not at all.
 */
export type Route = { route: 'main' | 'alone' } | { route: 'none'; refusal: Refusal };

/** A topic on which a message ended its connection. */
interface ClosedTopic {
  /** Messages of this size or larger are not sent until `retryAtMs`. */
  bytes: number;
  refusal: Refusal;
  /** On the clock `monotonic`. */
  retryAtMs: number;
  retries: number;
  /** Largest message that the broker took on this topic since then. */
  acceptedBytes: number;
}

export const NO_LIMITS: AnnouncedLimits = {
  maximumPacketBytes: Infinity,
  maximumQos: 1,
  retainAvailable: true,
  receiveMaximum: Infinity,
};

/** First and longest interval at which a message is tried again on a topic where such a message ended its connection. */
const FIRST_RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 600_000;
/** Number of topics that are remembered. There are only a few for each camera. */
const MAX_TOPICS = 1_000;
/** Number of times that the first connection may end while a second one stands, before there is no second one any more. */
const MAX_LOST_TO_TRIALS = 2;
/** Number of cuts, each with one and the same message alone in flight, after which it counts as their reason. */
const MAX_STRIKES = 4;

/** Outlives the connections. */
export class BrokerLimits {
  readonly #monotonic: Clock;
  readonly #closed = new Map<string, ClosedTopic>();
  /** Number of cuts that each suspect was alone in flight at, by id. A suspect was in flight when a connection ended. */
  readonly #suspects = new Map<string, number>();
  /** Packets of this size or larger are sent alone: a smaller form of the same message passed. */
  #distrustedBytes = Infinity;
  /** The same for the largest of the messages that were in flight when a connection ended. */
  #suspectBytes = Infinity;
  /** True while a second connection stands. */
  #isTrying = false;
  /** Number of times that the first connection ended while a second one stood. */
  #lostToTrials = 0;
  #announced: AnnouncedLimits = NO_LIMITS;

  constructor(monotonic: Clock) {
    this.#monotonic = monotonic;
  }

  get announced(): AnnouncedLimits {
    return this.#announced;
  }

  /** A connection stands. What was refused before is tried again on it: the broker may have other limits now. */
  connected(announced: AnnouncedLimits): void {
    this.#announced = announced;
    for (const closed of this.#closed.values()) closed.retryAtMs = -Infinity;
  }

  /** Decides how a message of this size may be sent. */
  route(delivery: Pick<Delivery, 'id' | 'topic'>, bytes: number): Route {
    const { maximumPacketBytes } = this.#announced;
    if (bytes > maximumPacketBytes) return { route: 'none', refusal: refuseSize(bytes, maximumPacketBytes) };
    const closed = this.#closed.get(delivery.topic);
    if (closed) {
      if (bytes >= closed.bytes) {
        const isDue = this.#monotonic() >= closed.retryAtMs;
        return isDue ? { route: 'alone' } : { route: 'none', refusal: closed.refusal };
      }
      if (bytes > closed.acceptedBytes) return { route: 'alone' };
    }
    return {
      route:
        this.#suspects.has(nameDelivery(delivery)) || bytes >= Math.min(this.#distrustedBytes, this.#suspectBytes)
          ? 'alone'
          : 'main',
    };
  }

  /** Returns whether a message was in flight when a connection ended, and has had no answer since. */
  isSuspect(id: string): boolean {
    return this.#suspects.has(id);
  }

  /** A connection ended, perhaps because of one of these messages. @param bytes size of the largest one */
  suspect(deliveries: readonly Pick<Delivery, 'id' | 'topic'>[], bytes: number): void {
    const ids = deliveries.map(nameDelivery);
    this.#suspectBytes = Math.min(this.#suspectBytes, bytes);
    const [only] = ids;
    for (const id of ids) this.#suspects.set(id, this.#suspects.get(id) ?? 0);
    if (only !== undefined && ids.length === 1) this.#suspects.set(only, (this.#suspects.get(only) ?? 0) + 1);
  }

  /** Returns whether this message alone was in flight at so many cuts that it is their reason. */
  isGuilty(id: string): boolean {
    return (this.#suspects.get(id) ?? 0) >= MAX_STRIKES;
  }

  /** The broker was away, which explains why the connection ended. */
  clearSuspects(): void {
    this.#suspects.clear();
    this.#suspectBytes = Infinity;
  }

  /** The broker took a message. */
  accepted(delivery: Pick<Delivery, 'id' | 'topic'>, bytes: number): void {
    const { topic } = delivery;
    this.#suspects.delete(nameDelivery(delivery));
    if (bytes >= this.#distrustedBytes) this.#distrustedBytes = Infinity;
    if (bytes >= this.#suspectBytes) this.#suspectBytes = Infinity;
    const closed = this.#closed.get(topic);
    if (!closed) return;
    if (bytes >= closed.bytes) this.#closed.delete(topic);
    else closed.acceptedBytes = Math.max(closed.acceptedBytes, bytes);
  }

  /** The broker answered to a message with a refusal, so that the message is no reason for the end of a connection. */
  answered(delivery: Pick<Delivery, 'id' | 'topic'>): void {
    this.#suspects.delete(nameDelivery(delivery));
  }

  /** A message ended its connection, or was not acknowledged, while another connection stood. */
  endedConnection(topic: string, bytes: number, refusal: Refusal): void {
    const before = this.#closed.get(topic);
    const retries = (before?.retries ?? -1) + 1;
    const retryAtMs = this.#monotonic() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(retries, 10));
    const acceptedBytes = Math.min(before?.acceptedBytes ?? 0, bytes - 1);
    if (before && before.bytes < bytes) {
      // A smaller message was refused before: that one is known better.
      this.#closed.set(topic, { ...before, retryAtMs, retries });
      return;
    }
    this.#closed.set(topic, { bytes, refusal, retryAtMs, retries, acceptedBytes });
    const oldest = this.#closed.keys().next().value;
    if (this.#closed.size > MAX_TOPICS && oldest !== undefined) this.#closed.delete(oldest);
  }

  /** A message of this size ended its connection, and a smaller form of it passed: the size is the reason. */
  distrustSize(bytes: number): void {
    this.#distrustedBytes = Math.min(this.#distrustedBytes, bytes);
  }

  /** False where a second connection seems to end the first one: the broker gives both the same name. */
  get trialsWork(): boolean {
    return this.#lostToTrials < MAX_LOST_TO_TRIALS;
  }

  /** A second connection stands, or is over. */
  noteTrial(isOpen: boolean): void {
    this.#isTrying = isOpen;
  }

  /** The second connection was of use: the first one still stands. */
  noteProof(): void {
    this.#lostToTrials = 0;
  }

  /** The first connection ended. */
  ended(): void {
    if (this.#isTrying) this.#lostToTrials++;
    this.#isTrying = false;
  }
}
