// Embeds the shots of a frame in one batch, and searches the candidates of a shot in the camera's groups.
import { markMasked } from '../domain/bias.js';
import type { EmbeddedFace } from '../domain/embedding.js';
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import type { Vision } from '../vision/vision.js';
import type { Candidate } from './identity.js';
import type { OtherEmbedder, OtherEmbeddings } from './other-embedder.js';
import type { Shot } from './shot.js';
import type { ShotProbes } from './shot-probe.js';
import type { WatchedGroups } from './watched-groups.js';

export interface ShotSearchParts {
  cameraId: string;
  vision: Pick<Vision, 'embedCrops'>;
  groups: WatchedGroups;
  others: OtherEmbedder;
  log: Log;
}

/** Embedding and condition of one shot under the models in use, and under the other models. */
export interface EmbeddedCrop extends EmbeddedFace {
  others: OtherEmbeddings;
}

/** Returns the crop with the condition of a face in a mask, under all models. */
export function markCropMasked({ others, ...own }: EmbeddedCrop): EmbeddedCrop {
  const marked = [...others].map(([version, face]) => [version, markFaceMasked(face)] as const);
  return { ...markFaceMasked(own), others: new Map(marked) };
}

function markFaceMasked(face: EmbeddedFace): EmbeddedFace {
  return face.condition ? { ...face, condition: markMasked(face.condition) } : face;
}

/** `embedded`: one result for each shot, in their order. `busy`: the shots may be tried again. `failed`: they must not be. */
export type EmbeddingResult =
  { kind: 'embedded'; embedded: EmbeddedCrop[] } | { kind: 'busy' | 'failed' | 'cancelled' };

export class ShotSearch {
  readonly #parts: ShotSearchParts;
  #isFailing = false;
  readonly counts = {
    embedded: 0,
    /** Shots that the full queue refused. */
    refused: 0,
    /** Shots that could not be embedded or searched for another reason. */
    errors: 0,
    /** Shots that were not recognisable. */
    unrecognisable: 0,
  };

  constructor(parts: ShotSearchParts) {
    this.#parts = parts;
  }

  /** Returns what is wrong, in words for the operator; undefined when all is well. */
  problem(): string | undefined {
    return this.#isFailing ? 'faces cannot be embedded or searched' : undefined;
  }

  /**
   * Embeds shots. Never rejects.
   * @param shots at least one
   * @param isCancelled returns true when the faces must be forgotten: their embeddings are dropped then
   */
  async embed(shots: readonly Shot[], nowMs: number, isCancelled: () => boolean): Promise<EmbeddingResult> {
    const { vision, groups, others } = this.#parts;
    try {
      const crops = shots.map(({ crop }) => crop);
      // This may throw. It comes first, because work that was begun before would not be awaited.
      const versions = groups.otherVersions();
      // The embeddings of the models in use are always needed: they distinguish the tracks, even if all groups have other models.
      const [faces, otherEmbeddings] = await Promise.all([
        vision.embedCrops(crops),
        others.embed(crops, versions, nowMs),
      ]);
      if (isCancelled()) return { kind: 'cancelled' };
      this.counts.embedded += faces.length;
      return {
        kind: 'embedded',
        embedded: faces.map((face, i) => ({ ...face, others: otherEmbeddings[i] ?? new Map() })),
      };
    } catch (error) {
      if (error instanceof AppError && error.code === 'SERVER_BUSY') {
        this.counts.refused += shots.length;
        return { kind: 'busy' };
      }
      this.#fail(error, shots.length);
      return { kind: 'failed' };
    }
  }

  /** Finds the candidates of a shot, most similar first. Never throws. @returns undefined when the groups cannot be searched */
  findCandidates(probes: ShotProbes): Candidate[] | undefined {
    try {
      const candidates = this.#parts.groups.findNearest(probes);
      this.#isFailing = false;
      return candidates;
    } catch (error) {
      this.#fail(error, 1);
      return undefined;
    }
  }

  #fail(error: unknown, shots: number): void {
    const { log, cameraId } = this.#parts;
    this.counts.errors += shots;
    const code = error instanceof AppError ? error.code : 'INTERNAL';
    const fields = { cameraId, code, reason: describeError(error) };
    if (!this.#isFailing) log.warn(fields, 'a face could not be embedded or searched');
    this.#isFailing = true;
  }
}
