// Keeps watching parts of the log: begins again where that failed, and says when anything may have changed unseen.
import type { Log } from '../domain/log.js';
import type { Timers } from '../domain/time.js';
import { describeError } from '../errors.js';
import { WorkLoop } from '../platform/work-loop.js';
import type { FleetLog } from './fleet-log.js';

const RETRY = { firstMs: 250, maxMs: 10_000 };
/** Time between two looks whether all watches stand; they are begun once. */
const IDLE_MS = 3_600_000;

export interface LogWatchOptions {
  log: FleetLog;
  /** Prefixes of subjects, each with its listener. */
  listeners: Readonly<Record<string, (subject: string) => void>>;
  /** Is called when all watches stand, and after each interruption: what was put before may have gone unseen. */
  onReach: () => void;
  random: () => number;
  timers: Timers;
  logger: Log;
}

export class LogWatch {
  readonly #options: LogWatchOptions;
  readonly #ends = new Map<string, () => Promise<void>>();
  readonly #loop: WorkLoop;

  constructor(options: LogWatchOptions) {
    this.#options = options;
    const { random, timers, logger } = options;
    this.#loop = new WorkLoop({
      work: () => this.#begin(),
      intervalMs: () => IDLE_MS,
      retry: RETRY,
      onFailure: (error, isFirst) => {
        if (isFirst) logger.warn({ error: describeError(error) }, 'the log of the fleet cannot be reached');
      },
      random,
      timers,
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    const ends = [...this.#ends.values()];
    this.#ends.clear();
    await Promise.allSettled(ends.map((end) => end()));
  }

  async #begin(): Promise<void> {
    const { log, listeners, onReach } = this.#options;
    if (this.#ends.size === Object.keys(listeners).length) return;
    for (const [prefix, listener] of Object.entries(listeners)) {
      if (this.#ends.has(prefix)) continue;
      const onChange = (subject: string | undefined): void => {
        if (subject === undefined) onReach();
        else listener(subject);
      };
      this.#ends.set(prefix, await log.watch(prefix, onChange));
    }
    onReach();
  }
}
