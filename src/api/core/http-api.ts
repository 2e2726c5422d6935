// One HTTP API: mounts its routes, and handles every request, from its id to its line in the access log.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import Router, { type RouterContext } from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Log } from '../../domain/log.js';
import { AppError } from '../../errors.js';
import { readRequestHost } from './allowed-hosts.js';
import { ClientGone, discardBody } from './body.js';
import type { ByteBudget, Reservation } from './byte-budget.js';
import { readInput, type InputRules } from './request-input.js';
import type { RequestLimits } from './request-limits.js';
import type { AnyRoute, RouteRequest } from './route.js';

/** Parts of a request that an API may use to identify the caller. */
export interface Credentials {
  /** Parameters of the path, percent-decoded. */
  params: Readonly<Record<string, string>>;
  headers: IncomingHttpHeaders;
  method: string;
  /** Host that the request asks for, with its port where it names one; undefined where it names none. */
  host: string | undefined;
  /** Whether it came by TLS. */
  isEncrypted: boolean;
  /** IP address of the other end of the connection. */
  remoteAddress: string;
}

/** A request after all checks of the core. */
export interface CheckedRequest extends RouteRequest<string, unknown, unknown> {
  /** See RequestInput: the pictures of the body are placeholders. */
  isTooLong: boolean;
  /** Bytes that the request holds until it is answered. */
  reservation: Reservation;
}

/** A route at its full path, connected with the keys and the services of its API. */
export interface Endpoint<Reply> {
  /** Full path pattern; it is the name of the route in logs and metrics, because a path may hold a key. */
  pattern: string;
  route: AnyRoute;
  /**
   * Checks the credentials, before any other part of the request is examined.
   * @returns the function that runs the operation for this caller
   * @throws AppError for an unknown key
   */
  authenticate: (credentials: Credentials) => (request: CheckedRequest) => Promise<Reply>;
}

/** Result code of an answer, for the access log and the metrics; undefined in an API that has none. */
export type ResultCode = number | undefined;

/** Writes the answers of one API: status, headers and body. */
export interface AnswerEncoder<Reply> {
  writeReply(ctx: Context, reply: Reply): ResultCode;
  /** Writes the answer for a thrown error; `isForeseen` is false for an error that the API has no code for. */
  writeError(ctx: Context, error: unknown, requestId: string): { resultCode: ResultCode; isForeseen: boolean };
}

/** One answered request, for the metrics. */
export interface ObservedRequest {
  /** Method and path pattern, such as `POST /nhn-face-reco/v1.0/appkeys/:appKey/detect`. */
  route: string;
  /** HTTP status. */
  status: number;
  resultCode: ResultCode;
  seconds: number;
}

/** Counts and times requests. */
export interface RequestObserver {
  observeRequest(request: ObservedRequest): void;
}

export interface HttpApiOptions<Reply> {
  endpoints: readonly Endpoint<Reply>[];
  encoder: AnswerEncoder<Reply>;
  input: InputRules;
  /** Limits that the requests of all APIs share. */
  limits: RequestLimits;
  /**
   * Path below which every request belongs to this API: there, an unknown path is NOT_FOUND and an unknown method, HEAD included,
   * METHOD_NOT_ALLOWED. Without it the API answers only its own routes, and any other request gets a plain 404.
   */
  ownedPath?: string;
  /** OpenAPI document of an API with an owned path; it is made at the first request. */
  document?: { pattern: string; make: () => object };
  /**
   * How many bytes of an unwanted body are read before the connection is closed. A route that takes a picture file reads as many as an API
   * without a limit of its own, once the caller is known: a browser that is still sending does not read the answer.
   */
  maxDiscardedBytes?: number;
  log: Log;
  observer?: RequestObserver | undefined;
  /** Monotonic clock, in milliseconds from any origin. */
  monotonicMs?: (() => number) | undefined;
}

/** State of a request, kept in `ctx.state`. */
interface RequestState {
  /** Path pattern; absent until a route is reached. */
  route?: string;
  resultCode?: ResultCode;
  /** Set once the encoder has written the answer. */
  isAnswered?: boolean;
  /** Bytes of the request, and later of its answer. */
  reservation: Reservation;
  /** Set once the caller of a route that takes a picture file is known. */
  isPictureExpected?: boolean;
}

export class HttpApi<Reply> {
  readonly #options: HttpApiOptions<Reply>;

  constructor(options: HttpApiOptions<Reply>) {
    this.#options = options;
  }

