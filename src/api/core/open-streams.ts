// Answers that are still being streamed: each ends with its connection, and all end when the service stops.
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Timers } from '../../domain/time.js';

/** Time that a client has to receive the rest of a stream that has ended. */
const GRACE_MS = 1_000;

export class OpenStreams {
  readonly #timers: Timers;
  readonly #streams = new Set<Readable>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Closes the connection when its stream is cut off, or when the client does not receive the end of the stream in time. */
  add(stream: Readable, response: ServerResponse): void {
    this.#streams.add(stream);
    stream.once('close', () => {
      this.#streams.delete(stream);
      if (!stream.readableEnded) return void response.destroy();
      const timer = this.#timers.setTimeout(() => response.destroy(), GRACE_MS);
      response.once('close', () => this.#timers.clearTimeout(timer));
    });
  }

  /** Destroys the streams that have not ended by themselves after GRACE_MS. */
  close(): void {
    for (const stream of this.#streams) {
      const timer = this.#timers.setTimeout(() => stream.destroy(), GRACE_MS);
      stream.once('close', () => this.#timers.clearTimeout(timer));
    }
  }
}
