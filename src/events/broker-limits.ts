// What the broker takes and what it does not: what it announces, and what was learned from messages that it refused.
import type { Clock } from '../domain/time.js';
import { nameDelivery, type Delivery } from './delivery.js';
import { refuseSize, type Refusal } from './refusal.js';

/** Limits that a broker of MQTT 5 announces in its CONNACK. */
export interface AnnouncedLimits {
  /** Largest packet in bytes; Infinity where the broker names none. */
  maximumPacketBytes: number;
  /** Highest quality of service. */
  maximumQos: 0 | 1;
  /** True where the broker keeps retained messages. */
  retainAvailable: boolean;
  /** Number of QoS 1 messages that it accepts before it has sent a PUBACK; Infinity where it names none. */
  receiveMaximum: number;
}

/**
 * How a message may be sent. `main`: on the connection of everything else. `alone`: on a connection of its own, because a message like it
 * may have ended a connection. `none`: not at all.
 */
export type DeliveryRoute = { route: 'main' | 'alone' } | { route: 'none'; refusal: Refusal };

/** A topic on which a message ended its connection. */
interface DistrustedTopic {
  /** Messages of this size or larger are sent alone. */
  bytes: number;
  refusal: Refusal;
  /** True while no message on the topic passed since. */
  isClosed: boolean;
  /** While the topic is closed, nothing but live events is sent until then; on the clock `monotonic`. */
  retryAtMs: number;
  retries: number;
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
/** Number of messages in a row whose size must be the reason, before messages of that size are not sent any more on this connection. */
const SIZE_ENDS = 3;
/** Number of topics that are remembered. There are only a few for each camera. */
const MAX_TOPICS = 1_000;
/** Number of times that the first connection may end while a second one stands, before there is no second one any more. */
const MAX_LOST_TO_TRIALS = 2;
/** Number of cuts, each with one and the same message alone in flight, after which it counts as their reason. */
const MAX_STRIKES = 4;

/** Outlives the connections. */
export class BrokerLimits {
  readonly #monotonic: Clock;
  readonly #topics = new Map<string, DistrustedTopic>();
  /** Number of cuts that each suspect was alone in flight at, by id. A suspect was in flight when a connection ended. */
  readonly #suspects = new Map<string, number>();
  /** Packets of this size or larger are sent alone: a smaller form of the same message passed. */
  #distrustedBytes = Infinity;
  /** Refusal of the message that showed it. */
  #sizeRefusal: Refusal | undefined;
  /** Number of messages in a row that showed it. */
  #sizeEnds = 0;
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
    for (const topic of this.#topics.values()) topic.retryAtMs = -Infinity;
    this.#sizeEnds = 0;
  }

  /** Decides how a message of this size may be sent. */
  route(delivery: Pick<Delivery, 'id' | 'topic' | 'lane'>, bytes: number): DeliveryRoute {
    const { maximumPacketBytes } = this.#announced;
    if (bytes > maximumPacketBytes) return { route: 'none', refusal: refuseSize(bytes, maximumPacketBytes) };
    const isDistrusted = bytes >= this.#distrustedBytes;
    if (isDistrusted && this.#sizeRefusal && this.#sizeEnds >= SIZE_ENDS) {
      return { route: 'none', refusal: this.#sizeRefusal };
    }
    const topic = this.#topics.get(delivery.topic);
    if (topic?.isClosed) {
      // A door waits for a live event: it is worth a trial each time.
      const isDue = delivery.lane === 'live' || this.#monotonic() >= topic.retryAtMs;
      return isDue ? { route: 'alone' } : { route: 'none', refusal: topic.refusal };
    }
    const isAlone = isDistrusted || bytes >= this.#suspectBytes || (topic !== undefined && bytes >= topic.bytes);
    return { route: isAlone || this.#suspects.has(nameDelivery(delivery)) ? 'alone' : 'main' };
  }

  /** Returns whether a message was in flight when a connection ended, and has had no answer since. */
  isSuspect(id: string): boolean {
    return this.#suspects.has(id);
  }

  /** A connection ended, perhaps because of one of these messages. @param bytes size of the largest one */
  suspect(deliveries: readonly Pick<Delivery, 'id' | 'topic'>[], bytes: number): void {
    this.#suspectBytes = Math.min(this.#suspectBytes, bytes);
    for (const delivery of deliveries) {
      const id = nameDelivery(delivery);
      const cuts = this.#suspects.get(id) ?? 0;
      // Where messages on the topic have ended connections before, one more is proof enough.
      const added = deliveries.length > 1 ? 0 : this.#topics.get(delivery.topic)?.isClosed ? MAX_STRIKES : 1;
      this.#suspects.set(id, cuts + added);
    }
  }

  /** Treats a message as a suspect before it is sent. */
  watch(id: string): void {
    this.#suspects.set(id, this.#suspects.get(id) ?? 0);
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
    this.#suspects.delete(nameDelivery(delivery));
    if (bytes >= this.#distrustedBytes) {
      this.#distrustedBytes = Infinity;
      this.#sizeEnds = 0;
    }
    if (bytes >= this.#suspectBytes) this.#suspectBytes = Infinity;
    const topic = this.#topics.get(delivery.topic);
    if (!topic) return;
    if (bytes >= topic.bytes) this.#topics.delete(delivery.topic);
    else topic.isClosed = false;
  }

  /** The broker answered to a message with a refusal, so that the message is no reason for the end of a connection. */
  answered(delivery: Pick<Delivery, 'id' | 'topic'>): void {
    this.#suspects.delete(nameDelivery(delivery));
  }

  /** Returns whether the broker allows a packet of this size, as far as it says. */
  fits(bytes: number): boolean {
    return bytes <= this.#announced.maximumPacketBytes;
  }

  /**
   * A message ended its connection in every form, or was not acknowledged, while another connection stood. Until a message on its topic
   * passes, the topic counts as closed. @param bytes size of the smallest form
   */
  closeTopic(name: string, bytes: number, refusal: Refusal): void {
    const before = this.#topics.get(name);
    const retries = (before?.retries ?? -1) + 1;
    const retryAtMs = this.#monotonic() + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(retries, 10));
    const smallest = Math.min(before?.bytes ?? Infinity, bytes);
    this.#topics.set(name, { bytes: smallest, refusal, isClosed: true, retryAtMs, retries });
    const oldest = this.#topics.keys().next().value;
    if (this.#topics.size > MAX_TOPICS && oldest !== undefined) this.#topics.delete(oldest);
  }

  /** A message of this size ended its connection, and a smaller form of it passed: the size may be the reason. */
  distrustSize(bytes: number, refusal: Refusal): void {
    this.#distrustedBytes = Math.min(this.#distrustedBytes, bytes);
    this.#sizeRefusal = refusal;
    this.#sizeEnds++;
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
