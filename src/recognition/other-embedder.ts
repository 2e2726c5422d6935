// Faces as the models of a camera's other groups have them: a version that fails is declared, and hurts no other one.
import { AppError, describeError } from '../errors.js';
import type { Log } from '../domain/log.js';
import type { Vision } from '../vision/vision.js';
import type { OtherEmbeddings } from './watched-group.js';

/** One worker may have models loaded that another one cannot load: all is well when none has failed for so long. */
const SURE_MS = 5_000;

export interface OtherEmbedderParts {
  cameraId: string;
  vision: Pick<Vision, 'embedCrops'>;
  log: Log;
}

export class OtherEmbedder {
  readonly #parts: OtherEmbedderParts;
  /** By version, until it works again. */
  readonly #failures = new Map<string, { reason: string; atMs: number }>();

  constructor(parts: OtherEmbedderParts) {
    this.#parts = parts;
  }

  /**
   * @param nowMs that never falls
   * @returns for each crop its embeddings by version, without those of versions that fail
   * @throws AppError SERVER_BUSY, STOPPED: nothing is wrong with the crops or the models
   */
  async embed(crops: readonly Uint8Array[], versions: Iterable<string>, nowMs: number): Promise<OtherEmbeddings[]> {
    const found = await Promise.all([...versions].map((version) => this.#embedUnder(version, crops, nowMs)));
    return crops.map((_, i) => new Map(found.flatMap(({ version, all }) => (all ? [[version, all[i]]] : []))));
  }

  /** Why faces cannot be embedded under a version, for a person; undefined when all is well. */
  problem(version: string): string | undefined {
    return this.#failures.get(version)?.reason;
  }

  async #embedUnder(
    version: string,
    crops: readonly Uint8Array[],
    nowMs: number,
  ): Promise<{ version: string; all?: readonly Float32Array[] }> {
    const { vision, log, cameraId } = this.#parts;
    const before = this.#failures.get(version);
    try {
      const all = await vision.embedCrops(crops, version);
      if (before && nowMs - before.atMs >= SURE_MS) this.#failures.delete(version);
      return { version, all };
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'INTERNAL';
      if (code === 'SERVER_BUSY' || code === 'STOPPED') throw error;
      const reason = (error instanceof AppError ? error.detail : undefined) ?? describeError(error);
      this.#failures.set(version, { reason, atMs: nowMs });
      const fields = { cameraId, modelVersion: version, code, reason: describeError(error) };
      if (!before) log.warn(fields, 'a face could not be embedded for the groups of other models');
      return { version };
    }
  }
}
