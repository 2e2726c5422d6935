// The contract's envelope: one table from error codes to results, and the outermost middleware that answers everything in it.
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Middleware } from 'koa';
import type { Log } from '../../domain/log.js';
import { AppError, type ErrorCode } from '../../errors.js';
import { ClientGone, discardBody } from '../core/body.js';

interface Result {
  code: number;
  name: string;
}

/** What an AppError becomes on the wire. A code that is not here is unforeseen in a request, and answered as INTERNAL. */
export const RESULTS: Readonly<Partial<Record<ErrorCode, Result>>> = {
  INVALID_PARAM: { code: -40000, name: 'InvalidParam' },
  INVALID_GROUP_ID: { code: -40010, name: 'InvalidGroupID' },
  DUPLICATED_GROUP: { code: -40020, name: 'DuplicatedGroupID' },
  GROUP_NOT_FOUND: { code: -40030, name: 'NotFoundGroupError' },
  INVALID_TOKEN: { code: -40040, name: 'InvalidTokenError' },
  FACE_NOT_FOUND: { code: -40050, name: 'NotFoundFaceIDError' },
  QUOTA_EXCEEDED: { code: -40070, name: 'ServiceQuotaExceededException' },
  MODEL_VERSION_MISMATCH: { code: -40080, name: 'ModelVersionMismatch' },
  UNAUTHORIZED_APP_KEY: { code: -41000, name: 'UnauthorizedAppKey' },
  UNAUTHORIZED_APP_KEY_OR_SECRET_KEY: { code: -41005, name: 'UnauthorizedAppKeyOrSecretKey' },
  IMAGE_TOO_LARGE: { code: -45020, name: 'ImageTooLargeException' },
  INVALID_IMAGE_BYTES: { code: -45030, name: 'InvalidImageBytesException' },
  INVALID_IMAGE_FORMAT: { code: -45040, name: 'InvalidImageFormatException' },
  INVALID_IMAGE_URL: { code: -45050, name: 'InvalidImageURLException' },
  IMAGE_TIMEOUT: { code: -45060, name: 'ImageTimeoutError' },
  INVALID_IMAGE_FILE: { code: -45080, name: 'InvalidImageFileException' },
  SERVER_BUSY: { code: -50300, name: 'ServerBusy' },
};
const SUCCESS: Result = { code: 0, name: 'Success' };
const PARTIAL_SUCCESS: Result = { code: 40070, name: 'ServiceQuotaExceededPartialSuccessException' };
const INTERNAL: Result = { code: -50000, name: 'InternalServerError' };

/** Every result there is, for the document. */
export const SUCCESS_RESULTS: readonly Result[] = [SUCCESS, PARTIAL_SUCCESS];
export const ERROR_RESULTS: readonly Result[] = [...Object.values(RESULTS), INTERNAL];

const RETRY_AFTER_SECONDS = '1';

export interface EnvelopeHeader {
  isSuccessful: boolean;
  resultCode: number;
  resultMessage: string;
  /** One English sentence for a person; of an unforeseen error the request id and nothing else. */
  detail?: string;
}

/** What a route answers when it succeeds. */
export interface Reply<Data extends object = object> {
  data?: Data;
  /** Some faces were registered, the rest is beyond the group's quota. */
  partial?: boolean;
}

/** An error of one of compare's two images: on the wire a result of the -45000 range then carries the side after its name. */
export class ImageSideError extends AppError {
  readonly side: 'Source' | 'Target';

  constructor(side: 'Source' | 'Target', error: AppError) {
    super(error.code, error.message, { detail: error.detail, cause: error });
    this.side = side;
  }
}

/** What the middleware keeps of a request in `ctx.state`. */
export interface RequestState {
  requestId: string;
  /** The pattern of the route, never the path itself, which holds the appKey. Absent where no route was reached. */
  route?: string;
  reply?: Reply;
}

/** Counts and times requests, for the metrics. */
export interface RequestObserver {
  /** @param route method and pattern, such as `POST /nhn-face-reco/v1.0/appkeys/:appKey/detect` */
  observeRequest(route: string, resultCode: number, seconds: number): void;
}

