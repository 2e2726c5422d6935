// The HTTP server: listens, serves the dialects and the service's own pages, and stops without dropping what runs.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import Koa from 'koa';
import { readVersion } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { Health } from '../../domain/health.js';
import type { Log } from '../../domain/log.js';
import type { Part } from '../../domain/part.js';
import type { OtherModels } from '../../domain/other-models.js';
import type { SimilarityScale } from '../../domain/similarity.js';
import { AppError, describeError } from '../../errors.js';
import type { Gallery } from '../../gallery/gallery.types.js';
import type { Vision } from '../../vision/vision.js';
import type { SecretKeyAuthority } from '../../keys/key-registry.js';
import type { DeviceApi } from '../device/device-api.js';
import { DIALECTS } from '../nhn/dialects.js';
import { envelope, type RequestObserver, type RequestState } from '../nhn/envelope.js';
import { ImageFetcher, type Resolver } from './fetch-image.js';
import { ImageLoader } from './image-input.js';
import { openApiDocument } from '../nhn/openapi.js';
import { handleRoute } from '../nhn/route.js';
import type { LivenessThresholds, Services } from '../nhn/services.js';
import { HANDSHAKE_TIMEOUT_MS, TlsIdentity } from './tls.js';

const HEADERS_TIMEOUT_MS = 10_000;

/** A page outside the contract, such as /healthz: GET, without appKey and envelope. */
export interface ExtraRoute {
  path: string;
  handler: () => Promise<{ status: number; contentType: string; body: string | Buffer }>;
}

export interface ApiServerOptions {
  config: Pick<Config, 'http' | 'images'>;
  vision: Pick<Vision, 'modelVersion' | 'hasLiveness' | 'analyseImage'>;
  gallery: Gallery;
  appKeys: SecretKeyAuthority;
  scale: SimilarityScale;
  otherModels?: OtherModels;
  log: Log;
  /** Absent where no liveness model is loaded. */
  livenessThresholds?: LivenessThresholds;
  extraRoutes?: readonly ExtraRoute[];
  observer?: RequestObserver;
  /** Below /device/v1; nothing is there where it is not given. */
  device?: Pick<DeviceApi, 'middleware' | 'close'>;
  /** Name resolution for image.url; the system's where it is not given. */
  resolve?: Resolver;
  /** Milliseconds from any origin, never going back. */
  monotonicMs?: () => number;
  /** The files of http.tls are looked at so often. */
  tlsCheckIntervalMs?: number;
  /** Requests that run when the server stops have so long to finish. */
  stopTimeoutMs?: number;
}

export class ApiServer implements Part {
  readonly name = 'api';
  readonly #options: ApiServerOptions;
  #server: Server | undefined;
  #address: AddressInfo | undefined;
  #tls: TlsIdentity | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  /** Where it listens. @throws TypeError when it does not */
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
    const callback = this.#app().callback();
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

  async #createServer(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
    const { log, tlsCheckIntervalMs, config } = this.#options;
    const { tls, requestTimeoutMs, keepAliveTimeoutMs } = config.http;
    const options = {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      keepAliveTimeout: keepAliveTimeoutMs,
      // Node looks for overdue requests only so often; every 30 s by default.
      connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs / 4),
    };
    if (!tls) return createServer(options, listener);
    const identity = new TlsIdentity({
      ...tls,
      log,
      ...(tlsCheckIntervalMs === undefined ? {} : { checkIntervalMs: tlsCheckIntervalMs }),
    });
    const handshakeTimeout = Math.min(HANDSHAKE_TIMEOUT_MS, requestTimeoutMs);
    const server = createSecureServer({ ...options, ...(await identity.load()), handshakeTimeout }, listener);
    identity.serve(server);
    this.#tls = identity;
    return server;
  }

  /** Accepts nothing more, lets what runs finish within a bound, then closes every connection. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#address = undefined;
    this.#tls?.stop();
    this.#options.device?.close();
    if (!server?.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), this.#options.stopTimeoutMs ?? 5_000);
    await closed;
    clearTimeout(timer);
  }

  #app(): Koa<RequestState> {
    const { log, observer, monotonicMs, config, device } = this.#options;
    const app = new Koa<RequestState>();
    // Koa reports here what goes wrong while an answer is being written: a client that left.
    app.on('error', (error: unknown) => log.debug({ cause: describeError(error) }, 'an answer could not be delivered'));
    app.use(async (ctx, next) => {
      await next();
      if (!this.#server) ctx.set('connection', 'close');
    });
    app.use(this.#extraRouter().routes());
    if (device) app.use(device.middleware());
    app.use(envelope({ log, observer, monotonicMs }));

    const context = {
      appKeys: this.#options.appKeys,
      services: this.#services(),
      maxImageBytes: config.http.maxImageBytes,
    };
    const router = new Router<RequestState>({ sensitive: true });
    for (const dialect of DIALECTS) {
      for (const route of dialect.routes) {
        router.register(dialect.base + route.path, [route.method], handleRoute(route, dialect, context));
      }
    }
    app.use(router.routes());
    return app;
  }

  #extraRouter(): Router<RequestState> {
    const { extraRoutes = [], log } = this.#options;
    const router = new Router<RequestState>({ sensitive: true });
    for (const { path, handler } of [...extraRoutes, openApiPage()]) {
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

  #services(): Services {
    const { config, vision, gallery, scale, otherModels, livenessThresholds, resolve } = this.#options;
    const { maxImageBytes } = config.http;
    const fetcher = new ImageFetcher({
      maxBytes: maxImageBytes,
      timeoutMs: config.images.timeoutMs,
      allowNetworks: config.images.allowNetworks,
      resolve,
    });
    const images = new ImageLoader({ maxImageBytes, fetcher });
    return { vision, gallery, scale, otherModels, livenessThresholds, images };
  }
}

/** Made when it is first asked for: a start need not wait for it. */
function openApiPage(): ExtraRoute {
  let body: string | undefined;
  return {
    path: '/openapi.json',
    handler: async () => {
      body ??= `${JSON.stringify(openApiDocument(DIALECTS, readVersion()), null, 2)}\n`;
      return { status: 200, contentType: 'application/json', body };
    },
  };
}
