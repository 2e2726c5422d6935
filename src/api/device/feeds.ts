// Streams of server-sent events that are open: their number is limited, and they end when the service stops.
import type { Timers } from '../../domain/time.js';
import { AppError, clientError } from '../../errors.js';
import { SseStream, type SseSource } from './sse.js';

/** Limit of all streams together: a page of the console has up to three. */
export const FEEDS_IN_ALL = 64;
/** Limit of streams with the same admin key, so that one key cannot take all places. */
export const FEEDS_PER_KEY = 48;

/** Time for which a text is shared: the figures in it are not older. */
const SHARED_MS = 100;

export interface FeedOptions {
  /** Holder of the admin key, as the audit log names it. */
  actor: string;
  isAllowed: () => boolean;
  intervalMs: number;
}

export class Feeds {
  readonly #timers: Timers;
  readonly #feeds = new Map<SseStream, string>();
  #shared: { name: string; text: string } | undefined;
  #closed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /**
   * Opens a stream. It counts against the limits until it is closed, so the caller must destroy it.
   * @throws AppError SERVER_BUSY: too many streams; STOPPED
   */
  open(source: SseSource, { actor, isAllowed, intervalMs }: FeedOptions): SseStream {
    if (this.#closed) throw new AppError('STOPPED', 'the service is stopping');
    if (this.#feeds.size >= FEEDS_IN_ALL) throw clientError('SERVER_BUSY', 'There are too many event streams.');
    if ([...this.#feeds.values()].filter((one) => one === actor).length >= FEEDS_PER_KEY) {
      throw clientError('SERVER_BUSY', 'There are too many event streams with this admin key.');
    }
    const stream = new SseStream({ source, isAllowed, intervalMs, timers: this.#timers });
    this.#feeds.set(stream, actor);
    stream.once('close', () => this.#feeds.delete(stream));
    return stream;
  }

  /** Returns a text that was made for another stream a moment ago under the same name, or makes it. */
  share(name: string, make: () => string): string {
    if (this.#shared?.name === name) return this.#shared.text;
    const text = make();
    this.#shared = { name, text };
    this.#timers.setTimeout(() => (this.#shared = undefined), SHARED_MS);
    return text;
  }

  /** Number of open streams. */
  get count(): number {
    return this.#feeds.size;
  }

  /** Ends the streams whose key or session is not valid any more. */
  endRefused(): void {
    for (const stream of this.#feeds.keys()) stream.endIfRefused();
  }

  /** Ends all streams; none can be opened after this. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#feeds.keys()) stream.finish();
  }
}
