// The HTTP client of the REST API: waits while the service is busy, and distinguishes a refusal of one request from one that all would get.
import * as z from 'zod';
import type { Timers } from '../../domain/time.js';
import { AppError, describeError, type ErrorCode } from '../../errors.js';

const answerSchema = z.object({
  header: z.object({
    isSuccessful: z.boolean(),
    resultCode: z.number(),
    resultMessage: z.string(),
    detail: z.string().optional(),
  }),
  data: z.unknown().optional(),
});

const BUSY = -50300;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_PAUSE_MS = 30_000;
/** Longest total time to wait for a busy service. */
const MAX_BUSY_MS = 120_000;

/** The results that would be the same for every other picture. */
const FATAL: Readonly<Record<number, [ErrorCode, string]>> = {
  [-41000]: ['UNAUTHORIZED_APP_KEY', 'the service does not accept the appKey'],
  [-40030]: ['GROUP_NOT_FOUND', 'there is no such group for this appKey: give --create to create it'],
  [-40070]: ['QUOTA_EXCEEDED', 'the quota of faces or groups is reached'],
  [-40080]: ['MODEL_VERSION_MISMATCH', 'the group was created under a model that is not installed there'],
};

/** The service refused this request; the request for another picture may succeed. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  readonly resultCode: number;

  constructor(resultCode: number, message: string) {
    super(message);
    this.resultCode = resultCode;
  }
}

export interface EnrolClientOptions {
  /** URL of the service, such as http://127.0.0.1:8080. */
  url: string;
  appKey: string;
  timers: Timers;
  /** Ends the waiting for a busy service. A request that has been sent is completed. */
  signal: AbortSignal;
}

export class EnrolClient {
  readonly #options: EnrolClientOptions;

  constructor(options: EnrolClientOptions) {
    this.#options = options;
  }

  /**
   * @param path path below the appKey, such as /groups
   * @returns the field `data` of the answer, checked against the schema, and the sentences of its header where there are any
   * @throws RefusedRequest; AppError SERVICE_UNREACHABLE, SERVER_BUSY (after two minutes), STOPPED, and the codes in FATAL
   */
  async call<S extends z.ZodType>(
    method: 'GET' | 'POST',
    path: string,
    schema: S,
    body?: object,
  ): Promise<{ data: z.output<S>; detail?: string }> {
    let busyMs = 0;
    for (;;) {
      const { answer, retryAfter } = await this.#send(method, path, body);
      const { isSuccessful, resultCode, resultMessage, detail } = answer.header;
      if (isSuccessful) {
        const data = schema.safeParse(answer.data);
        if (!data.success) throw unreachable('an answer does not follow the contract', data.error);
        return { data: data.data, ...(detail !== undefined && { detail }) };
      }
      if (resultCode === BUSY) {
        const pauseMs = Math.min(MAX_PAUSE_MS, (Number(retryAfter) || 1) * 1_000);
        busyMs += pauseMs;
        if (busyMs > MAX_BUSY_MS) throw new AppError('SERVER_BUSY', 'the service has been busy for two minutes');
        await this.#pause(pauseMs);
        continue;
      }
      const fatal = FATAL[resultCode];
      if (fatal) throw new AppError(...fatal);
      throw new RefusedRequest(resultCode, detail ?? resultMessage);
    }
  }

  async #send(
    method: string,
    path: string,
    body: object | undefined,
  ): Promise<{ answer: z.output<typeof answerSchema>; retryAfter: string | null }> {
    const { url, appKey } = this.#options;
    let status: number;
    let text: string;
    let retryAfter: string | null;
    try {
      const response = await fetch(`${url}/nhn-face-reco/v1.0/appkeys/${encodeURIComponent(appKey)}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        // The path contains the appKey, so it must not be sent to another address.
        redirect: 'error',
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      status = response.status;
      retryAfter = response.headers.get('retry-after');
      text = await response.text();
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw new AppError('SERVICE_UNREACHABLE', `the service at ${url} does not answer: ${describeCause(cause)}`);
    }
    if (status !== 200) throw unreachable(`the answer has the HTTP status ${status}; is ${url} Lintel?`);
    try {
      return { answer: answerSchema.parse(JSON.parse(text)), retryAfter };
    } catch (cause) {
      throw unreachable(`the answer is not JSON that follows the contract; is ${url} Lintel?`, cause);
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const { timers, signal } = this.#options;
    await new Promise<void>((resolve) => {
      const end = () => {
        timers.clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = timers.setTimeout(end, pauseMs);
      if (signal.aborted) end();
      else signal.addEventListener('abort', end);
    });
    if (signal.aborted) throw new AppError('STOPPED', 'stopped');
  }
}

function unreachable(reason: string, cause?: unknown): AppError {
  return new AppError('SERVICE_UNREACHABLE', `the service cannot be used: ${reason}`, { cause });
}

/** Describes why a request failed, by the code of the system where there is one: messages of fetch can contain the appKey. */
function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return describeError(cause);
  const { code } = cause as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  return cause.name === 'TimeoutError' ? `no answer within ${REQUEST_TIMEOUT_MS / 1_000} s` : cause.name;
}
