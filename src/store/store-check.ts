// The check, in the background, of the spaces that are too large to be added up at a start: the audit log and the event log.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { describeError } from '../errors.js';
import type { SealedStore } from './sealed-store.js';

export interface StoreCheckOptions {
  /** Starts before the check. */
  store: Pick<SealedStore, 'findAltered' | 'releaseMemory'>;
  /** Labels of the spaces, each with its name in messages. */
  labels: Readonly<Record<string, string>>;
  log: Log;
}

export class StoreCheck implements Part {
  readonly name = 'store-check';
  readonly #options: StoreCheckOptions;
  #checking: Promise<void> | undefined;
  #stopped = false;
  /** Names of the spaces whose records do not add up. */
  #altered: readonly string[] = [];

  constructor(options: StoreCheckOptions) {
    this.#options = options;
  }

  /** Does not wait for the check. */
  async start(): Promise<void> {
    this.#stopped = false;
    this.#checking = this.#check();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#checking;
  }

  /** Resolves when the check has ended. */
  async idle(): Promise<void> {
    await this.#checking;
  }

  health(): Health {
    if (this.#altered.length === 0) return { status: 'ok' };
    const detail = `records of ${this.#altered.join(' and ')} do not add up, or do not open: run "lintel doctor"`;
    return { status: 'degraded', detail };
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    const { store, labels, log } = this.#options;
    try {
      for (const [label, name] of Object.entries(labels)) {
        if (this.#stopped) return;
        for (const { problem } of await store.findAltered([label])) {
          this.#altered = [...this.#altered, name];
          log.error({ problem }, `the records of ${name} are not as they were written`);
        }
      }
      if (!this.#stopped) await store.releaseMemory();
    } catch (error) {
      if (!this.#stopped) log.warn({ error: describeError(error) }, 'the records of the logs could not be checked');
    }
  }
}
