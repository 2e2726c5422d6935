// The MQTT messages that events become: the one place that knows which message goes to which topic.
import type { RecognitionEvent } from './event.js';
import { makeEventTopic, makeHistoryTopic } from './topics.js';

/** One MQTT message with QoS 1. */
export interface Delivery {
  topic: string;
  payload: string | Buffer;
  retain: boolean;
  /** Time at which an MQTT 5 broker discards the message. Without a PUBACK by then the connection is given up. */
  expiresAtMs?: number;
}

/** Makes the message for the topic that doors listen to. The live lane decides whether the event is still fresh. */
export function makeLiveDelivery(event: RecognitionEvent): Delivery {
  const expiresAtMs = Date.parse(event.expiresAt);
  return { topic: makeEventTopic(event), payload: JSON.stringify(event), retain: false, expiresAtMs };
}

/** Makes the message for the history topic, for which no door opens. @param payload made by the encoder of the stream */
export function makeHistoryDelivery(deviceId: string, payload: string): Delivery {
  return { topic: makeHistoryTopic(deviceId), payload, retain: false };
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
