// The groups of one camera as one: who of all their people is nearest.
import { watchedGroupsOf, type CameraConfig } from '../config/schema.js';
import type { Candidate, CandidateGroup } from './identity.js';
import { WatchedGroup, type OtherEmbeddings, type WatchedGroupParts } from './watched-group.js';

export interface WatchedGroupsParts extends Omit<WatchedGroupParts, 'config' | 'order' | 'rule'> {
  config: CameraConfig;
}

export class WatchedGroups {
  readonly #groups: readonly WatchedGroup[];

  constructor(parts: WatchedGroupsParts) {
    const rule = parts.config;
    this.#groups = watchedGroupsOf(parts.config).map(
      (config, order) => new WatchedGroup({ ...parts, config, order, rule }),
    );
  }

  /** What keeps people of a group from being recognised, for a person; undefined when all is well. */
  problem(): string | undefined {
    const problems = this.#groups.map((group) => group.problem()).filter((problem) => problem !== undefined);
    return problems.length === 0 ? undefined : problems.join('; ');
  }

  /** Of all groups, most similar first; of equals, those of the earlier group. @throws what the gallery throws */
  nearest(embedding: Float32Array, others: OtherEmbeddings = new Map()): Candidate[] {
    return this.#groups
      .flatMap((group) => group.nearest(embedding, others))
      .sort((a, b) => b.similarity - a.similarity || a.group.order - b.group.order);
  }

  /** Model versions, beside the one in use, that a face must be embedded under. @throws what the gallery throws */
  otherVersions(): Set<string> {
    return new Set(this.#groups.map((group) => group.otherVersion()).filter((version) => version !== undefined));
  }

  /** What an event names where no face is near: the first group. */
  first(): CandidateGroup {
    return this.#groups[0].state();
  }
}
