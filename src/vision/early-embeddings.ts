// Embeddings that an idle worker computes while the frame's own worker still scores masks and liveness.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { AnalysedFrame } from './vision.js';

/** Crops of a frame whose analysis goes on, with the index that each face will have in its result. */
export interface EarlyCrops {
  faces: readonly number[];
  crops: readonly Uint8Array[];
}

export type Embed = (crops: readonly Uint8Array[]) => Promise<EmbeddedFace[]>;

/**
 * Time that a begun embedding gets beyond the analysis of its frame. On a busy machine the idle worker, which may have a lower priority, can be
 * late: then the embedding is computed as if it had not been begun.
 */
const PATIENCE_MS = 1;

/** Holds what was begun for as long as the crop of the frame's result lives. */
export class EarlyEmbeddings {
  readonly #hasIdleWorker: () => boolean;
  readonly #begun = new WeakMap<Uint8Array, Promise<EmbeddedFace | undefined>>();

  /** @param hasIdleWorker returns whether a worker would begin a job at once, and no other job waits */
  constructor(hasIdleWorker: () => boolean) {
    this.#hasIdleWorker = hasIdleWorker;
  }

  /** Analyses a frame, and begins the embeddings of its faces when they are aligned, where a worker is idle then. */
  async analyse(
    analyse: (onAligned: (early: EarlyCrops) => void) => Promise<AnalysedFrame | undefined>,
    embed: Embed,
  ): Promise<AnalysedFrame | undefined> {
    let begun: { faces: readonly number[]; embedding: Promise<EmbeddedFace[] | undefined> } | undefined;
    const frame = await analyse(({ faces, crops }) => {
      // A failure, which the caller of `embed` would get as well, shows when the crops are embedded again.
      if (this.#hasIdleWorker()) begun = { faces, embedding: embed(crops).catch(() => undefined) };
    });
    begun?.faces.forEach((face, i) => {
      const crop = frame?.faces[face]?.crop;
      if (crop)
        this.#begun.set(
          crop,
          begun!.embedding.then((embedded) => embedded?.[i]),
        );
    });
    return frame;
  }

  /** Embeds crops, and waits for the embeddings that were begun. @returns in the order of the crops @throws what `embed` throws */
  async embed(crops: readonly Uint8Array[], embed: Embed): Promise<EmbeddedFace[]> {
    const begun = crops.map((crop) => this.#begun.get(crop));
    if (begun.every((one) => one === undefined)) return embed(crops);
    const fresh = crops.filter((_, i) => begun[i] === undefined);
    const embedding = fresh.length > 0 ? embed(fresh) : Promise.resolve([]);
    embedding.catch(() => undefined);
    const early = await waitAtMost(PATIENCE_MS, begun);
    const missed = crops.filter((_, i) => begun[i] !== undefined && early[i] === undefined);
    const again = missed.length > 0 ? await embed(missed) : [];
    const others = await embedding;
    return crops.map((_, i) => (begun[i] === undefined ? others.shift() : (early[i] ?? again.shift()))!);
  }
}

/** Resolves with what the promises give within a time, and undefined in the places of the others. */
async function waitAtMost<T>(
  timeMs: number,
  promises: readonly (Promise<T> | undefined)[],
): Promise<(T | undefined)[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeMs)));
  const values = await Promise.all(promises.map(async (one) => one && Promise.race([one, late])));
  clearTimeout(timer);
  return values as (T | undefined)[];
}