export interface EnvelopeOptions {
  log: Log;
  observer?: RequestObserver;
  /** Milliseconds from any origin, never going back. */
  monotonicMs?: () => number;
  newRequestId?: () => string;
}

/** The header of a success. */
export function successHeader(reply: Reply): EnvelopeHeader {
  const result = reply.partial ? PARTIAL_SUCCESS : SUCCESS;
  return { isSuccessful: true, resultCode: result.code, resultMessage: result.name };
}

/** The header of anything thrown, and whether the table foresees it. */
export function errorHeader(error: unknown, requestId: string): { header: EnvelopeHeader; foreseen: boolean } {
  const result = error instanceof AppError ? RESULTS[error.code] : undefined;
  if (!(error instanceof AppError) || result === undefined) {
    // A disk that refuses is foreseen by everybody but the contract, which has no code for it: told in words, and logged all the same.
    const isStore = error instanceof AppError && error.code === 'STORE_UNAVAILABLE';
    const detail = isStore
      ? `The disk refuses to write; nothing was changed (request id ${requestId}).`
      : `request id ${requestId}`;
    const header = { isSuccessful: false, resultCode: INTERNAL.code, resultMessage: INTERNAL.name, detail };
    return { header, foreseen: false };
  }
  const ofImage = result.code <= -45000 && result.code > -46000;
  const side = ofImage && error instanceof ImageSideError ? `:${error.side}` : '';
  const header: EnvelopeHeader = {
    isSuccessful: false,
    resultCode: result.code,
    resultMessage: result.name + side,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  };
  return { header, foreseen: true };
}

/**
 * Gives the request its id, answers what the route replied or threw, writes the access log. A request body that nobody read is
 * discarded before the answer, so that a client which sends before it listens gets it.
 */
export function envelope(options: EnvelopeOptions): Middleware<RequestState> {
  const { log, observer } = options;
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const newRequestId = options.newRequestId ?? randomUUID;

  return async (ctx, next) => {
    const startedMs = monotonicMs();
    const requestId = newRequestId();
    ctx.state.requestId = requestId;
    ctx.set('x-request-id', requestId);
    let header: EnvelopeHeader | undefined;
    try {
      await next();
      if (ctx.state.reply) header = successHeader(ctx.state.reply);
    } catch (error) {
      if (error instanceof ClientGone) {
        log.info({ requestId, method: ctx.method, route: ctx.state.route }, 'the client went away');
        return;
      }
      const answer = errorHeader(error, requestId);
      header = answer.header;
      if (!answer.foreseen) {
        log.error({ requestId, route: ctx.state.route, err: error }, 'a request failed unforeseen');
      } else if (error instanceof AppError && error.cause !== undefined) {
        log.debug({ requestId, cause: nameOf(error.cause) }, 'why a request was refused');
      }
      if (header.resultCode === RESULTS.SERVER_BUSY?.code) ctx.set('retry-after', RETRY_AFTER_SECONDS);
    }

    const bodyEnded = await discardBody(ctx.req);
    if (!bodyEnded) ctx.set('connection', 'close');
    if (header) {
      ctx.status = 200;
      ctx.set('cache-control', 'no-store');
      const data = header.isSuccessful ? ctx.state.reply?.data : undefined;
      ctx.body = data === undefined ? { header } : { header, data };
    }

    const durationMs = monotonicMs() - startedMs;
    const route = ctx.state.route;
    const fields = { requestId, method: ctx.method, route, resultCode: header?.resultCode, status: ctx.status };
    log.info({ ...fields, durationMs: Math.round(durationMs * 100) / 100 }, 'request');
    if (header && route !== undefined) {
      observer?.observeRequest(`${ctx.method} ${route}`, header.resultCode, durationMs / 1000);
    }
  };
}

/** Its code or its class: the message of a failed fetch would quote the request. */
function nameOf(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause;
  return (cause as NodeJS.ErrnoException).code ?? cause.name;
}
