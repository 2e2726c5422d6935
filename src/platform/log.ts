// The log: JSON lines on standard output, for journald or any other collector. No pixels, embeddings, names, payloads or keys.
import { fstatSync } from 'node:fs';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { DropListener } from './log-output.js';

export interface LogDestination extends DestinationStream {
  /** Absent where a destination drops nothing. */
  onDropped?(listener: DropListener): void;
  /** Writes the lines that wait; absent where none do. */
  flush?(done?: () => void): void;
}

/** Creates the logger. Where the destination drops lines, a warning says how many. */
export function createLog(level: string, destination: LogDestination): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const log = pino(options, destination);
  destination.onDropped?.((droppedLines) =>
    log.warn({ droppedLines }, 'log lines were dropped, because the reader of the log was too slow'),
  );
  return log;
}

/** The journal's priorities, which `journalctl -p` filters by. */
const PRIORITIES: Readonly<Record<string, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

/** Puts the priority in front of every line (`<4>{…}`), as journald expects it on standard output; journald removes it again. */
export function forJournal(destination: LogDestination): LogDestination {
  return {
    write: (line) => {
      // The level comes first in every line.
      const level = /^\{"level":"(\w+)"/.exec(line)?.[1] ?? '';
      destination.write(`<${PRIORITIES[level] ?? PRIORITIES.info}>${line}`);
    },
    onDropped: (listener) => destination.onDropped?.(listener),
    flush: (done) => (destination.flush ? destination.flush(done) : done?.()),
  };
}

/**
 * Tells whether standard output is the journal. JOURNAL_STREAM names the device and the inode of the stream that systemd connected; a
 * process whose output is redirected still inherits the variable.
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
