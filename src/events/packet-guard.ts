// The limits on what one MQTT client sends: reads the fixed headers of its bytes, and stops large packets and too many packets.
import type { Clock } from '../domain/time.js';
import { TokenBucket } from '../platform/token-bucket.js';

/** Limit of one packet after its fixed header. Clients send their subscriptions, and commands of less than 1 kB. */
export const MAX_PACKET_BYTES = 8 * 1024;
/** Packets that a client may send at once, and in each second after that: it subscribes at the start, and then sends little. */
const PACKETS_AT_ONCE = 100;
const PACKETS_PER_SECOND = 10;
/** Limit of the acknowledgements that a client may save up. */
const MAX_EXPECTED = 100_000;
/** Type of a packet that acknowledges a message with QoS 1. */
const PUBACK = 4;

export class PacketGuard {
  readonly #packets: TokenBucket;
  /** Messages that were sent to the client and that it may acknowledge: these packets do not count. */
  #expected = 0;
  /** Bytes of the current packet that have not arrived yet. */
  #remaining = 0;
  /** Index of the next byte in the fixed header: 0 is the type, 1 to 4 are the length. */
  #headerByte = 0;
  #length = 0;

  /** @param monotonic milliseconds that never go back, as performance.now */
  constructor(monotonic: Clock) {
    this.#packets = new TokenBucket({ perSecond: PACKETS_PER_SECOND, burst: PACKETS_AT_ONCE, monotonic });
  }

  /** A message with QoS 1 is being sent to the client, which will acknowledge it. */
  expectAcknowledgement(): void {
    this.#expected = Math.min(MAX_EXPECTED, this.#expected + 1);
  }

  /** Follows the next bytes of the client. @throws Error for a packet that is too large, and for too many packets */
  check(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining > 0) {
        const passed = Math.min(this.#remaining, chunk.length - at);
        this.#remaining -= passed;
        at += passed;
        continue;
      }
      const byte = chunk[at] ?? 0;
      if (this.#headerByte === 0) this.#begin(byte >> 4);
      else this.#readLength(byte);
      at++;
    }
  }

  #begin(type: number): void {
    this.#headerByte = 1;
    this.#length = 0;
    if (type === PUBACK && this.#expected > 0) this.#expected--;
    else if (!this.#packets.take()) throw new Error(`more than ${PACKETS_PER_SECOND} MQTT packets a second`);
  }

  #readLength(byte: number): void {
    // MQTT 3.1.1, 2.2.3: seven bits a byte, the least significant byte first, four bytes at most.
    this.#length += (byte & 0x7f) * 128 ** (this.#headerByte - 1);
    const hasMore = (byte & 0x80) !== 0;
    if (this.#length > MAX_PACKET_BYTES || (hasMore && this.#headerByte === 4)) {
      throw new Error(`an MQTT packet of more than ${MAX_PACKET_BYTES} bytes`);
    }
    this.#headerByte = hasMore ? this.#headerByte + 1 : 0;
    if (!hasMore) this.#remaining = this.#length;
  }
}
