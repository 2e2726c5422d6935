// Why embedders of other model versions cannot be loaded, from the worker that tried last.
import type { Log } from '../domain/log.js';
import type { OtherLoading } from './other-embedders.js';

export class OtherProblems {
  readonly #log: Log;
  /** Reasons by model version. */
  readonly #problems = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs a change once, although every worker loads the embedder itself and retries. */
  note({ modelVersion, problem }: OtherLoading): void {
    const before = this.#problems.get(modelVersion);
    if (problem === undefined) {
      this.#problems.delete(modelVersion);
      if (before !== undefined) this.#log.info({ modelVersion }, 'the models of another version can be loaded again');
      return;
    }
    this.#problems.set(modelVersion, problem);
    if (problem !== before) {
      this.#log.warn({ modelVersion, reason: problem }, 'the models of another version cannot be loaded');
    }
  }

  /** Returns one problem, in words for the operator; undefined where there is none. */
  describe(): string | undefined {
    for (const [version, problem] of this.#problems) return `the models of ${version} cannot be loaded: ${problem}`;
    return undefined;
  }
}
