// The device API as the server mounts it: everything below /device/v1, with its own keys, statuses and answers.
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import Router, { type RouterContext } from '@koa/router';
import type { Context, Middleware } from 'koa';
import { readVersion } from '../../config/paths.js';
import type { Timers } from '../../domain/time.js';
import { AppError, clientError } from '../../errors.js';
import type { KeyAuthority } from '../../keys/key-registry.js';
import { ClientGone, discardBody, parseJsonObject, readBody } from '../core/body.js';
import type { RequestObserver } from '../nhn/envelope.js';
import { adminOf, isStillAdmin } from './admin-auth.js';
import { AttemptLimit, MS_PER_ATTEMPT } from '../core/attempt-limit.js';
import { checkedStrictly, nothing } from './inputs.js';
import { DOCUMENT_PATH, deviceDocument } from './openapi.js';
import { DEVICE_BASE, type DeviceReply, type DeviceRoute } from './route.js';
import { DEVICE_ROUTES } from './routes.js';
import type { DeviceServices } from './services.js';
import { answerTo } from './statuses.js';

/** No request of this API is longer. */
const MAX_BODY_BYTES = 16_384;
const NOBODY = 'nobody';
/** A client has so long to take what is on its way when a stream ends. */
const GRACE_MS = 1_000;
const RETRY_AFTER: ReadonlyMap<string, string> = new Map([
  ['SERVER_BUSY', '1'],
  ['TOO_MANY_ATTEMPTS', String(Math.ceil(MS_PER_ATTEMPT / 1_000))],
]);

export interface DeviceApiParts {
  services: DeviceServices;
  adminKeys: KeyAuthority;
  timers: Timers;
  /** Milliseconds from any origin, never going back. */
  monotonicMs?: () => number;
  observer?: RequestObserver;
}

/** What is kept of a request under way. */
interface Visit {
  requestId: string;
  /** The pattern, where one was reached. */
  route?: string;
}

export class DeviceApi {
  readonly #parts: DeviceApiParts;
  readonly #attempts: AttemptLimit;
  /** Answers that go on. */
  readonly #streams = new Set<Readable>();

  constructor(parts: DeviceApiParts) {
    this.#parts = parts;
    this.#attempts = new AttemptLimit(parts.services.clock);
  }

