// The log of a fleet in a folder, as the authority needs it: without credentials, because its owner decides who can write to it.
import type { Clock } from '../domain/time.js';
import type { AuthorityTransport } from './authority-transport.js';
import { FolderLog, type FolderLogOptions } from './folder-log.js';

/** Interval at which messages that are too old are removed. */
const SWEEP_MS = 3_600_000;

export interface FolderTransportOptions extends FolderLogOptions {
  /** Limits of the messages of each stream. */
  retention: { maxAgeMs: number; maxBytes: number };
  clock: Clock;
}

export function createFolderTransport({ retention, clock, ...options }: FolderTransportOptions): AuthorityTransport {
  const log = new FolderLog(options);
  let sweptAtMs = -Infinity;
  return {
    kind: 'folder',
    log,
    connection: { servers: [], folder: options.folder },
    prepare: async () => undefined,
    async limitEvents() {
      const nowMs = clock();
      if (Math.abs(nowMs - sweptAtMs) < SWEEP_MS) return;
      await log.limitStreams(retention, nowMs);
      sweptAtMs = nowMs;
    },
  };
}
