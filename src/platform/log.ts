// The log: JSON lines on standard output, read by journald or any collector. No pixels, embeddings, names, payloads or keys.
import { fstatSync, writeSync } from 'node:fs';
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

/** The journal's priorities, which `journalctl -p` sorts by. */
const PRIORITIES: Readonly<Record<string, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

/**
 * Begins every line with its priority, as journald takes it from standard output (`<4>{…}`); journald removes it again.
 * @param destination standard output where it is not given
 */
export function forJournal(destination: DestinationStream = new GatheredOutput(1)): DestinationStream {
  return {
    write: (line) => {
      // The level comes first in every line.
      const level = /^\{"level":"(\w+)"/.exec(line)?.[1] ?? '';
      destination.write(`<${PRIORITIES[level] ?? PRIORITIES.info}>${line}`);
    },
    ...(destination instanceof GatheredOutput
      ? { flush: (done?: () => void) => destination.flush(done), flushSync: () => destination.flushSync() }
      : {}),
  };
}

/**
 * Whether standard output is the journal's: JOURNAL_STREAM names the device and the inode of the stream that systemd connected, and a
 * process whose output was redirected inherits the variable all the same.
 */
export function writesToJournal(
  journalStream: string | undefined,
  stat: () => { dev: number; ino: number } = () => fstatSync(1),
): boolean {
  if (journalStream === undefined) return false;
  try {
    const { dev, ino } = stat();
    return journalStream === `${dev}:${ino}`;
  } catch {
    return false;
  }
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
