// Collects what must not happen in a page: errors, violations of the content security policy, and requests that fail.
import type { BrowserContext, ConsoleMessage, Page, Request, Response } from 'playwright-core';

/** A refusal that a test provokes on purpose. */
export interface AllowedAnswer {
  /** Part of the URL. */
  url: string | RegExp;
  /** HTTP status of the answer, or `failed` for a request without an answer. Default: every status, and no answer. */
  status?: number | 'failed';
}

/** The page itself ended the request, such as a stream at the change of the screen. */
const ENDED_BY_PAGE = 'net::ERR_ABORTED';
/** Chromium prints this line for each answer of 400 and above; `response` reports those. */
const ABOUT_AN_ANSWER = 'Failed to load resource';

/** A text, not a function: tools that use this file are checked without the types of a browser. */
const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', (e) =>
  reportViolation([e.violatedDirective, e.blockedURI, e.sourceFile + ':' + e.lineNumber, e.sample].join(' ')));`;

export class Findings {
  #lines: string[] = [];
  #allowed: AllowedAnswer[] = [];
  /** Changes whenever the service is stopped or started. */
  #epoch = 0;
  #isDown = false;
  readonly #begunIn = new WeakMap<Request, number>();

  /** Watches every page of a context. Call it before the first page is opened. */
  async watch(context: BrowserContext): Promise<void> {
    await context.exposeBinding('reportViolation', (_source, violation: string) => this.add('CSP', violation));
    await context.addInitScript({ content: REPORT_VIOLATIONS });
    context.on('page', (page) => this.#watchPage(page));
  }

  /** Allows an answer for the rest of the test. */
  allow(answer: AllowedAnswer): void {
    this.#allowed.push(answer);
  }

  /** Notes that the service stops: requests fail until it is back. */
  down(): void {
    this.#isDown = true;
    this.#epoch += 1;
  }

  up(): void {
    this.#isDown = false;
    this.#epoch += 1;
  }

  add(kind: string, text: string): void {
    this.#lines.push(`${kind}: ${text}`);
  }

  /** Returns what was found since the last call, and forgets it and the allowed answers. */
  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    this.#allowed = [];
    return lines;
  }

  #watchPage(page: Page): void {
    page.on('pageerror', (error) => this.add('error of the page', error.stack ?? String(error)));
    page.on('crash', () => this.add('crash', page.url()));
    page.on('console', (message) => this.#onConsole(message));
    page.on('request', (request) => this.#begunIn.set(request, this.#epoch));
    page.on('response', (response) => this.#onResponse(response));
    page.on('requestfailed', (request) => this.#onFailure(request));
  }

  #onConsole(message: ConsoleMessage): void {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (message.text().startsWith(ABOUT_AN_ANSWER)) return;
    this.add(`console ${message.type()}`, `${message.text()} (${message.location().url})`);
  }

  #onResponse(response: Response): void {
    const status = response.status();
    if (status < 400 || this.#isAllowed(response.url(), status) || this.#wasDown(response.request())) return;
    this.add('answer', `${status} ${response.request().method()} ${response.url()}`);
  }

  #onFailure(request: Request): void {
    const reason = request.failure()?.errorText ?? '';
    if (reason === ENDED_BY_PAGE || this.#isAllowed(request.url(), 'failed') || this.#wasDown(request)) return;
    this.add('request', `${reason} ${request.method()} ${request.url()}`);
  }

  #isAllowed(url: string, status: number | 'failed'): boolean {
    return this.#allowed.some(
      (one) =>
        (typeof one.url === 'string' ? url.includes(one.url) : one.url.test(url)) &&
        (one.status === undefined || one.status === status),
    );
  }

  #wasDown(request: Request): boolean {
    return this.#isDown || this.#begunIn.get(request) !== this.#epoch;
  }
}
