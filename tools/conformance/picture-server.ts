// A web server for the cases of image.url: it serves pictures, redirects, and answers that a client must give up.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** Loopback address that the target may fetch from. It is not 127.0.0.1, which stays refused. */
export const PICTURE_HOST = '127.0.0.9';
const FIRST_PORT = 10_000;
const LAST_PORT = 12_000;
const DRIP_MS = 100;
const RAW_PATH = '/사진.jpg';

export interface PictureServerOptions {
  picture: Buffer;
  maxImageBytes: number;
}

export class PictureServer {
  readonly #options: PictureServerOptions;
  readonly #server: Server;
  /** Server on 127.0.0.1 with the same port: this address is not allowed, although a server answers there. */
  readonly #elsewhere: Server;
  /** Server on PICTURE_HOST with a port that is not allowed. */
  readonly #beyond: Server;
  readonly #drips = new Set<NodeJS.Timeout>();
  #port = 0;

  constructor(options: PictureServerOptions) {
    this.#options = options;
    const serve = (): Server => createServer((request, response) => this.#answer(request.url ?? '/', response));
    this.#server = serve();
    this.#elsewhere = serve();
    this.#beyond = serve();
  }

  /** Returns a URL on the port of the server. @param host another host, such as one that is not allowed */
  url(path: string, host = PICTURE_HOST): string {
    return `http://${host}:${this.#port}${path}`;
  }

  /** Returns a URL with a port that is not allowed, where a server listens. */
  urlBeyond(path: string): string {
    return `http://${PICTURE_HOST}:${(this.#beyond.address() as AddressInfo).port}${path}`;
  }

  /** Listens on a free port that the contract allows. @throws Error when none is free */
  async start(): Promise<void> {
    let port = FIRST_PORT + (process.pid % (LAST_PORT - FIRST_PORT));
    for (let tries = 0; tries < 50; tries++) {
      try {
        await listen(this.#server, port, PICTURE_HOST);
        await listen(this.#elsewhere, port, '127.0.0.1');
        // A port that the system chooses is above 12000.
        await listen(this.#beyond, 0, PICTURE_HOST);
        this.#port = port;
        return;
      } catch {
        await this.stop();
        port = FIRST_PORT + ((port + 37 - FIRST_PORT) % (LAST_PORT - FIRST_PORT));
      }
    }
    throw new Error('no port is free between 10000 and 12000');
  }

  async stop(): Promise<void> {
    for (const drip of this.#drips) clearInterval(drip);
    for (const server of [this.#server, this.#elsewhere, this.#beyond]) {
      if (!server.listening) continue;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #answer(path: string, response: ServerResponse): void {
    const { picture, maxImageBytes } = this.#options;
    const [, what, argument = ''] = path.split('/');
    switch (what) {
      case encodeURIComponent(RAW_PATH.slice(1)):
      case 'face.jpg':
        response.end(picture);
        return;
      case 'status':
        response.writeHead(Number(argument)).end(picture);
        return;
      case 'redirect': {
        const left = Number(argument);
        const location = left > 1 ? `/redirect/${left - 1}` : '/face.jpg';
        response.writeHead(302, { location }).end();
        return;
      }
      case 'redirect-raw':
        // The bytes of UTF-8 as they are: Node writes headers as Latin-1.
        response.writeHead(302, { location: Buffer.from(RAW_PATH).toString('latin1') }).end();
        return;
      case 'redirect-to':
        response.writeHead(302, { location: decodeURIComponent(argument) }).end();
        return;
      case 'empty':
        response.end();
        return;
      case 'html':
        response.end('<!doctype html><title>no picture</title>');
        return;
      case 'cut':
        response.end(picture.subarray(0, picture.length / 2));
        return;
      case 'gzip':
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(picture));
        return;
      case 'huge':
        response.writeHead(200, { 'content-length': maxImageBytes + 1 }).end(Buffer.alloc(maxImageBytes + 1));
        return;
      case 'huge-chunked':
        response.write(Buffer.alloc(maxImageBytes));
        response.end('x');
        return;
      case 'shorter-than-told':
        response.writeHead(200, { 'content-length': picture.length + 100 });
        response.write(picture);
        setTimeout(() => response.destroy(), DRIP_MS);
        return;
      case 'drip':
        this.#drip(response);
        return;
      case 'silence':
        return;
      default:
        response.writeHead(404).end();
    }
  }

  #drip(response: ServerResponse): void {
    const drip = setInterval(() => response.write('x'), DRIP_MS);
    this.#drips.add(drip);
    response.on('close', () => {
      clearInterval(drip);
      this.#drips.delete(drip);
    });
  }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}
