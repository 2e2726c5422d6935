// The way in for the command line while the service runs: HTTP on a Unix socket in the data directory, for its owner alone.
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, describeError } from '../errors.js';

/** A longer name would be cut off without a word, and the socket lie elsewhere (sockaddr_un, less its zero). */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Answers with bytes as they come; an error ends the connection before the end of the body. */
export type AdminRoute = () => AsyncIterable<Uint8Array>;

/** The body of an answer with HTTP 500. */
export interface AdminFailure {
  code: string;
  message: string;
}

export interface AdminSocketOptions {
  path: string;
  /** By method and path, such as `GET /gallery`. */
  routes: Readonly<Record<string, AdminRoute>>;
  log: Log;
}

/** Start it behind the store: whoever holds the store owns the socket, and one that a kill left behind is removed. */
export class AdminSocket implements Part {
  readonly name = 'admin';
  readonly #options: AdminSocketOptions;
  #server: Server | undefined;

  constructor(options: AdminSocketOptions) {
    this.#options = options;
  }

  /** Where there can be no socket (a path beyond 107 bytes), the service runs without. */
  async start(): Promise<void> {
    const { path, log } = this.#options;
    const server = createServer((request, response) => void this.#answer(request, response));
    try {
      if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
        throw new Error('the path of the data directory is too long');
      await rm(path, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
      this.#server = server;
      await chmod(path, 0o600);
    } catch (error) {
      log.warn({ error: describeError(error) }, 'no admin socket: backups and key rotation need the service stopped');
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { routes, log } = this.#options;
    const name = `${request.method} ${request.url}`;
    try {
      if (!Object.hasOwn(routes, name)) throw new AppError('INVALID_PARAM', 'the service does not know this request');
      const body = routes[name]()[Symbol.asyncIterator]();
      // What fails at once is told in words; later the missing end of the body tells.
      const first = await body.next();
      response.writeHead(200, { 'content-type': 'application/octet-stream', connection: 'close' });
      await pipeline(Readable.from(following(first, body)), response);
    } catch (error) {
      log.warn({ request: name, error: describeError(error) }, 'an admin request failed');
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { connection: 'close' }).end(JSON.stringify(failureOf(error)));
    }
  }
}

async function* following(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; !next.done; next = await rest.next()) {
      if (next.value.length > 0) yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

function failureOf(error: unknown): AdminFailure {
  return { code: error instanceof AppError ? error.code : 'INTERNAL', message: describeError(error) };
}
