// Embeds faces under the other models that a camera's groups need. Models that fail are declared, and do not disturb the others.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import type { Vision } from '../vision/vision.js';

/** Embeddings of one face by model version, without the version in use. */
export type OtherEmbeddings = ReadonlyMap<string, EmbeddedFace>;

/** One worker may have models loaded that another one cannot load: a failure is over after this time without another one. */
const RECOVERED_AFTER_MS = 5_000;

export interface OtherEmbedderParts {
  cameraId: string;
  vision: Pick<Vision, 'embedCrops'>;
  log: Log;
}

export class OtherEmbedder {
  readonly #parts: OtherEmbedderParts;
  /** Last failure by model version, until it works again. */
  readonly #failures = new Map<string, { reason: string; atMs: number }>();

  constructor(parts: OtherEmbedderParts) {
    this.#parts = parts;
  }

  /**
   * Embeds crops under each of the model versions.
   * @param nowMs must not decrease
   * @returns the embeddings of each crop by version, without the versions that fail
   * @throws AppError SERVER_BUSY, STOPPED: neither the crops nor the models are at fault
   */
  async embed(crops: readonly Uint8Array[], versions: Iterable<string>, nowMs: number): Promise<OtherEmbeddings[]> {
    const results = await Promise.all([...versions].map((version) => this.#embedUnder(version, crops, nowMs)));
    return crops.map((_, i) => {
      const byVersion = new Map<string, EmbeddedFace>();
      for (const { version, embeddings } of results) {
        const embedding = embeddings?.[i];
        if (embedding) byVersion.set(version, embedding);
      }
      return byVersion;
    });
  }

  /** Returns why faces cannot be embedded under a version, in words for the operator; undefined when all is well. */
  problem(version: string): string | undefined {
    return this.#failures.get(version)?.reason;
  }

  async #embedUnder(
    version: string,
    crops: readonly Uint8Array[],
    nowMs: number,
  ): Promise<{ version: string; embeddings?: readonly EmbeddedFace[] }> {
    const { vision, log, cameraId } = this.#parts;
    const before = this.#failures.get(version);
    try {
      const embeddings = await vision.embedCrops(crops, version);
      if (before && nowMs - before.atMs >= RECOVERED_AFTER_MS) this.#failures.delete(version);
      return { version, embeddings };
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
