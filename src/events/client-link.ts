// The connection between the embedded broker and one client: it reads packets, never makes the broker wait, and cuts off a client that does.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PacketGuard } from './packet-guard.js';
import { PacketReader, type RawPacket } from './packet-reader.js';

export interface ClientLinkOptions {
  /** Stream from which packets are read and to which they are written; with TLS, the decrypted side. */
  stream: Duplex;
  /** Connection under `stream`; the same object without TLS. Absent for Lintel's own connection, which has no limits. */
  connection?: Socket | undefined;
  guard?: PacketGuard | undefined;
  /** Called when many bytes wait for the client. */
  onBacklog?: (() => void) | undefined;
}

export interface LinkEvents {
  /** @throws Error for a packet that MQTT does not allow: the link then ends */
  onPacket(packet: RawPacket): void;
  /** Called once. `reason`: why the broker cut the client off; undefined where the client ended the connection, or the network. */
  onClosed(reason: Error | undefined): void;
}

/** A client for which this many bytes wait is cut off when the next message comes. A single message may be larger. */
export const MAX_WAITING_BYTES = 1024 * 1024;
/** A client is cut off when bytes wait and it takes none of them for this time. */
const MAX_WAITING_MS = 5_000;
/** Bytes waiting for one client from which those of all clients are added up. */
const BACKLOG_BYTES = 64 * 1024;
/** Time for the last bytes, such as the refusal of a connection, before the socket is destroyed. */
const LINGER_MS = 1_000;
/** Largest packet of Lintel itself: the picture of a snapshot, and more. */
const MAX_OWN_BYTES = 16 * 1024 * 1024;

export class ClientLink {
  readonly guard: PacketGuard | undefined;
  readonly #stream: Duplex;
  readonly #connection: Socket | undefined;
  readonly #onBacklog: (() => void) | undefined;
  readonly #reader: PacketReader;
  /** Bytes that were received and not read yet, and the place in the first of them. */
  readonly #chunks: Buffer[] = [];
  #at = 0;
  #events: LinkEvents | undefined;
  #isHeld = false;
  #slowedTimer: NodeJS.Timeout | undefined;
  #isReading = false;
  /** The client has ended the connection; bytes of it may be left. */
  #hasEnded = false;
  #isClosed = false;
  #waitingTimer: NodeJS.Timeout | undefined;
  #written = 0;

  constructor({ stream, connection, guard, onBacklog }: ClientLinkOptions) {
    this.guard = guard;
    this.#stream = stream;
    this.#connection = connection;
    this.#onBacklog = onBacklog;
    this.#reader = connection
      ? new PacketReader()
      : new PacketReader({ maxPacketBytes: MAX_OWN_BYTES, maxMessageBytes: MAX_OWN_BYTES });
  }

  /** Starts to read. */
  open(events: LinkEvents): void {
    const stream = this.#stream;
    this.#events = events;
    stream.on('data', (chunk: Buffer) => {
      if (this.#isClosed) return;
      this.#chunks.push(chunk);
      this.#read();
    });
    const finish = (): void => {
      this.#hasEnded = true;
      this.#read();
    };
    stream.on('end', finish);
    stream.on('close', finish);
    stream.on('error', finish);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** True while the broker does not read on purpose: the silence is not that of the client. */
  get isPaused(): boolean {
    return this.#isHeld || this.#slowedTimer !== undefined;
  }

  /** Bytes that were written and that the system has not taken yet. */
  get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  /** Reads no further packet until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#read();
  }

  /** Writes bytes at once, whatever the client does. Cuts the client off when too many bytes wait for it. */
  send(pieces: readonly Buffer[]): void {
    const stream = this.#stream;
    if (this.#isClosed || !stream.writable) return;
    if (this.#connection && stream.writableLength > MAX_WAITING_BYTES) {
      this.destroy(new Error(`more than ${MAX_WAITING_BYTES} bytes wait for the client`));
      return;
    }
    stream.cork();
    for (const piece of pieces) {
      this.#written += piece.length;
      stream.write(piece);
    }
    stream.uncork();
    if (!this.#connection) return;
    if (stream.writableLength > 0) this.#watch();
    if (stream.writableLength > BACKLOG_BYTES) this.#onBacklog?.();
  }

  /** Sends what was written, and ends the connection. */
  end(): void {
    if (!this.#close(undefined)) return;
    const stream = this.#stream;
    stream.end();
    // Bytes that nobody reads would keep the connection open.
    stream.resume();
    const timer = setTimeout(() => stream.destroy(), LINGER_MS);
    stream.once('finish', () => stream.destroy());
    stream.once('close', () => clearTimeout(timer));
  }

  /** Ends the connection at once. @param reason why the client is cut off */
  destroy(reason?: Error): void {
    const waits = this.waitingBytes > 0;
    if (!this.#close(reason)) return;
    // A reset discards what the system still holds for a client that does not read.
    if (waits) this.#connection?.resetAndDestroy();
    this.#stream.destroy();
  }

  /** @returns false when the link is closed already */
  #close(reason: Error | undefined): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    clearTimeout(this.#waitingTimer);
    clearTimeout(this.#slowedTimer);
    this.#chunks.length = 0;
    this.#events?.onClosed(reason);
    return true;
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      // When the client has ended the connection, what it sent before is read without a pause.
      while (!this.#isClosed && !this.#isHeld && (this.#hasEnded || !this.#slowedTimer) && this.#readNext());
    } catch (error) {
      this.destroy(error as Error);
    } finally {
      this.#isReading = false;
    }
    if (this.#isClosed) return;
    if (this.#stream.destroyed) this.destroy();
    else if (this.#hasEnded && this.#chunks.length === 0) this.end();
    else if (this.isPaused) this.#stream.pause();
    else this.#stream.resume();
  }

  /** Reads up to the end of the next packet. @returns false when no bytes are left. @throws Error */
  #readNext(): boolean {
    const chunk = this.#chunks[0];
    if (!chunk) return false;
    const { at, packet } = this.#reader.read(chunk, this.#at);
    this.#at = at;
    if (at >= chunk.length) {
      this.#chunks.shift();
      this.#at = 0;
    }
    if (!packet) return true;
    const waitMs = this.guard?.count(packet) ?? 0;
    this.#events?.onPacket(packet);
    if (waitMs > 0) this.#slowDown(waitMs);
    return true;
  }

  #slowDown(waitMs: number): void {
    if (this.#isClosed || this.#slowedTimer) return;
    this.#slowedTimer = setTimeout(() => {
      this.#slowedTimer = undefined;
      this.#read();
    }, waitMs);
  }

  /** Cuts the client off when it takes nothing for a while. */
  #watch(): void {
    if (this.#waitingTimer || this.#isClosed) return;
    const taken = this.#taken;
    this.#waitingTimer = setTimeout(() => {
      this.#waitingTimer = undefined;
      if (this.waitingBytes === 0) return;
      if (this.#taken === taken) this.destroy(new Error(`the client takes nothing for ${MAX_WAITING_MS} ms`));
      else this.#watch();
    }, MAX_WAITING_MS);
  }

  /** Bytes that the system has taken. */
  get #taken(): number {
    return this.#written - this.waitingBytes;
  }
}
