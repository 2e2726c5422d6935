// Which messages become of events: the one place that knows what is published where.
import type { RecognitionEvent } from './event.js';
import { historyPayload, type HistoryRecord } from './history.js';
import { eventTopic, historyTopic } from './topics.js';

/** One MQTT message, QoS 1. */
export interface Delivery {
  topic: string;
  payload: string | Buffer;
  retain: boolean;
  /** MQTT 5 brokers forget the message then; and without a PUBACK by then the connection is given up. */
  expiresAtMs?: number;
}

/** To the topic that doors listen to; whether it is still time for it is the live lane's to know. */
export function liveDelivery(event: RecognitionEvent): Delivery {
  const expiresAtMs = Date.parse(event.expiresAt);
  return { topic: eventTopic(event), payload: JSON.stringify(event), retain: false, expiresAtMs };
}

/** To the stream that nothing opens a door on account of. */
export function historyDelivery(deviceId: string, record: HistoryRecord, late: boolean): Delivery {
  return { topic: historyTopic(deviceId), payload: historyPayload(record, late), retain: false };
}