  /** Returns the middleware that answers the API's requests and passes all others on. */
  middleware(): Middleware {
    const { ownedPath } = this.#options;
    const serve = this.#createRouter().routes() as unknown as Middleware;
    return async (ctx, next) => {
      if (ownedPath === undefined) return this.#answer(ctx, async () => void (await serve(ctx, next)));
      if (ctx.path !== ownedPath && !ctx.path.startsWith(`${ownedPath}/`)) return void (await next());
      return this.#answer(ctx, async () => {
        await serve(ctx, () => Promise.reject(new AppError('NOT_FOUND', 'there is no such path')));
      });
    };
  }

  #createRouter(): Router {
    const { endpoints, document, ownedPath } = this.#options;
    const router = new Router({ sensitive: true });
    const methods = new Map<string, string[]>();
    for (const endpoint of endpoints) {
      const { pattern, route } = endpoint;
      methods.set(pattern, [...(methods.get(pattern) ?? []), route.method]);
      router.register(pattern, [route.method], (ctx) => this.#serve(endpoint, ctx));
    }
    if (document) {
      router.register(document.pattern, ['GET'], createDocumentPage(document.make));
      methods.set(document.pattern, ['GET']);
    }
    if (ownedPath !== undefined) {
      for (const [pattern, allowed] of methods) router.all(pattern, (ctx) => refuseMethod(ctx, allowed));
    }
    return router;
  }

  /** Handles one request in this order: credentials, query, body, operation. */
  async #serve({ pattern, route, authenticate }: Endpoint<Reply>, ctx: RouterContext): Promise<void> {
    const { encoder, input, limits, ownedPath } = this.#options;
    const state = ctx.state as RequestState;
    const { reservation } = state;
    state.route = pattern;
    // The router treats HEAD as GET: a picture would be made but not sent, and the audit log would record a view of it.
    if (ctx.method === 'HEAD' && ownedPath !== undefined) refuseMethod(ctx, [route.method]);
    const { params } = ctx;
    const run = authenticate({ params, ...readCredentials(ctx.req) });
    state.isPictureExpected = route.pictureTypes !== undefined;
    const source = { request: ctx.req, querystring: ctx.querystring, limits, reservation };
    const { query, body, isTooLong } = await readInput(source, route, input);
    const gone = new AbortController();
    ctx.res.once('close', () => {
      if (!ctx.res.writableFinished) gone.abort();
    });
    try {
      const reply = await run({ params, query, body, isTooLong, reservation, gone: gone.signal });
      state.resultCode = encoder.writeReply(ctx, reply);
      holdAnswer(ctx, reservation, limits.budget);
      state.isAnswered = true;
    } catch (error) {
      throw gone.signal.aborted ? new ClientGone('the connection was closed') : error;
    }
  }

  /**
   * Gives a request its id, answers errors, and writes the access log. An unread body is discarded before the answer is sent, because
   * a client that sends its whole request before it reads would not receive the answer otherwise.
   */
  async #answer(ctx: Context, serve: () => Promise<void>): Promise<void> {
    const { encoder, limits, log, observer, maxDiscardedBytes, ownedPath } = this.#options;
    const monotonicMs = this.#options.monotonicMs ?? (() => performance.now());
    const startedMs = monotonicMs();
    const requestId = randomUUID();
    const state = ctx.state as RequestState;
    const reservation = limits.budget.open();
    state.reservation = reservation;
    ctx.set('x-request-id', requestId);
    const { method } = ctx;
    try {
      await serve();
    } catch (error) {
      // Not before: the pictures of a client that has left are held until their work is done.
      reservation.release();
      const { route } = state;
      if (error instanceof ClientGone) {
        log.info({ requestId, method, route }, 'the client closed the connection before it was answered');
        ctx.respond = false;
        ctx.res.destroy();
        return;
      }
      const { resultCode, isForeseen } = encoder.writeError(ctx, error, requestId);
      state.resultCode = resultCode;
      state.isAnswered = true;
      if (!isForeseen) {
        log.error({ requestId, route, err: error }, 'a request failed for an unforeseen reason');
      } else if (error instanceof AppError && error.cause !== undefined) {
        log.debug({ requestId, cause: nameCause(error.cause) }, 'a request was refused because of this error');
      }
    }
    if (state.isAnswered || ownedPath !== undefined) ctx.set('cache-control', 'no-store');
    const mostDiscardedBytes = state.isPictureExpected ? undefined : maxDiscardedBytes;
    if (!(await discardBody(ctx.req, mostDiscardedBytes))) ctx.set('connection', 'close');

    const seconds = (monotonicMs() - startedMs) / 1_000;
    const durationMs = Math.round(seconds * 1e5) / 100;
    const { status } = ctx;
    const { route, resultCode, isAnswered } = state;
    log.info({ requestId, method, route, resultCode, status, durationMs }, 'request');
    if (route !== undefined && isAnswered) {
      observer?.observeRequest({ route: `${method} ${route}`, status, resultCode, seconds });
    }
  }
}

/**
 * Returns the bytes of the request to the budget, and holds those of its answer until the client has received it. Small answers need no
 * room, so that nobody is refused who has changed something.
 * @throws AppError SERVER_BUSY: the budget has no room for a large answer
 */
function holdAnswer(ctx: Context, reservation: Reservation, budget: ByteBudget): void {
  reservation.release();
  const { body } = ctx;
  if (body instanceof Readable) return;
  // As text, its length is known; Koa has set the content type for the object.
  const answer = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  reservation.hold(answer.length);
  ctx.body = answer;
  if (ctx.res.closed) return reservation.release();
  reservation.beginTransfer(budget.nowMs(), () => ctx.res.destroy());
  ctx.res.once('close', () => reservation.release());
}

function readCredentials({ headers, method = '', url = '', socket }: IncomingMessage): Omit<Credentials, 'params'> {
  return {
    headers,
    method,
    host: readRequestHost(url, headers.host),
    isEncrypted: 'encrypted' in socket && socket.encrypted === true,
    remoteAddress: socket.remoteAddress ?? '',
  };
}

/** @throws AppError METHOD_NOT_ALLOWED */
function refuseMethod(ctx: Context, allowed: readonly string[]): never {
  ctx.set('allow', allowed.join(', '));
  throw new AppError('METHOD_NOT_ALLOWED', 'the path has no such operation');
}

function createDocumentPage(make: () => object): (ctx: Context) => void {
  // Bytes, not a text: all answers on their way share them.
  let body: Buffer | undefined;
  return (ctx) => {
    body ??= Buffer.from(`${JSON.stringify(make(), null, 2)}\n`);
    ctx.body = body;
    ctx.set('content-type', 'application/json');
  };
}

/** Returns the code or the class of an error, and not its message: that of a failed fetch would quote the request. */
function nameCause(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause;
  return (cause as NodeJS.ErrnoException).code ?? cause.name;
}
