// The HTTP server: listens, serves the APIs and the pages of the service, and stops without dropping running requests.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import type { Config } from '../../config/schema.js';
import type { Health } from '../../domain/health.js';
import type { Log } from '../../domain/log.js';
import type { Part } from '../../domain/part.js';
import { AppError, describeError } from '../../errors.js';
import { readOpenFiles } from '../../platform/open-files.js';
import { TlsIdentity } from '../../platform/tls-identity.js';
import { AllowedHosts } from './allowed-hosts.js';
import { ConnectionGate } from './connection-gate.js';
import { AllowedOrigins } from './cross-origin.js';
import { createGuardedServer, HostGuard, type RequestListener } from './guarded-server.js';
import type { RequestLimits } from './request-limits.js';

/** Connections that are taken even where the limit of open files leaves none. */
const MIN_CONNECTIONS = 16;

const monotonicMs = (): number => performance.now();

/** A page that belongs to no API, such as /healthz: it answers GET and asks for no key. */
export interface ServicePage {
  path: string;
  handler: () => Promise<{ status: number; contentType: string; body: string | Buffer }>;
}

/** An API as the server mounts it. */
export interface MountedApi {
  /** Returns the middleware that answers the API's requests; it passes all others on, unless it is the last API. */
  middleware(): Middleware;
  pages?: readonly ServicePage[];
  /** Ends answers that would otherwise go on when the server stops. */
  close?(): void;
  /** Ends what requests need, when none is served any more. */
  end?(): void;
}

/** Numbers of the server since it was started. */
export interface HttpStats {
  /** Connections that are open now. */
  connections: number;
  /** Idle connections that were closed in favour of new ones. */
  connectionsClosed: number;
  /** Bytes of bodies and large answers that are held now. */
  heldBytes: number;
  /** Connections and requests that were refused, by reason. */
  refused: Readonly<Record<string, number>>;
}

export interface ApiServerOptions {
  config: { http: Config['http'] };
  /** APIs in the order in which they see a request. */
  apis: readonly MountedApi[];
  pages?: readonly ServicePage[];
  limits: RequestLimits;
  /** Descriptors that the other parts of the service need in addition to those that are open when the server starts. */
  reservedFiles?: number;
  log: Log;
  /** Milliseconds between two checks of the files of http.tls. */
  tlsCheckIntervalMs?: number;
  /** Milliseconds that running requests have to finish when the server stops. */
  stopTimeoutMs?: number;
}

