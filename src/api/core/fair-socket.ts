// A connection whose bytes reach the HTTP parser in small portions, one portion in each turn of the main thread.
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Duplex } from 'node:stream';
import type { RequestTurns } from './turns.js';

/** Time that the handling of one portion should take. */
const PORTION_MS = 1;
const MIN_PORTION_BYTES = 1_024;
const FIRST_PORTION_BYTES = 8_192;
const MAX_PORTION_BYTES = 65_536;

/**
 * Stands between a socket and Node's HTTP server. Node parses whatever a socket delivers at once, up to 2 MB of each connection in one round
 * of the event loop; 64 kB can hold 10,000 chunks of one byte, or 2,000 requests. Here the parser gets portions, which become smaller when
 * they take long, and all connections together get one portion in each round.
 *
 * As long as bytes wait, the socket is not read, and the client has to wait.
 */
export class FairSocket extends Duplex {
  readonly #socket: Socket;
  readonly #turns: RequestTurns;
  #portionBytes = FIRST_PORTION_BYTES;
  /** Bytes that were received and not yet handed to the parser. */
  #waiting: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  /** The parser wants bytes. */
  #isWanted = false;
  #isScheduled = false;

  constructor(socket: Socket, turns: RequestTurns) {
    super({ allowHalfOpen: true, readableHighWaterMark: 0, writableHighWaterMark: socket.writableHighWaterMark });
    this.#socket = socket;
    this.#turns = turns;
    socket.on('data', (bytes: Buffer) => {
      socket.pause();
      this.#waiting = bytes;
      this.#schedule();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#schedule();
    });
    socket.on('timeout', () => this.emit('timeout'));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    socket.pause();
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  /** True for TLS. */
  get encrypted(): boolean {
    return 'encrypted' in this.#socket;
  }

  setTimeout(timeoutMs: number): this {
    this.#socket.setTimeout(timeoutMs);
    return this;
  }

  setNoDelay(noDelay?: boolean): this {
    this.#socket.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelayMs?: number): this {
    this.#socket.setKeepAlive(enable, initialDelayMs);
    return this;
  }

  /** Closes the connection when everything is written; Node's HTTP server calls it after the last answer. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override _read(): void {
    this.#isWanted = true;
    this.#schedule();
  }

  override _write(bytes: Buffer | string, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, encoding, done);
  }

  override _writev(
    pieces: { chunk: Buffer | string; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.cork();
    pieces.forEach(({ chunk, encoding }, i) => {
      this.#socket.write(chunk, encoding, i === pieces.length - 1 ? done : undefined);
    });
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#waiting = Buffer.alloc(0);
    if (this.writableFinished && !error) this.#socket.destroySoon();
    else this.#socket.destroy();
    done(error);
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#isWanted || this.destroyed) return;
    if (this.#waiting.length === 0 && !this.#hasEnded) return void this.#socket.resume();
    this.#isScheduled = true;
    void this.#turns.take().then(() => {
      this.#isScheduled = false;
      this.#handOver();
    });
  }

  #handOver(): void {
    if (this.destroyed || !this.#isWanted) return;
    this.#isWanted = false;
    if (this.#waiting.length === 0) return void this.push(null);
    const portion = this.#waiting.subarray(0, this.#portionBytes);
    this.#waiting = this.#waiting.subarray(this.#portionBytes);
    const startedMs = performance.now();
    // The parser runs within this call, because it takes the bytes as they come.
    this.push(portion);
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs > PORTION_MS) this.#portionBytes = Math.max(MIN_PORTION_BYTES, this.#portionBytes >> 1);
    else if (elapsedMs < PORTION_MS / 4) this.#portionBytes = Math.min(MAX_PORTION_BYTES, this.#portionBytes << 1);
  }
}
