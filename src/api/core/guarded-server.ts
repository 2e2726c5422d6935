// Node's HTTP server behind the guards of this service: limits on connections, portions for the parser, and allowed hosts.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Config } from '../../config/schema.js';
import type { Log } from '../../domain/log.js';
import { HANDSHAKE_TIMEOUT_MS } from '../../platform/tls-identity.js';
import { readRequestHost, type AllowedHosts } from './allowed-hosts.js';
import type { ConnectionGate } from './connection-gate.js';
import type { AllowedOrigins } from './cross-origin.js';
import { FairSocket } from './fair-socket.js';
import type { RequestTurns } from './turns.js';

const HEADERS_TIMEOUT_MS = 10_000;
/** Limit of the header fields of a request, in number and in bytes together. */
const MAX_HEADERS = 100;
const MAX_HEADER_BYTES = 16_384;
/** After so many requests a connection is closed, with its last answer. */
const MAX_REQUESTS_PER_CONNECTION = 10_000;
/** Interval between two lines of the log about hosts that are not allowed. */
const HOST_LOG_INTERVAL_MS = 60_000;

const TOO_MANY = 'The service has as many connections as it may; try again later.\n';
const BUSY_ANSWER =
  'HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-type: text/plain\r\n' +
  `content-length: ${TOO_MANY.length}\r\n\r\n${TOO_MANY}`;

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

export interface GuardedServerOptions {
  http: Pick<Config['http'], 'requestTimeoutMs' | 'keepAliveTimeoutMs'>;
  /** Certificate and key of HTTPS; absent for HTTP. */
  tls?: { cert: Buffer; key: Buffer } | undefined;
  gate: ConnectionGate;
  hosts: HostGuard;
  origins: AllowedOrigins;
  turns: RequestTurns;
}

/** Creates the server; it does not listen yet. @param listener gets the requests that every guard has let through */
export function createGuardedServer(
  options: GuardedServerOptions & { tls: { cert: Buffer; key: Buffer } },
  listener: RequestListener,
): SecureServer;
export function createGuardedServer(options: GuardedServerOptions, listener: RequestListener): Server;
export function createGuardedServer(options: GuardedServerOptions, listener: RequestListener): Server | SecureServer {
  const { http, tls, gate, hosts, origins, turns } = options;
  const { requestTimeoutMs, keepAliveTimeoutMs } = http;
  const settings = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Interval at which Node looks for overdue requests; 30 s by default.
    connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs / 4),
  };
  const onRequest: RequestListener = (request, response) => {
    gate.beginRequest(request.socket);
    response.once('close', () => gate.endRequest(request.socket));
    // A client that does not take its answer is disconnected; as long as it takes some of it, the time begins again.
    response.once('prefinish', () => request.socket.setTimeout(requestTimeoutMs));
    // An origin that is allowed opens no host name: the hosts come first, for preflights as well.
    if (!hosts.admits(request)) hosts.refuse(response);
    else if (!origins.handle(request, response)) listener(request, response);
  };
  const handshakeTimeout = Math.min(HANDSHAKE_TIMEOUT_MS, requestTimeoutMs);
  const server = tls
    ? createSecureServer({ ...settings, ...tls, handshakeTimeout }, onRequest)
    : createServer(settings, onRequest);
  server.maxHeadersCount = MAX_HEADERS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  replaceListener(server, tls ? 'secureConnection' : 'connection', (serve, socket) => {
    const fair = new FairSocket(socket, turns);
    gate.serve(socket, fair);
    serve(fair);
  });
  replaceListener(server, 'connection', (serve, socket) => {
    const refusal = gate.admit(socket);
    if (!refusal) return serve(socket);
    socket.on('error', () => undefined);
    // In the middle of a handshake there is no way to say why.
    if (tls) socket.destroy();
    else socket.end(BUSY_ANSWER, () => socket.destroy());
  });
  return server;
}

/** Puts a step before the only listener of an event of new connections. */
function replaceListener(
  server: Server | SecureServer,
  event: 'connection' | 'secureConnection',
  step: (serve: (socket: FairSocket | Socket) => void, socket: Socket) => void,
): void {
  const [serve, ...others] = server.listeners(event);
  if (!serve || others.length > 0) throw new TypeError(`the server must have exactly one listener of ${event}`);
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => step((served) => void serve.call(server, served), socket));
}

export interface HostGuardOptions {
  hosts: AllowedHosts;
  log: Log;
  /** Monotonic clock, in milliseconds from any origin. */
  monotonicMs: () => number;
}

/** Refuses requests for host names that are not allowed, and says how to allow them. */
export class HostGuard {
  readonly #options: HostGuardOptions;
  #refused = 0;
  #loggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: HostGuardOptions) {
    this.#options = options;
  }

  /** Number of requests that were refused. */
  get refused(): number {
    return this.#refused;
  }

  admits({ url = '', headers }: IncomingMessage): boolean {
    const host = readRequestHost(url, headers.host);
    if (this.#options.hosts.allows(host)) return true;
    this.#refused++;
    this.#report(host ?? '');
    return false;
  }

  /** Answers with 421, in a form that is the same for every path. The connection is closed: the body is not read. */
  refuse(response: ServerResponse): void {
    const message =
      'The service is not known by the host name of this request. Use its address, or add the name to http.allowedHosts of its configuration.';
    const body = JSON.stringify({ error: { code: 'HOST_NOT_ALLOWED', message } });
    response.writeHead(421, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      connection: 'close',
    });
    response.end(body);
  }

  #report(host: string): void {
    const { log, monotonicMs } = this.#options;
    const now = monotonicMs();
    if (now - this.#loggedMs < HOST_LOG_INTERVAL_MS) return;
    this.#loggedMs = now;
    const shown = host.slice(0, 100).replace(/[^\w.:[\]-]/g, '?');
    log.warn(
      { host: shown, refused: this.#refused },
      'a request was refused because its host name is not in http.allowedHosts; add the name if clients use it',
    );
  }
}
