// Follows the fixed headers of an MQTT byte stream and ends it at a packet that is too large, before the packet is collected.
import { Transform, type TransformCallback } from 'node:stream';

/** Passes the bytes on unchanged; errors when a packet announces more than `maxPacketBytes` after its fixed header. */
export class PacketGuard extends Transform {
  #maxPacketBytes: number;
  /** Of the packet that passes, still to come. */
  #remaining = 0;
  /** Place in the fixed header: 0 is the type, 1 to 4 are the length. */
  #headerByte = 0;
  #length = 0;

  constructor(maxPacketBytes: number) {
    super();
    this.#maxPacketBytes = maxPacketBytes;
  }

  /** From the next packet on. */
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
        // MQTT 3.1.1, 2.2.3: seven bits a byte, the least significant first, four bytes at most.
        this.#length += (chunk[at] & 0x7f) * 128 ** (this.#headerByte - 1);
        const more = (chunk[at] & 0x80) !== 0;
        if (this.#length > this.#maxPacketBytes || (more && this.#headerByte === 4)) {
          callback(new Error(`an MQTT packet of more than ${this.#maxPacketBytes} bytes`));
          return;
        }
        this.#headerByte = more ? this.#headerByte + 1 : 0;
        if (!more) this.#remaining = this.#length;
      }
      at++;
    }
    callback(null, chunk);
  }
}
