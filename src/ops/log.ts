// The log: JSON lines on standard output, read by journald or any collector. No pixels, embeddings, names, payloads or keys.
import { writeSync } from 'node:fs';
import { pino, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/**
 * A write for each line of the access log would cost the main thread a third of a millisecond per request (measured on a pipe,
 * November 2026): lines are gathered, and written at the latest after so long. An exit or a crash writes what is left; kill -9 loses it.
 */
const GATHERED_CHARACTERS = 4096;
const LATEST_MS = 100;

/** @param destination standard output where it is not given */
export function createLog(level: string, destination: DestinationStream = new GatheredOutput(1)): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, destination);
}

/** Gathers lines for a file descriptor. Where nobody reads it any more, or it is full, lines are dropped: a log must not stop a door. */
class GatheredOutput implements DestinationStream {
  readonly #descriptor: number;
  #lines = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    process.once('exit', () => this.flushSync());
  }

  write(line: string): void {
    this.#lines += line;
    if (this.#lines.length >= GATHERED_CHARACTERS) this.flushSync();
    else this.#timer ??= setTimeout(() => this.flushSync(), LATEST_MS).unref();
  }

  flushSync(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = Buffer.from(this.#lines);
    this.#lines = '';
    try {
      for (let written = 0; written < lines.length;) written += writeSync(this.#descriptor, lines, written);
    } catch {
      // EPIPE or EAGAIN: see above.
    }
  }

  /** As pino asks for it. */
  flush(done?: () => void): void {
    this.flushSync();
    done?.();
  }
}
