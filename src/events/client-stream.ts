// The stream between the embedded broker and the socket of one client: it never makes the broker wait, and cuts off a client that does.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { PacketGuard } from './packet-guard.js';

export interface ClientStreamOptions {
  /** Socket from which packets are read and to which they are written; with TLS, the decrypted side. */
  socket: Socket;
  /** Connection under `socket`; the same object without TLS. */
  connection: Socket;
  guard: PacketGuard;
  /** Called when many bytes wait for the client. */
  onBacklog: () => void;
}

/** A client for which this many bytes wait is cut off when the next message comes. A single message may be larger. */
export const MAX_WAITING_BYTES = 1024 * 1024;
/** A client is cut off when bytes wait and it takes none of them for this time. */
const MAX_WAITING_MS = 5_000;
/** Bytes waiting for one client from which those of all clients are added up. */
const BACKLOG_BYTES = 64 * 1024;
/** Time for the last bytes, such as the refusal of a connection, before the socket is destroyed. */
const LINGER_MS = 1_000;

/**
 * A write is done at once, whatever the client does: aedes waits for the `drain` of each subscriber before it takes the next message of the
 * publisher, so that one subscriber that does not read would hold up a match for all others.
 */
export class ClientStream extends Duplex {
  readonly guard: PacketGuard;
  readonly #socket: Socket;
  readonly #connection: Socket;
  readonly #onBacklog: () => void;
  #slowTimer: NodeJS.Timeout | undefined;
  #written = 0;

  constructor({ socket, connection, guard, onBacklog }: ClientStreamOptions) {
    // High enough that a write never reports that the caller should wait.
    super({ writableHighWaterMark: 64 * 1024 * 1024 });
    this.guard = guard;
    this.#socket = socket;
    this.#connection = connection;
    this.#onBacklog = onBacklog;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** Bytes that were written and that the system has not taken yet. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send([chunk]);
    callback();
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#send(chunks.map(({ chunk }) => chunk));
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#slowTimer);
    const socket = this.#socket;
    socket.on('error', () => undefined);
    if (error) {
      // A reset discards what the system still holds for a client that does not read.
      if (this.waitingBytes > 0) this.#connection.resetAndDestroy();
      socket.destroy();
    } else {
      socket.destroySoon();
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once('close', () => clearTimeout(timer));
    }
    callback(error);
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    try {
      this.guard.check(chunk);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (!this.push(chunk)) this.#socket.pause();
  }

  #send(chunks: readonly Buffer[]): void {
    const socket = this.#socket;
    if (this.destroyed || !socket.writable) return;
    if (socket.writableLength > MAX_WAITING_BYTES) {
      this.destroy(new Error(`more than ${MAX_WAITING_BYTES} bytes wait for the client`));
      return;
    }
    socket.cork();
    for (const chunk of chunks) {
      this.#written += chunk.length;
      socket.write(chunk);
    }
    socket.uncork();
    if (socket.writableLength > 0) this.#watch();
    if (socket.writableLength > BACKLOG_BYTES) this.#onBacklog();
  }

  /** Cuts the client off when it takes nothing for a while. */
  #watch(): void {
    if (this.#slowTimer) return;
    const taken = this.#taken;
    this.#slowTimer = setTimeout(() => {
      this.#slowTimer = undefined;
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
