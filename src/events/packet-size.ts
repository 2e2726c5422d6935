// The size of an MQTT PUBLISH packet, computed before it is sent.
import type { Delivery } from './delivery.js';

/** Properties of MQTT 5 that Lintel sends: their length, and the message expiry interval with its identifier. */
const EXPIRY_BYTES = 5;

/**
 * Computes the bytes of the packet that carries a message, as `Maximum Packet Size` of MQTT 5 counts them: from the first byte of the fixed
 * header to the end of the payload.
 */
export function measurePublish(
  { topic, payload }: Pick<Delivery, 'topic' | 'payload'>,
  { version, qos, hasExpiry }: { version: 4 | 5; qos: 0 | 1; hasExpiry: boolean },
): number {
  const topicBytes = 2 + Buffer.byteLength(topic);
  const idBytes = qos === 0 ? 0 : 2;
  const propertyBytes = version === 5 ? 1 + (hasExpiry ? EXPIRY_BYTES : 0) : 0;
  const remaining = topicBytes + idBytes + propertyBytes + Buffer.byteLength(payload);
  return 1 + measureLength(remaining) + remaining;
}

/** Computes the bytes of a length in MQTT's variable form: seven bits in each byte. */
function measureLength(length: number): number {
  if (length < 128) return 1;
  if (length < 16_384) return 2;
  return length < 2_097_152 ? 3 : 4;
}