export class ApiServer implements Part {
  readonly name = 'api';
  readonly #options: ApiServerOptions;
  #server: Server | undefined;
  #address: AddressInfo | undefined;
  #tls: TlsIdentity | undefined;
  #guards: { gate: ConnectionGate; hosts: HostGuard } | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  /** Address that the server listens on. @throws TypeError when it does not listen */
  get address(): AddressInfo {
    if (!this.#address) throw new TypeError('the API server does not listen');
    return this.#address;
  }

  get scheme(): 'http' | 'https' {
    return this.#options.config.http.tls ? 'https' : 'http';
  }

  health(): Health {
    if (!this.#address) return { status: 'failed', detail: 'the API does not listen' };
    return this.#tls?.health() ?? { status: 'ok' };
  }

  /** @throws AppError CONFIG_INVALID: the address cannot be listened on, or the files of http.tls cannot be used */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { http } = this.#options.config;
    const callback = this.#createApp().callback();
    const server = await this.#createServer((request, response) => void callback(request, response));
    signal.throwIfAborted();
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error) => {
        const message = `cannot listen on ${http.host} port ${http.port}: ${describeError(cause)}`;
        reject(new AppError('CONFIG_INVALID', message, { cause }));
      };
      server.once('error', onError);
      server.listen({ host: http.host, port: http.port }, () => {
        server.off('error', onError);
        resolve();
      });
    });
    // A connection that could not be accepted (too many open files) must not end the process.
    server.on('error', (error) => this.#options.log.error({ err: error }, 'the API server reports an error'));
    this.#address = server.address() as AddressInfo;
    const { address, port } = this.#address;
    this.#options.log.info({ scheme: this.scheme, address, port }, 'the API listens');
  }

  async #createServer(listener: RequestListener): Promise<Server> {
    const { log, limits, tlsCheckIntervalMs, config } = this.#options;
    const { http } = config;
    const guards = {
      http,
      turns: limits.turns,
      gate: await this.#createGate(),
      hosts: this.#createHostGuard(),
      origins: this.#createOrigins(),
    };
    this.#guards = guards;
    if (!http.tls) return createGuardedServer(guards, listener);
    const identity = new TlsIdentity({ ...http.tls, key: 'http.tls', log, checkIntervalMs: tlsCheckIntervalMs });
    const server = createGuardedServer({ ...guards, tls: await identity.load() }, listener);
    identity.serve(server);
    this.#tls = identity;
    return server;
  }

  /** Makes the gate. Its limit leaves descriptors for the other parts of the service, such as the store, cameras and the broker. */
  async #createGate(): Promise<ConnectionGate> {
    const { config, reservedFiles = 0, log } = this.#options;
    const { maxConnections, maxConnectionsPerAddress } = config.http;
    const files = await readOpenFiles();
    const affordable = files ? Math.max(MIN_CONNECTIONS, files.limit - files.open - reservedFiles) : maxConnections;
    if (files && affordable < maxConnections) {
      log.warn(
        { maxConnections: affordable, configured: maxConnections, openFileLimit: files.limit, openFiles: files.open },
        'the API takes fewer connections than http.maxConnections, because the limit of open files is low',
      );
    }
    return new ConnectionGate({
      maxConnections: Math.min(maxConnections, affordable),
      maxPerAddress: maxConnectionsPerAddress,
      monotonicMs,
    });
  }

  #createHostGuard(): HostGuard {
    const { config, log } = this.#options;
    const { host, allowedHosts } = config.http;
    const machine = hostname();
    const hosts = new AllowedHosts([host, machine, machine.replace(/\..*$/, ''), ...allowedHosts]);
    return new HostGuard({ hosts, log, monotonicMs });
  }

  #createOrigins(): AllowedOrigins {
    const { config, log } = this.#options;
    const { allowOrigins } = config.http;
    if (allowOrigins.includes('*')) {
      log.warn(
        { allowOrigins },
        'http.allowOrigins holds "*": every web page that somebody opens in this network can read the health and the metrics of this device',
      );
    }
    return new AllowedOrigins(allowOrigins);
  }

  /** Connections and refusals, for the metrics. */
  stats(): HttpStats {
    const { gate, hosts } = this.#guards ?? {};
    const { open, gaveWay, refused } = gate?.stats() ?? { open: 0, gaveWay: 0, refused: {} };
    const { heldBytes, refused: bytes, cutOff } = this.#options.limits.budget.stats();
    return {
      connections: open,
      connectionsClosed: gaveWay,
      heldBytes,
      refused: { ...refused, host: hosts?.refused ?? 0, bytes, slow: cutOff },
    };
  }

  /** Accepts no new connection, gives running requests a limited time to finish, then closes every connection. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#address = undefined;
    this.#tls?.stop();
    for (const api of this.#options.apis) api.close?.();
    if (server?.listening) await closeServer(server, this.#options.stopTimeoutMs ?? 5_000);
    for (const api of this.#options.apis) api.end?.();
  }

  #createApp(): Koa {
    const { log, apis, pages = [], limits } = this.#options;
    const app = new Koa();
    // Koa reports errors here that happen while an answer is being written, such as a closed connection.
    app.on('error', (error: unknown) => log.debug({ cause: describeError(error) }, 'an answer could not be delivered'));
    app.use(async (ctx, next) => {
      await limits.turns.take();
      await next();
      if (!this.#server) ctx.set('connection', 'close');
    });
    app.use(async (ctx, next) => {
      ctx.url = decodeUnreserved(ctx.url);
      await next();
    });
    app.use(createPageRouter([...pages, ...apis.flatMap((api) => api.pages ?? [])], log).routes());
    for (const api of apis) app.use(api.middleware());
    return app;
  }
}

/** Letters, digits and `-._~`, percent-encoded: RFC 3986, section 2.3, has them mean the same as when they are written plainly. */
const ENCODED_UNRESERVED = /%(?:2[DE]|3\d|[46][1-9A-F]|5[0-9AF]|7[0-9AE])/gi;

/** Decodes the unreserved characters in the path of a URL, once. All other encodings stay: `%2F` never becomes a separator. */
function decodeUnreserved(url: string): string {
  const end = url.search(/[?#]|$/);
  const path = url
    .slice(0, end)
    .replace(ENCODED_UNRESERVED, (code) => String.fromCharCode(parseInt(code.slice(1), 16)));
  return path + url.slice(end);
}

function createPageRouter(pages: readonly ServicePage[], log: Log): Router {
  const router = new Router({ sensitive: true });
  for (const { path, handler } of pages) {
    router.get(path, async (ctx) => {
      try {
        const { status, contentType, body } = await handler();
        ctx.status = status;
        ctx.set('cache-control', 'no-store');
        ctx.body = body;
        ctx.set('content-type', contentType);
      } catch (error) {
        log.error({ path, err: error }, 'a page could not be made');
        ctx.status = 500;
      }
    });
  }
  return router;
}

/** Lets the requests that are being served end, and closes the connections that are left after the time limit. */
async function closeServer(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearTimeout(timer);
}