  /** Answers what is below the base, and passes everything else on. */
  middleware(): Middleware {
    const router = new Router({ sensitive: true });
    const methods = new Map<string, string[]>();
    for (const route of DEVICE_ROUTES) {
      const pattern = DEVICE_BASE + route.path;
      methods.set(pattern, [...(methods.get(pattern) ?? []), route.method]);
      router.register(pattern, [route.method], (ctx) => this.#serve(route, ctx));
    }
    router.register(DEVICE_BASE + DOCUMENT_PATH, ['GET'], documentPage());
    methods.set(DEVICE_BASE + DOCUMENT_PATH, ['GET']);
    for (const [pattern, allowed] of methods) {
      router.all(pattern, (ctx) => {
        ctx.set('allow', allowed.join(', '));
        throw new AppError('METHOD_NOT_ALLOWED', 'no such operation');
      });
    }
    const served = router.routes() as unknown as (ctx: Context, next: () => Promise<void>) => Promise<void>;
    return async (ctx, next) => {
      if (ctx.path !== DEVICE_BASE && !ctx.path.startsWith(`${DEVICE_BASE}/`)) {
        await next();
        return;
      }
      await this.#answered(ctx, async () => {
        await served(ctx, async () => {
          throw new AppError('NOT_FOUND', 'no such path');
        });
      });
    };
  }

  /** What its routes work with. */
  get services(): DeviceServices {
    return this.#parts.services;
  }

  /** Ends what would keep the server from stopping: live views and enrolments. */
  close(): void {
    const { services, timers } = this.#parts;
    services.views.close();
    services.enrolments.close();
    for (const stream of this.#streams) {
      const timer = timers.setTimeout(() => stream.destroy(), GRACE_MS);
      stream.once('close', () => timers.clearTimeout(timer));
    }
  }

  async #serve(route: DeviceRoute, ctx: RouterContext): Promise<void> {
    const { services, adminKeys } = this.#parts;
    (ctx.state as Visit).route = DEVICE_BASE + route.path;
    // A picture that nobody gets is not made, and nobody is written down as its viewer.
    if (ctx.method === 'HEAD') {
      ctx.set('allow', route.method);
      throw new AppError('METHOD_NOT_ALLOWED', 'no such operation');
    }
    const caller = { headers: ctx.req.headers, address: ctx.req.socket.remoteAddress ?? '' };
    const actor = route.open ? NOBODY : `admin:${adminOf(caller, adminKeys, this.#attempts)}`;
    const query: unknown = checkedStrictly(route.query ?? nothing, textsOf(ctx.querystring), 'The parameter');
    const body: unknown = route.method === 'GET' ? undefined : await bodyOf(route, ctx);
    const gone = new AbortController();
    const onClose = (): void => {
      if (!ctx.res.writableFinished) gone.abort();
    };
    ctx.res.once('close', onClose);
    try {
      const isAllowed = (): boolean => isStillAdmin(caller.headers, adminKeys);
      const request = { actor, params: ctx.params, query, body, gone: gone.signal, isAllowed };
      this.#give(ctx, await route.handle(services, request));
    } catch (error) {
      throw gone.signal.aborted ? new ClientGone('the connection was closed') : error;
    }
  }

  #give(ctx: Context, reply: DeviceReply<object>): void {
    if ('json' in reply) {
      ctx.status = reply.status ?? 200;
      ctx.body = reply.json;
      return;
    }
    ctx.status = 200;
    if ('bytes' in reply) {
      ctx.set({ ...reply.headers });
      ctx.body = Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.byteLength);
    } else {
      // A reverse proxy must not gather what is to be seen at once.
      ctx.set('x-accel-buffering', 'no');
      // The service may stop meanwhile, and a connection that is kept alive would hold it up.
      ctx.set('connection', 'close');
      ctx.body = reply.stream;
      this.#follow(reply.stream, ctx.res);
    }
    ctx.set('content-type', reply.contentType);
  }

  /** A stream that is cut off cuts its connection off, and so does a client who does not take the end of one. */
  #follow(stream: Readable, response: ServerResponse): void {
    const { timers } = this.#parts;
    this.#streams.add(stream);
    stream.once('close', () => {
      this.#streams.delete(stream);
      if (!stream.readableEnded) return void response.destroy();
      const timer = timers.setTimeout(() => response.destroy(), GRACE_MS);
      response.once('close', () => timers.clearTimeout(timer));
    });
  }

  async #answered(ctx: Context, serve: () => Promise<void>): Promise<void> {
    const { services, observer, monotonicMs = () => performance.now() } = this.#parts;
    const startedMs = monotonicMs();
    const visit = ctx.state as Visit;
    const requestId = (visit.requestId = randomUUID());
    ctx.set('x-request-id', requestId);
    ctx.set('cache-control', 'no-store');
    try {
      await serve();
    } catch (error) {
      if (error instanceof ClientGone) {
        services.log.info({ requestId, method: ctx.method, route: visit.route }, 'the client went away');
        // There is nobody to answer; a live connection would otherwise get a page of Koa's.
        ctx.respond = false;
        ctx.res.destroy();
        return;
      }
      const { status, body, foreseen } = answerTo(error, requestId);
      if (!foreseen) services.log.error({ requestId, route: visit.route, err: error }, 'a request failed unforeseen');
      ctx.status = status;
      ctx.body = body;
      const retryAfter = RETRY_AFTER.get(body.error.code);
      if (retryAfter !== undefined) ctx.set('retry-after', retryAfter);
      if (status === 401) ctx.set('www-authenticate', 'Bearer realm="lintel"');
    }
    if (!(await discardBody(ctx.req, MAX_BODY_BYTES))) ctx.set('connection', 'close');
    const seconds = (monotonicMs() - startedMs) / 1000;
    const durationMs = Math.round(seconds * 1e5) / 100;
    const { method, status } = ctx;
    services.log.info({ requestId, method, route: visit.route, status, durationMs }, 'request');
    if (visit.route !== undefined) observer?.observeRequest(`${method} ${visit.route}`, status, seconds);
  }
}

/** @throws AppError INVALID_PARAM; ClientGone */
async function bodyOf(route: DeviceRoute, ctx: Context): Promise<unknown> {
  const bytes = await readBody(ctx.req, MAX_BODY_BYTES);
  if (!bytes) throw clientError('INVALID_PARAM', `The body is longer than ${MAX_BODY_BYTES} bytes.`);
  if (route.body === undefined && bytes.length === 0) return undefined;
  return checkedStrictly(route.body ?? nothing, parseJsonObject(bytes), 'The field');
}

/** A parameter that is given twice becomes an array, which no schema takes. */
function textsOf(querystring: string): Record<string, unknown> {
  const texts = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of new URLSearchParams(querystring)) texts[name] = name in texts ? [] : value;
  return texts;
}

/** Made when it is first asked for. */
function documentPage(): (ctx: Context) => void {
  let body: string | undefined;
  return (ctx) => {
    body ??= `${JSON.stringify(deviceDocument(DEVICE_ROUTES, readVersion()), null, 2)}\n`;
    ctx.body = body;
    ctx.set('content-type', 'application/json');
  };
}
