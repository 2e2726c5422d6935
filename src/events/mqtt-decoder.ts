// Reads the bodies of the MQTT 3.1.1 packets that a client sends, and refuses everything that the standard does not allow.
import { checkTopic, parseFilter, type TopicFilter } from './topic-filters.js';

export type Qos = 0 | 1 | 2;

/** Types of packets, as in the first four bits of a packet. */
export const PACKET = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
} as const;

export interface Will {
  topic: string;
  payload: Buffer;
  qos: Qos;
  retain: boolean;
}

export interface ConnectPacket {
  clean: boolean;
  keepAliveS: number;
  clientId: string;
  will: Will | undefined;
  username: string | undefined;
  password: Buffer | undefined;
}

export interface PublishPacket {
  topic: string;
  /** 0 with QoS 0. */
  id: number;
  qos: Qos;
  retain: boolean;
  payload: Buffer;
}

export interface SubscribePacket {
  id: number;
  requests: { filter: TopicFilter; qos: Qos }[];
}

export interface UnsubscribePacket {
  id: number;
  filters: string[];
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the fields of one body, in order. All methods throw an Error when the body ends too early. */
class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#body.length;
  }

  readByte(): number {
    return this.readBytes(1)[0] ?? 0;
  }

  readNumber(): number {
    return this.readBytes(2).readUInt16BE();
  }

  /** @throws Error for 0, which no packet may have */
  readId(): number {
    const id = this.readNumber();
    if (id === 0) throw new Error('a packet has the identifier 0');
    return id;
  }

  readBytes(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#body.length) throw new Error('a packet ends too early');
    const bytes = this.#body.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  readBinary(): Buffer {
    return this.readBytes(this.readNumber());
  }

  /** @throws Error for a text that is not UTF-8, has surrogates, or has the character U+0000 */
  readText(): string {
    const bytes = this.readBinary();
    let text: string;
    try {
      text = UTF8.decode(bytes);
    } catch {
      throw new Error('a text is not valid UTF-8');
    }
    if (text.includes('\0')) throw new Error('a text has the character U+0000');
    return text;
  }

  readRest(): Buffer {
    return this.readBytes(this.#body.length - this.#at);
  }

  /** @throws Error when bytes are left */
  end(): void {
    if (!this.isAtEnd) throw new Error('a packet has more bytes than its fields');
  }
}

/**
 * Reads a CONNECT of MQTT 3.1.1, or of 3.1.
 * @returns undefined for another version of MQTT, which has other fields
 * @throws Error for a packet that MQTT does not allow
 */
export function decodeConnect(body: Buffer): ConnectPacket | undefined {
  const reader = new BodyReader(body);
  const protocol = reader.readText();
  if (protocol !== 'MQTT' && protocol !== 'MQIsdp') throw new Error('a CONNECT is not of MQTT');
  const level = reader.readByte();
  if (level !== (protocol === 'MQTT' ? 4 : 3)) return undefined;
  const flags = reader.readByte();
  if ((flags & 0x01) !== 0) throw new Error('the reserved flag of a CONNECT is set');
  const willQos = (flags >> 3) & 0x03;
  const [hasUsername, hasPassword, willRetain, hasWill] = [0x80, 0x40, 0x20, 0x04].map((bit) => (flags & bit) !== 0);
  if (!hasWill && (willQos !== 0 || willRetain)) throw new Error('a CONNECT without a will has flags of a will');
  if (hasPassword && !hasUsername) throw new Error('a CONNECT has a password without a user name');
  const keepAliveS = reader.readNumber();
  const clientId = reader.readText();
  let will: Will | undefined;
  if (hasWill) {
    const topic = reader.readText();
    checkTopic(topic);
    will = { topic, payload: reader.readBinary(), qos: checkQos(willQos), retain: willRetain === true };
  }
  const username = hasUsername ? reader.readText() : undefined;
  const password = hasPassword ? reader.readBinary() : undefined;
  reader.end();
  return { clean: (flags & 0x02) !== 0, keepAliveS, clientId, will, username, password };
}

/** Reads a PUBLISH. @param flags the low four bits of the first byte. @throws Error for a packet that MQTT does not allow */
export function decodePublish(flags: number, body: Buffer): PublishPacket {
  const qos = checkQos((flags >> 1) & 0x03);
  if (qos === 0 && (flags & 0x08) !== 0) throw new Error('a PUBLISH with QoS 0 has the flag DUP');
  const reader = new BodyReader(body);
  const topic = reader.readText();
  checkTopic(topic);
  const id = qos === 0 ? 0 : reader.readId();
  return { topic, id, qos, retain: (flags & 0x01) !== 0, payload: reader.readRest() };
}

/** Most topic filters of one packet, twice the subscriptions that a client may have. 2,000 short ones in each of many packets held up the main thread. */
export const MAX_FILTERS = 1_000;

/** Reads a SUBSCRIBE. @throws Error for a packet that MQTT does not allow, and for more than MAX_FILTERS filters */
export function decodeSubscribe(body: Buffer): SubscribePacket {
  const reader = new BodyReader(body);
  const id = reader.readId();
  const requests: SubscribePacket['requests'] = [];
  do {
    checkCount(requests.length);
    const filter = parseFilter(reader.readText());
    // The upper six bits are reserved: they are 0.
    requests.push({ filter, qos: checkQos(reader.readByte()) });
  } while (!reader.isAtEnd);
  return { id, requests };
}

/** Reads an UNSUBSCRIBE. @throws Error for a packet that MQTT does not allow, and for more than MAX_FILTERS filters */
export function decodeUnsubscribe(body: Buffer): UnsubscribePacket {
  const reader = new BodyReader(body);
  const id = reader.readId();
  const filters: string[] = [];
  do {
    checkCount(filters.length);
    filters.push(parseFilter(reader.readText()).text);
  } while (!reader.isAtEnd);
  return { id, filters };
}

/** Reads the packet identifier of a PUBACK, PUBREC, PUBREL or PUBCOMP. @throws Error for a packet that MQTT does not allow */
export function decodeId(body: Buffer): number {
  const reader = new BodyReader(body);
  const id = reader.readId();
  reader.end();
  return id;
}

/** Checks a PINGREQ or a DISCONNECT. @throws Error when it is not empty */
export function checkEmpty(body: Buffer): void {
  new BodyReader(body).end();
}

function checkCount(filters: number): void {
  if (filters >= MAX_FILTERS) throw new Error(`more than ${MAX_FILTERS} topic filters in one packet`);
}

function checkQos(value: number): Qos {
  if (value !== 0 && value !== 1 && value !== 2) throw new Error('a QoS is not 0, 1 or 2');
  return value;
}
