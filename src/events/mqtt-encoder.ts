// Makes the MQTT 3.1.1 packets that the embedded broker sends.
import { PACKET, type Qos } from './mqtt-decoder.js';

/** Return code of a CONNACK: 0 accepted, 1 protocol level, 2 client id, 3 unavailable, 4 user or password, 5 not authorised. */
export type ConnectCode = 0 | 1 | 2 | 3 | 4 | 5;

/** Return code for each filter of a SUBSCRIBE: the granted QoS, or 0x80 for a refusal. */
export type SubscribeCode = Qos | 0x80;

export interface PublishFields {
  topic: string;
  payload: Buffer;
  qos: Qos;
  /** Not used with QoS 0. */
  id: number;
  retain: boolean;
  dup: boolean;
}

export const PINGRESP = Buffer.from([PACKET.pingresp << 4, 0]);

export function encodeConnack(code: ConnectCode, isSessionPresent = false): Buffer {
  return Buffer.from([PACKET.connack << 4, 2, code === 0 && isSessionPresent ? 1 : 0, code]);
}

/** Makes a PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK. */
export function encodeAnswer(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback', id: number): Buffer {
  const flags = type === 'pubrel' ? 2 : 0;
  return Buffer.from([(PACKET[type] << 4) | flags, 2, id >> 8, id & 0xff]);
}

export function encodeSuback(id: number, codes: readonly SubscribeCode[]): Buffer {
  return Buffer.concat([
    encodeHeader(PACKET.suback << 4, 2 + codes.length),
    Buffer.from([id >> 8, id & 0xff, ...codes]),
  ]);
}

/** Makes a PUBLISH in two pieces, so that the payload is not copied for each subscriber. */
export function encodePublish({
  topic,
  payload,
  qos,
  id,
  retain,
  dup,
}: PublishFields): [head: Buffer, payload: Buffer] {
  const name = Buffer.from(topic);
  const idBytes = qos === 0 ? [] : [id >> 8, id & 0xff];
  const first = (PACKET.publish << 4) | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  const header = encodeHeader(first, 2 + name.length + idBytes.length + payload.length);
  const length = Buffer.from([name.length >> 8, name.length & 0xff]);
  return [Buffer.concat([header, length, name, Buffer.from(idBytes)]), payload];
}

/** Makes a fixed header (2.2): the first byte, then the length in seven bits a byte. */
function encodeHeader(first: number, length: number): Buffer {
  const bytes = [first];
  let rest = length;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}
