// The embedders of other model sets: each is loaded when a group that was made under its version first needs it.
import { AppError, clientError, describeError } from '../errors.js';
import { loadConditionHead } from '../models/condition-head.js';
import { openModel } from '../models/open-model.js';
import type { OtherSet } from '../models/other-sets.js';
import type { ModelSession } from '../models/session.js';
import type { Addon } from '../native/addon.js';
import { Embedder } from './embed.js';

/**
 * Pause between two attempts to load an embedder that could not be loaded. An attempt reads and hashes the file, so it is not made
 * for every face.
 */
const RETRY_MS = 30_000;

/** Result of an attempt to load the embedder of another version. */
export interface OtherLoading {
  modelVersion: string;
  /** Reason why the embedder could not be loaded; absent where it was loaded. */
  problem?: string;
}

export interface OtherEmbeddersOptions {
  addon: Addon;
  others: readonly OtherSet[];
  modelsDir: string;
  /** Execution providers in order of preference. */
  providers: readonly string[];
  /** Called after each attempt to load one of the others. */
  onOther?: ((loading: OtherLoading) => void) | undefined;
  /** Returns milliseconds from any origin; never goes back. */
  monotonicMs?: (() => number) | undefined;
}

/** Not safe for concurrent calls: the pipeline does one job at a time, so no embedder is loaded twice. */
export class OtherEmbedders {
  readonly #options: OtherEmbeddersOptions;
  /** Loaded embedders by model version. */
  readonly #loaded = new Map<string, Embedder>();
  /** Last failure by model version, and the time of the next attempt. */
  readonly #failed = new Map<string, { error: AppError; retryAtMs: number }>();
  readonly #sessions: ModelSession[] = [];

  constructor(options: OtherEmbeddersOptions) {
    this.#options = options;
  }

  /**
   * Returns the embedder of a version; loads it where necessary.
   * @throws AppError MODEL_VERSION_MISMATCH where no set of this version is installed or its embedder cannot be loaded
   */
  async get(modelVersion: string): Promise<Embedder> {
    const loaded = this.#loaded.get(modelVersion);
    if (loaded) return loaded;
    const other = this.#options.others.find((one) => one.modelVersion === modelVersion);
    if (!other) throw clientError('MODEL_VERSION_MISMATCH', `No models of ${modelVersion} are installed.`);
    const embedder = await this.#load(other);
    this.#loaded.set(modelVersion, embedder);
    return embedder;
  }

  /** Releases the sessions of all loaded embedders. */
  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }

  async #load({ modelVersion, embedder: model }: OtherSet): Promise<Embedder> {
    const { addon, modelsDir, providers, onOther, monotonicMs = () => performance.now() } = this.#options;
    const failed = this.#failed.get(modelVersion);
    if (failed && monotonicMs() < failed.retryAtMs) throw failed.error;
    try {
      const session = await openModel(model, modelsDir, pickQuickProviders(providers));
      this.#sessions.push(session);
      this.#failed.delete(modelVersion);
      onOther?.({ modelVersion });
      return new Embedder({ addon, session, model, head: loadConditionHead(model) });
    } catch (cause) {
      const problem = describeError(cause);
      const error = new AppError(
        'MODEL_VERSION_MISMATCH',
        `the models of ${modelVersion} cannot be loaded: ${problem}`,
        {
          detail: `The models of ${modelVersion} cannot be loaded.`,
          cause,
        },
      );
      this.#failed.set(modelVersion, { error, retryAtMs: monotonicMs() + RETRY_MS });
      onOther?.({ modelVersion, problem });
      throw error;
    }
  }
}

/**
 * Returns the providers for a model that is loaded while the service runs: all but TensorRT, or the CPU where no other is left. TensorRT
 * builds engines for minutes: the watchdog would consider the worker hung, and restart the service again and again.
 */
export function pickQuickProviders(providers: readonly string[]): readonly string[] {
  const quick = providers.filter((provider) => provider !== 'tensorrt');
  return quick.length > 0 ? quick : ['cpu'];
}
