// A TCP proxy between a member of a fleet and its server: it counts bytes, delays them, and cuts the line.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export class Proxy {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  #delayMs = 0;
  #isRepeating = false;
  #bytesIn = 0;
  #bytesOut = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (socket) => this.#pass(socket));
  }

  /** Listens on a free port of the loopback address. @param target port of the server */
  static async start(target: number): Promise<Proxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Proxy(server, target);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes from the server to the member, and the other way. */
  get bytes(): { in: number; out: number } {
    return { in: this.#bytesIn, out: this.#bytesOut };
  }

  /** Breaks all connections, and takes none until `mend`. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Delays each piece of data from now on. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Sends the next piece of data twice. A line with TLS breaks by it. */
  repeat(): void {
    this.#isRepeating = true;
  }

  async end(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(client: Socket): void {
    if (this.#isCut) {
      client.destroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    for (const [from, to, note] of [
      [server, client, (bytes: number) => (this.#bytesIn += bytes)],
      [client, server, (bytes: number) => (this.#bytesOut += bytes)],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      void this.#copy(from, to, note);
    }
  }

  async #copy(from: Socket, to: Socket, note: (bytes: number) => void): Promise<void> {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        note(piece.length);
        if (this.#delayMs > 0) await delay(this.#delayMs);
        const isTwice = this.#isRepeating;
        this.#isRepeating = false;
        if (!to.write(isTwice ? Buffer.concat([piece, piece]) : piece)) await once(to, 'drain');
      }
    } catch {
      // The line was cut.
    }
    to.destroy();
  }
}
