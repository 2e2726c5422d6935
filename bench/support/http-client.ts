// A keep-alive HTTP client that needs very little processor time, because it runs on the cores that are measured.
import { connect, type Socket } from 'node:net';

/** Sends one request at a time over one connection. */
export class BareClient {
  readonly #socket: Socket;
  #received = '';
  #settle: { resolve: (body: string) => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#take(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('the connection was closed')));
  }

  static async connect(url: string): Promise<BareClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new BareClient(socket);
  }

  /** Sends a request. @returns the body of the answer */
  send(request: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      // A write to a closed socket would not report an error.
      if (this.#socket.destroyed) throw new Error('the connection was closed');
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    this.#received += chunk;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#received.slice(0, headEnd))?.[1]);
    if (!(this.#received.length >= headEnd + 4 + length)) return;
    const body = this.#received.slice(headEnd + 4);
    this.#received = '';
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve(body);
  }
}

/** Encodes one POST request with a JSON body. */
export function encodePostRequest(url: string, body: Buffer): Buffer {
  const { host, pathname, search } = new URL(url);
  const head = `POST ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}
