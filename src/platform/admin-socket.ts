// The admin socket, through which the command line reaches the running service: HTTP on a Unix socket that only its owner can open.
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError, describeError } from '../errors.js';

/** Longest path of a socket (sockaddr_un, without its final zero). The system would shorten a longer one and create another path. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Connections at the same time. Each command has one. */
const MAX_CONNECTIONS = 16;

/**
 * Streams the answer. An error closes the connection before the end of the body.
 * @param parameters those behind the `?` of the request
 * @param signal aborts when the client has gone, or the answer is complete
 */
export type AdminRoute = (parameters: URLSearchParams, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** Body of an answer with HTTP 500. */
export interface AdminFailure {
  code: string;
  message: string;
}

export interface AdminSocketOptions {
  path: string;
  /** Routes by method and path, such as `GET /gallery`. */
  routes: Readonly<Record<string, AdminRoute>>;
  log: Log;
}

/** Serves the socket. Start it after the store: only the process that holds the store may replace the socket of a killed process. */
export class AdminSocket implements Part {
  readonly name = 'admin';
  readonly #options: AdminSocketOptions;
  #server: Server | undefined;

  constructor(options: AdminSocketOptions) {
    this.#options = options;
  }

  /** Listens. Where no socket is possible (a path above 107 bytes), the service runs without one. */
  async start(): Promise<void> {
    const { path, log } = this.#options;
    const server = createServer((request, response) => void this.#answer(request, response));
    server.maxConnections = MAX_CONNECTIONS;
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
      log.warn(
        { error: describeError(error) },
        'there is no admin socket: stop the service for backups and for changes of keys',
      );
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
    const [path, query] = (request.url ?? '').split('?', 2);
    const name = `${request.method} ${path}`;
    const closed = new AbortController();
    response.once('close', () => closed.abort());
    try {
      const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
      if (!route) throw new AppError('INVALID_PARAM', 'the service does not know this request');
      const body = route(new URLSearchParams(query), closed.signal)[Symbol.asyncIterator]();
      // An error before the first bytes is answered with its message; a later one cuts the body off.
      const first = await body.next();
      response.writeHead(200, { 'content-type': 'application/octet-stream', connection: 'close' });
      await pipeline(Readable.from(streamFrom(first, body)), response);
    } catch (error) {
      if (isClientGone(error, response, closed.signal)) {
        log.info({ request: name }, 'the client of an admin request went before its answer was complete');
        return;
      }
      log.warn({ request: name, error: describeError(error) }, 'an admin request failed');
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { connection: 'close' }).end(JSON.stringify(describeFailure(error)));
    }
  }
}

async function* streamFrom(
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

/** Tells whether a request failed because its client went, as one that follows events does. */
function isClientGone(error: unknown, response: ServerResponse, closed: AbortSignal): boolean {
  if (!response.headersSent) return closed.aborted;
  return (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function describeFailure(error: unknown): AdminFailure {
  return { code: error instanceof AppError ? error.code : 'INTERNAL', message: describeError(error) };
}
