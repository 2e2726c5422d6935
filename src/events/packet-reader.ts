// Splits the bytes of one MQTT client into packets, with limits on their size. A message that is too large to keep is passed over.
import { PACKET } from './mqtt-decoder.js';

/** Limit of one packet after its fixed header. Clients send their subscriptions in one packet, and commands of less than 1 kB. */
export const MAX_PACKET_BYTES = 66 * 1024;
/** Limit of a message. Beyond MAX_PACKET_BYTES only its head is kept: other programs describe all their devices in one message. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

export interface RawPacket {
  type: number;
  /** The low four bits of the first byte. */
  flags: number;
  /** At most the bytes that are kept. */
  body: Buffer;
  /** Bytes after the fixed header. */
  length: number;
}

export interface PacketLimits {
  maxPacketBytes: number;
  maxMessageBytes: number;
}

/** Flags that the standard demands (2.2.2), by the types of packets that a client may send. PUBLISH has flags of its own. */
const FLAGS = new Map<number, number>([
  [PACKET.connect, 0],
  [PACKET.puback, 0],
  [PACKET.pubrec, 0],
  [PACKET.pubrel, 2],
  [PACKET.pubcomp, 0],
  [PACKET.subscribe, 2],
  [PACKET.unsubscribe, 2],
  [PACKET.pingreq, 0],
  [PACKET.disconnect, 0],
]);

export class PacketReader {
  readonly #limits: PacketLimits;
  #isFirst = true;
  /** Index of the next byte in the fixed header: 0 is the type, 1 to 4 are the length. */
  #headerByte = 0;
  #first = 0;
  #length = 0;
  /** Place for the body of the current packet; undefined while its header is incomplete. */
  #body: Buffer | undefined;
  /** Bytes of the body that have arrived. */
  #arrived = 0;

  constructor(limits: PacketLimits = { maxPacketBytes: MAX_PACKET_BYTES, maxMessageBytes: MAX_MESSAGE_BYTES }) {
    this.#limits = limits;
  }

  /**
   * Reads bytes up to the end of a packet, or all of them.
   * @param at index of the first byte to read
   * @returns the index after the last byte that was read, and the packet if one is complete
   * @throws Error for a header that MQTT does not allow, and for a packet that is too large
   */
  read(chunk: Buffer, at: number): { at: number; packet: RawPacket | undefined } {
    let next = at;
    while (next < chunk.length && !this.#body) this.#readHeader(chunk[next++] ?? 0);
    if (!this.#body) return { at: next, packet: undefined };
    const end = Math.min(chunk.length, next + this.#length - this.#arrived);
    if (this.#arrived < this.#body.length) chunk.copy(this.#body, this.#arrived, next, end);
    this.#arrived += end - next;
    return { at: end, packet: this.#arrived < this.#length ? undefined : this.#finish(this.#body) };
  }

  #readHeader(byte: number): void {
    if (this.#headerByte === 0) {
      this.#begin(byte);
      return;
    }
    // Seven bits a byte, the least significant byte first, four bytes at most (2.2.3).
    this.#length += (byte & 0x7f) * 128 ** (this.#headerByte - 1);
    const hasMore = (byte & 0x80) !== 0;
    const { maxPacketBytes, maxMessageBytes } = this.#limits;
    const limit = this.#first >> 4 === PACKET.publish ? maxMessageBytes : maxPacketBytes;
    if (this.#length > limit || (hasMore && this.#headerByte === 4)) {
      throw new Error(`an MQTT packet of more than ${limit} bytes`);
    }
    this.#headerByte++;
    if (!hasMore) this.#body = Buffer.alloc(Math.min(this.#length, maxPacketBytes));
  }

  #begin(byte: number): void {
    const type = byte >> 4;
    const flags = byte & 0x0f;
    if (this.#isFirst && type !== PACKET.connect) throw new Error('the first packet is not a CONNECT');
    if (type !== PACKET.publish && FLAGS.get(type) !== flags)
      throw new Error('a packet has a type or flags that are not allowed');
    this.#isFirst = false;
    this.#first = byte;
    this.#length = 0;
    this.#arrived = 0;
    this.#headerByte = 1;
  }

  #finish(body: Buffer): RawPacket {
    this.#headerByte = 0;
    this.#body = undefined;
    return { type: this.#first >> 4, flags: this.#first & 0x0f, body, length: this.#length };
  }
}
