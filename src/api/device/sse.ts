// One stream of server-sent events: it reads its source only as fast as the client receives, so that nothing piles up for a slow one.
import { Readable } from 'node:stream';
import type { Timers } from '../../domain/time.js';
import { STALLED_MS } from './mjpeg.js';

/** Media type of server-sent events. */
export const SSE_TYPE = 'text/event-stream';
/** Time after which a browser connects again. */
const RETRY_MS = 3_000;

/**
 * News waits this long before it is read and sent: what becomes known at the same moment, such as an event, is published first. With eight
 * viewers the event came 6 ms later without this pause (November 2026).
 */
const YIELD_MS = 40;

/** Source of the messages that a stream sends. Texts are whole messages: lines of fields, and an empty line. */
export interface SseSource {
  /** Returns the next messages; an empty text when there are none now. */
  read(): Promise<string>;
  /** Returns the text of an interval in which `read` had nothing. */
  idle(): string;
  /** Calls the listener when `read` may have messages again. @returns the function that ends this */
  watch(listener: () => void): () => void;
}

export interface SseParts {
  source: SseSource;
  /** Called before each text; the stream ends when it returns false. */
  isAllowed: () => boolean;
  /** Interval after which `idle` is sent. */
  intervalMs: number;
  timers: Timers;
}

/** Encodes one message. @param id place of the message, with which a client goes on after a lost connection */
export function encodeMessage(data: object, { event, id }: { event?: string; id?: number } = {}): string {
  const lines = [
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...(id === undefined ? [] : [`id: ${id}`]),
    // JSON has no line breaks outside its texts, and escapes those within.
    `data: ${JSON.stringify(data)}`,
  ];
  return `${lines.join('\n')}\n\n`;
}

export class SseStream extends Readable {
  readonly #parts: SseParts;
  readonly #endWatch: () => void;
  #isFirst = true;
  #producing = false;
  #ending = false;
  /** True while the source may have messages that were not read. */
  #hasNews = true;
  #wake: (() => void) | undefined;
  #stallTimer: unknown;
  #newsTimer: unknown;

  constructor(parts: SseParts) {
    // highWaterMark 0: nothing is read in advance.
    super({ highWaterMark: 0 });
    this.#parts = parts;
    this.#endWatch = parts.source.watch(() => {
      this.#hasNews = true;
      this.#newsTimer ??= parts.timers.setTimeout(() => {
        this.#newsTimer = undefined;
        this.#wake?.();
      }, YIELD_MS);
    });
  }

  override _read(): void {
    const { timers } = this.#parts;
    timers.clearTimeout(this.#stallTimer);
    if (this.#producing || this.#ending) return;
    this.#producing = true;
    this.#produce().then(
      (text) => {
        this.#producing = false;
        if (this.#ending) return;
        if (text === undefined) return this.finish();
        // A client that receives nothing for so long is cut off; it goes on later with Last-Event-ID.
        this.#stallTimer = timers.setTimeout(() => this.destroy(), STALLED_MS);
        this.push(text);
      },
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Ends the stream where it may not go on. */
  endIfRefused(): void {
    if (!this.#parts.isAllowed()) this.finish();
  }

  /** Ends the stream after the text that is being sent. */
  finish(): void {
    if (this.#ending || this.destroyed) return;
    this.#end();
    this.push(null);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#end();
    callback(error);
  }

  #end(): void {
    this.#ending = true;
    this.#parts.timers.clearTimeout(this.#stallTimer);
    this.#parts.timers.clearTimeout(this.#newsTimer);
    this.#endWatch();
    this.#wake?.();
  }

  /** @returns the next text; undefined when the stream is over */
  async #produce(): Promise<string | undefined> {
    const { source, isAllowed } = this.#parts;
    if (this.#isFirst) {
      this.#isFirst = false;
      // Sent at once, so that the client sees the answer begin.
      return `retry: ${RETRY_MS}\n\n`;
    }
    while (!this.#ending && isAllowed()) {
      this.#hasNews = false;
      const text = await source.read();
      // The reason to end the stream may have come during the reading.
      if (!isAllowed()) return undefined;
      if (text !== '') {
        this.#hasNews = true;
        return text;
      }
      if (!(await this.#waitForNews())) return isAllowed() ? source.idle() : undefined;
    }
    return undefined;
  }

  /** Waits for news. @returns false when the interval ended without any */
  #waitForNews(): Promise<boolean> {
    if (this.#hasNews || this.#ending) return Promise.resolve(true);
    const { intervalMs, timers } = this.#parts;
    return new Promise((resolve) => {
      const end = (hasNews: boolean): void => {
        timers.clearTimeout(timer);
        this.#wake = undefined;
        resolve(hasNews);
      };
      const timer = timers.setTimeout(() => end(false), intervalMs);
      this.#wake = () => end(true);
    });
  }
}
