// A size limit for MQTT packets: reads the fixed headers of a byte stream and ends it before a packet that is too large.
import { Transform, type TransformCallback } from 'node:stream';

/** Passes the bytes through unchanged. Fails when a packet announces more than `maxPacketBytes` after its fixed header. */
export class PacketGuard extends Transform {
  #maxPacketBytes: number;
  /** Bytes of the current packet that have not arrived yet. */
  #remaining = 0;
  /** Index of the next byte in the fixed header: 0 is the type, 1 to 4 are the length. */
  #headerByte = 0;
  #length = 0;

  constructor(maxPacketBytes: number) {
    super();
    this.#maxPacketBytes = maxPacketBytes;
  }

  /** Sets another limit for the packets that follow. */
  allow(maxPacketBytes: number): void {
    this.#maxPacketBytes = maxPacketBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining > 0) {
        const passed = Math.min(this.#remaining, chunk.length - at);
        this.#remaining -= passed;
        at += passed;
        continue;
      }
      if (this.#headerByte === 0) {
        this.#headerByte = 1;
        this.#length = 0;
      } else {
        const byte = chunk[at] ?? 0;
        // MQTT 3.1.1, 2.2.3: seven bits a byte, the least significant byte first, four bytes at most.
        this.#length += (byte & 0x7f) * 128 ** (this.#headerByte - 1);
        const hasMore = (byte & 0x80) !== 0;
        if (this.#length > this.#maxPacketBytes || (hasMore && this.#headerByte === 4)) {
          callback(new Error(`an MQTT packet of more than ${this.#maxPacketBytes} bytes`));
          return;
        }
        this.#headerByte = hasMore ? this.#headerByte + 1 : 0;
        if (!hasMore) this.#remaining = this.#length;
      }
      at++;
    }
    callback(null, chunk);
  }
}
