// The log: JSON lines on standard output, read by journald or any collector. No pixels, embeddings, names, payloads or keys.
import { pino, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/** @param destination standard output where it is not given */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination ? pino(options, destination) : pino(options);
}
