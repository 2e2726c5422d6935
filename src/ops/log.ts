// The log: JSON lines on standard output, read by journald or any collector. No pixels, embeddings, names, payloads or keys.
import { pino, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/**
 * A write for each line of the access log would cost the main thread a third of a millisecond per request (measured on a pipe,
 * November 2026): lines are gathered, and written at the latest after so long. An exit or a crash writes what is left; kill -9 loses it.
 */
const GATHERED_BYTES = 4096;
const LATEST_MS = 100;

/** @param destination standard output where it is not given */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const gathered = { dest: 1, sync: false, minLength: GATHERED_BYTES, periodicFlush: LATEST_MS };
  return pino(options, destination ?? pino.destination(gathered));
}
