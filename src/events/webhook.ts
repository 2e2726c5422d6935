// The webhook: sends the history by POST, one record after the other, from the same event log as MQTT.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { describeError } from '../errors.js';
import { Backoff } from '../platform/backoff.js';
import { declareOmission } from './event-forms.js';
import { computeLifeLeftMs } from './event.js';
import type { HistoryEncoder, HistoryRecord, HistorySource } from './history.js';
import { pause, waitAtMost, WakeSignal } from '../platform/waiting.js';

export interface WebhookTiming {
  backoffFirstMs: number;
  backoffMaxMs: number;
  /**
   * A record that the receiver refuses (4xx other than 408 and 429, or a redirect) is skipped after this number of attempts, but not
   * before `refusedMs` have passed.
   */
  refusedAttempts: number;
  refusedMs: number;
  /** Time that `stop` waits for the answer to the current request. */
  stopTimeoutMs: number;
}

export const DEFAULT_WEBHOOK_TIMING: WebhookTiming = {
  backoffFirstMs: 1_000,
  backoffMaxMs: 60_000,
  refusedAttempts: 8,
  refusedMs: 600_000,
  stopTimeoutMs: 1_000,
};

export interface WebhookOptions {
  /** URL of the receiver, http:// or https://. */
  url: string;
  /** Secret of the header X-Lintel-Signature. Without a secret there is no such header. */
  secret?: string | undefined;
  /** Limit for one answer. */
  timeoutMs: number;
  source: HistorySource;
  encodeHistory: HistoryEncoder;
  clock: Clock;
  /** A number from 0 to 1, as Math.random. */
  random: () => number;
  log: Log;
  timing?: Partial<WebhookTiming> | undefined;
  /** PEM certificates of authorities, in place of those of the system and of Node. */
  ca?: readonly string[] | undefined;
}

export interface WebhookStats {
  /** Records that the receiver answered with 2xx. */
  posted: number;
  /** Records that were skipped because the receiver kept refusing them. */
  refused: number;
}

/** Result of one request. `status` is absent when there was no answer. */
interface PostResult {
  status?: number;
  problem: string;
}

const READ_AT_ONCE = 16;
const SYSTEM_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * `late` of a record means here that the event had expired when it was sent. Redirects are not followed: they would send the events to a
 * place that nobody configured. The body of an answer is not read.
 */
