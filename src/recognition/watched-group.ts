// The group whose faces a camera recognises: there or not, of the right model version or not.
import { AppError, messageOf } from '../errors.js';
import type { SimilarityScale } from '../domain/similarity.js';
import type { Gallery, GroupRef } from '../gallery/gallery.types.js';
import { candidatesOf, type Candidate } from './decide.js';

/** Enough faces for the nearest persons, each of whom may have several. */
const NEAREST_FACES = 10;

export interface WatchedGroupParts {
  /** The name of the appKey whose group it is. */
  appKey: string;
  groupId: string;
  /** The id of an appKey; undefined where there is none of that name. */
  ownerOf: (name: string) => string | undefined;
  gallery: Pick<Gallery, 'group' | 'searchByEmbedding'>;
  modelVersion: string;
  scale: SimilarityScale;
}

/** A group that is not there counts as an empty one, until it is. */
export class WatchedGroup {
  readonly #parts: WatchedGroupParts;

  constructor(parts: WatchedGroupParts) {
    this.#parts = parts;
  }

  /** Why nobody can be recognised, for a person; undefined when all is well. */
  problem(): string | undefined {
    try {
      const found = this.#find();
      return 'problem' in found ? found.problem : undefined;
    } catch (error) {
      return `group ${this.#parts.groupId} cannot be read: ${messageOf(error)}`;
    }
  }

  /** The nearest persons, most similar first; none where there is a problem. @throws what the gallery throws otherwise */
  nearest(embedding: Float32Array): Candidate[] {
    const found = this.#find();
    if ('problem' in found) return [];
    const options = { limit: NEAREST_FACES, minCosine: -1 };
    return candidatesOf(this.#parts.gallery.searchByEmbedding(found.ref, embedding, options), this.#parts.scale);
  }

  #find(): { ref: GroupRef } | { problem: string } {
    const { appKey, groupId, ownerOf, gallery, modelVersion } = this.#parts;
    const owner = ownerOf(appKey);
    if (owner === undefined) return { problem: `appKey ${appKey} does not exist` };
    const ref = { owner, groupId };
    try {
      const group = gallery.group(ref);
      if (group.modelVersion === modelVersion) return { ref };
      return { problem: `group ${groupId} was enrolled under ${group.modelVersion}, not under ${modelVersion}` };
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'GROUP_NOT_FOUND')) throw error;
      return { problem: `group ${groupId} does not exist` };
    }
  }
}
