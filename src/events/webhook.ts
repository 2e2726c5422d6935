// The webhook: the history by POST, one record after the other, from the same log as MQTT.
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
import { lifeLeftMs } from './event.js';
import { historyPayload, type HistoryRecord, type HistorySource } from './history.js';
import { pause, waitAtMost, WakeSignal } from '../platform/waiting.js';

export interface WebhookTiming {
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** A record that is refused (4xx other than 408 and 429, or a redirect) is passed over after so many attempts … */
  refusedAttempts: number;
  /** … over at least this time. */
  refusedMs: number;
  /** What `stop` waits for the answer that is under way. */
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
  /** http:// or https://. */
  url: string;
  /** Of the header X-Lintel-Signature; without it there is none. */
  secret?: string;
  /** Of one answer. */
  timeoutMs: number;
  source: HistorySource;
  clock: Clock;
  /** As Math.random. */
  random: () => number;
  log: Log;
  timing?: Partial<WebhookTiming>;
  /** PEM; in place of the authorities of the system and of Node. */
  ca?: readonly string[];
}

export interface WebhookStats {
  /** Records that were answered with 2xx. */
  posted: number;
  /** Records that the receiver refused for so long that they were passed over. */
  refused: number;
}

/** `status` is absent where there was no answer. */
interface Answer {
  status?: number;
  problem: string;
}

const READ_AT_ONCE = 16;
const SYSTEM_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * `late` of a record says here that the event was past its expiry when it was sent. Redirects are not followed: they would take the events
 * somewhere that nobody configured. An answer's body is not read.
 */
export class Webhook implements Part {
  readonly name = 'webhook';
  readonly #options: WebhookOptions;
  readonly #timing: WebhookTiming;
  readonly #signal = new WakeSignal();
  readonly #stopping = new AbortController();
  /** Ends the request that is under way. */
  readonly #aborting = new AbortController();
  readonly #stats: WebhookStats = { posted: 0, refused: 0 };
  #agent: HttpAgent | HttpsAgent | undefined;
  #running: Promise<void> | undefined;
  #problem: string | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_WEBHOOK_TIMING, ...options.timing };
  }

  /** Returns at once. */
  async start(): Promise<void> {
    const { url, ca } = this.#options;
    const keep = { keepAlive: true, maxSockets: 1 };
    this.#agent = url.startsWith('https:')
      ? new HttpsAgent({ ...keep, ca: ca ? [...ca] : authorities() })
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

  /** The source may have something new. */
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

  /** False when it was stopped before the record was taken or passed over. */
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
        log.warn({ sequence: record.sequence, status }, 'the webhook refuses a record for good; it is passed over');
        return true;
      }
      await this.#pause(backoff.next());
    }
    return false;
  }

  #post(record: HistoryRecord): Promise<Answer> {
    const { url, secret, timeoutMs, clock } = this.#options;
    // Negated, so that a time that cannot be read counts as late.
    const isLate = !('event' in record && lifeLeftMs(record.event, clock()) > 0);
    const body = Buffer.from(historyPayload(record, isLate));
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#aborting.signal]),
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        'x-lintel-sequence': String(record.sequence),
        ...(secret === undefined ? {} : { 'x-lintel-signature': webhookSignature(body, secret) }),
      },
    };
    return new Promise((resolve) => {
      const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, options, (response) => {
        const { statusCode: status = 0 } = response;
        response.on('error', () => undefined);
        // An answer without an end must not hold the connection.
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

  /** Logged once for each new reason, not for each attempt. */
  #declare(problem: string): void {
    if (this.#isStopping) return;
    if (problem !== this.#problem) {
      const { host } = new URL(this.#options.url);
      this.#options.log.warn({ webhook: host, reason: problem }, 'the webhook takes no events; they wait in the log');
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

/** The value of X-Lintel-Signature: `sha256=` and the HMAC-SHA256 of the body, in hexadecimal. */
export function webhookSignature(body: Uint8Array, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** A redirect is one as well: it is not followed. */
function isRefusal(status: number): boolean {
  return status >= 300 && status < 500 && status !== 408 && status !== 429;
}

/** Node's own, and those that the operator of this machine trusts. */
function authorities(): string[] {
  try {
    return [...rootCertificates, readFileSync(SYSTEM_AUTHORITIES, 'utf8')];
  } catch {
    return [...rootCertificates];
  }
}
