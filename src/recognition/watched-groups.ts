// All groups that one camera recognises people of, searched as one.
import { listWatchedGroups, type CameraConfig } from '../config/camera-schema.js';
import type { Candidate, CandidateGroup } from './identity.js';
import type { ShotProbes } from './shot-probe.js';
import { WatchedGroup, type WatchedGroupParts } from './watched-group.js';

export interface WatchedGroupsParts extends Omit<WatchedGroupParts, 'config' | 'order' | 'rule'> {
  config: CameraConfig;
}

export class WatchedGroups {
  readonly #groups: readonly WatchedGroup[];

  constructor(parts: WatchedGroupsParts) {
    const rule = parts.config;
    this.#groups = listWatchedGroups(parts.config).map(
      (config, order) => new WatchedGroup({ ...parts, config, order, rule }),
    );
  }

  /** Returns why people of a group cannot be recognised, in words for the operator; undefined when all is well. */
  problem(): string | undefined {
    const problems = this.#groups.map((group) => group.problem()).filter((problem) => problem !== undefined);
    return problems.length === 0 ? undefined : problems.join('; ');
  }

  /**
   * Tells whether a group is a copy that is too old to be relied on.
   * @param order of the group among those of the camera; undefined: any of them
   */
  isStale(order?: number): boolean {
    return this.#groups.some((group, i) => (order === undefined || i === order) && group.isStale());
  }

  /** Returns the candidates of all groups, most similar first; of equals, those of the earlier group. @throws what the gallery throws */
  findNearest(probes: ShotProbes): Candidate[] {
    return this.#groups
      .flatMap((group) => group.findNearest(probes))
      .sort((a, b) => b.similarity - a.similarity || a.group.order - b.group.order);
  }

  /** Returns the model versions, besides the one in use, under which a face must be embedded. @throws what the gallery throws */
  otherVersions(): Set<string> {
    return new Set(this.#groups.map((group) => group.otherVersion()).filter((version) => version !== undefined));
  }

  /** Returns the first group, which an event names when there is no candidate. */
  first(): CandidateGroup {
    const [group] = this.#groups;
    if (!group) throw new TypeError('a camera has at least one group');
    return group.state();
  }
}
