// Which messages an event becomes at the moment of its publication; the one place that knows what happens to a late event.
import type { RecognitionEvent } from './event.js';
import { eventTopic } from './topics.js';

/** One MQTT message, QoS 1. */
export interface Delivery {
  topic: string;
  payload: string;
  retain: boolean;
  /** MQTT 5 brokers forget the message then. */
  expiresAtMs?: number;
}

/**
 * The messages of an event; none for an event at or past its expiry: nothing may open a door late, so it never reaches the
 * topic that doors listen to. A topic for late events would be added here.
 */
export function deliveriesOf(event: RecognitionEvent, nowMs: number): Delivery[] {
  const expiresAtMs = Date.parse(event.expiresAt);
  // Negated, so that a time that cannot be read counts as late.
  if (!(nowMs < expiresAtMs)) return [];
  return [{ topic: eventTopic(event), payload: JSON.stringify(event), retain: false, expiresAtMs }];
}
