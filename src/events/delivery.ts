// The MQTT messages that events become: the one place that knows which message goes to which topic.
import type { RecognitionEvent } from './event.js';
import { makeEventTopic, makeHistoryTopic } from './topics.js';

/** Order in which messages are sent where the broker takes only a few at the same time. */
export const LANES = ['live', 'status', 'side', 'history'] as const;

export type SendLane = (typeof LANES)[number];

/** One MQTT message with QoS 1, or with QoS 0 for a broker that takes no other. */
export interface Delivery {
  /** Name of the message on all connections, such as `history/17`; where it is absent, the topic. */
  id?: string;
  /** `side` where it is absent. */
  lane?: SendLane;
  topic: string;
  payload: string | Buffer;
  retain: boolean;
  /** Sent in place of the messages behind it when the broker does not take this one. Side messages only. */
  ifRefused?: Delivery;
  /** Time at which an MQTT 5 broker discards the message. Without a PUBACK by then the connection is given up. */
  expiresAtMs?: number;
}

/** Returns the name of a message, which is the same on all connections. */
export function nameDelivery({ id, topic }: Pick<Delivery, 'id' | 'topic'>): string {
  return id ?? topic;
}

/** Makes the message for the topic that doors listen to. The live lane decides whether the event is still fresh. */
export function makeLiveDelivery(event: RecognitionEvent): Delivery {
  const expiresAtMs = Date.parse(event.expiresAt);
  const id = `live/${event.sequence}`;
  return { id, lane: 'live', topic: makeEventTopic(event), payload: JSON.stringify(event), retain: false, expiresAtMs };
}

/**
 * Makes the message for the history topic, for which no door opens.
 * @param sequence number of the record
 * @param payload made by the encoder of the stream
 */
export function makeHistoryDelivery(deviceId: string, sequence: number, payload: string): Delivery {
  return { id: `history/${sequence}`, lane: 'history', topic: makeHistoryTopic(deviceId), payload, retain: false };
}

/**
 * Returns whether a payload is JSON with a time `expiresAt` that has come, as that of a live event or a challenge. Lintel's own broker sends no
 * such message to a client that was absent.
 */
export function hasExpired(payload: Buffer, nowMs: number): boolean {
  if (payload[0] !== '{'.charCodeAt(0)) return false;
  try {
    const { expiresAt } = JSON.parse(payload.toString()) as { expiresAt?: unknown };
    return typeof expiresAt === 'string' && !(Date.parse(expiresAt) > nowMs);
  } catch {
    return false;
  }
}