export class Webhook implements Part {
  readonly name = 'webhook';
  readonly #options: WebhookOptions;
  readonly #timing: WebhookTiming;
  readonly #signal = new WakeSignal();
  readonly #stopping = new AbortController();
  /** Aborts the current request. */
  readonly #aborting = new AbortController();
  readonly #stats: WebhookStats = { posted: 0, refused: 0 };
  #agent: HttpAgent | HttpsAgent | undefined;
  #running: Promise<void> | undefined;
  #problem: string | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_WEBHOOK_TIMING, ...options.timing };
  }

  /** Returns at once, without waiting for the receiver. */
  async start(): Promise<void> {
    const { url, ca } = this.#options;
    const keep = { keepAlive: true, maxSockets: 1 };
    this.#agent = url.startsWith('https:')
      ? new HttpsAgent({ ...keep, ca: ca ? [...ca] : readAuthorities() })
      : new HttpAgent(keep);
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopping.abort();
    this.#signal.wake();
    await waitAtMost(this.#timing.stopTimeoutMs, this.#running);
    this.#aborting.abort();
    await this.#running;
    this.#agent?.destroy();
  }

  /** Tells the webhook that there may be new records. */
  wake(): void {
    this.#signal.wake();
  }

  stats(): WebhookStats {
    return { ...this.#stats };
  }

  health(): Health {
    const facts = { webhook: new URL(this.#options.url).host, ...this.#stats };
    return this.#problem === undefined
      ? { status: 'ok', facts }
      : { status: 'degraded', detail: `webhook: ${this.#problem}`, facts };
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { source } = this.#options;
    const backoff = this.#newBackoff();
    let cursor = 0;
    while (!this.#isStopping) {
      let records: HistoryRecord[];
      try {
        records = await source.read(cursor, READ_AT_ONCE);
      } catch (error) {
        this.#declare(describeError(error));
        await this.#pause(backoff.next());
        continue;
      }
      backoff.reset();
      for (const record of records) {
        if (!(await this.#deliver(record))) break;
        cursor = record.sequence;
        source.settle(cursor);
      }
      if (records.length === 0) await this.#signal.wait();
    }
  }

  /** Sends a record until it is accepted or skipped. @returns false when the webhook was stopped before the record was accepted or skipped */
  async #deliver(record: HistoryRecord): Promise<boolean> {
    const { clock, log } = this.#options;
    const { refusedAttempts, refusedMs } = this.#timing;
    const backoff = this.#newBackoff();
    const beganMs = clock();
    for (let refusals = 0; !this.#isStopping;) {
      const { status, problem } = await this.#post(record);
      if (status !== undefined && status >= 200 && status < 300) {
        this.#problem = undefined;
        this.#stats.posted++;
        return true;
      }
      this.#declare(problem);
      if (status !== undefined && isRefusal(status)) refusals++;
      if (refusals >= refusedAttempts && clock() - beganMs >= refusedMs) {
        this.#stats.refused++;
        // Its receiver sees what is missing, and why; it may refuse this as well.
        if ('event' in record) {
          const gap = declareOmission(record.event, { kind: 'refused', detail: problem });
          await this.#post({ sequence: record.sequence, gap });
        }
        log.warn({ sequence: record.sequence, status }, 'the webhook receiver keeps refusing a record: it is skipped');
        return true;
      }
      await this.#pause(backoff.next());
    }
    return false;
  }

  #post(record: HistoryRecord): Promise<PostResult> {
    const { url, secret, timeoutMs, clock, encodeHistory } = this.#options;
    // Negated, so that a time that cannot be parsed counts as late.
    const isLate = !('event' in record && computeLifeLeftMs(record.event, clock()) > 0);
    const body = Buffer.from(encodeHistory(record, isLate));
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#aborting.signal]),
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        'x-lintel-sequence': String(record.sequence),
        ...(secret === undefined ? {} : { 'x-lintel-signature': computeWebhookSignature(body, secret) }),
      },
    };
    return new Promise((resolve) => {
      const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, options, (response) => {
        const { statusCode: status = 0 } = response;
        response.on('error', () => undefined);
        // A large or endless answer must not keep the connection busy.
        if (Number(response.headers['content-length'] ?? 0) > 64 * 1024) response.destroy();
        else response.resume();
        resolve({ status, problem: `answered with HTTP ${status}` });
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        const isTimeout = error.name === 'AbortError' || error.name === 'TimeoutError';
        resolve({ problem: isTimeout ? `no answer within ${timeoutMs} ms` : (error.code ?? error.message) });
      });
      request.end(body);
    });
  }

  /** Logs each new reason once, not each attempt. */
  #declare(problem: string): void {
    if (this.#isStopping) return;
    if (problem !== this.#problem) {
      const { host } = new URL(this.#options.url);
      this.#options.log.warn(
        { webhook: host, reason: problem },
        'the webhook receiver does not accept events: they wait in the event log',
      );
    }
    this.#problem = problem;
  }

  #newBackoff(): Backoff {
    const { backoffFirstMs: firstMs, backoffMaxMs: maxMs } = this.#timing;
    return new Backoff({ firstMs, maxMs, random: this.#options.random });
  }

  async #pause(delayMs: number): Promise<void> {
    await pause(delayMs, this.#stopping.signal);
  }
}

/** Returns the value of X-Lintel-Signature: `sha256=` and the HMAC-SHA256 of the body in hexadecimal. */
export function computeWebhookSignature(body: Uint8Array, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** A redirect counts as a refusal, because it is not followed. */
function isRefusal(status: number): boolean {
  return status >= 300 && status < 500 && status !== 408 && status !== 429;
}

/** Reads the authorities of Node, and those that the operator of this machine trusts. */
function readAuthorities(): string[] {
  try {
    return [...rootCertificates, readFileSync(SYSTEM_AUTHORITIES, 'utf8')];
  } catch {
    return [...rootCertificates];
  }
}
