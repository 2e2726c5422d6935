// One group that a camera recognises people of: whether it can be searched, its candidates, and the threshold in force.
import type { WatchedGroupConfig } from '../config/camera-schema.js';
import type { OtherModels } from '../domain/other-models.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Template } from '../domain/template.js';
import { AppError, describeError } from '../errors.js';
import type { CopyTrust } from '../gallery/copy-trust.js';
import type { Gallery, GroupInfo, GroupRef } from '../gallery/gallery.types.js';
import type { Successors } from '../gallery/successors.js';
import { explainThreshold, type GroupThreshold } from './group-threshold.js';
import { derivePerson, type Candidate, type CandidateGroup, type IdentityRule } from './identity.js';
import { judgeSimilarity, type ShotProbes } from './shot-probe.js';

/** Number of people that a search finds: the foremost, and enough others to see whether one of them is as similar. */
const NEAREST_PEOPLE = 10;

export interface WatchedGroupParts {
  config: WatchedGroupConfig;
  /** Position among the groups of the camera, from 0. */
  order: number;
  rule: IdentityRule;
  /** Returns the id of an appKey by its name; undefined when there is none. */
  findOwner: (name: string) => string | undefined;
  gallery: Pick<Gallery, 'group' | 'searchPersons' | 'compareWithPerson'>;
  /** Finds the groups that follow others under the next models; without it there are none. */
  successors?: Pick<Successors, 'describe' | 'confirms'> | undefined;
  /** Default: every group may be relied on. */
  copyTrust?: CopyTrust | undefined;
  modelVersion: string;
  /** Scales of the models in use. */
  scales: SimilarityScales;
  /** Further installed models; groups of these are watched as well. */
  otherModels?: OtherModels | undefined;
  /** Returns why faces cannot be embedded under one of these model versions now; undefined when all is well. */
  otherProblem?: (modelVersion: string) => string | undefined;
}

/** `base`: the group whose successor this one is, and which the camera names. */
type FoundGroup = { ref: GroupRef; info: GroupInfo; base?: GroupRef };

export class WatchedGroup {
  readonly #parts: WatchedGroupParts;

  constructor(parts: WatchedGroupParts) {
    this.#parts = parts;
  }

  /** Returns why people of the group cannot be recognised, in words for the operator; undefined when all is well. */
  problem(): string | undefined {
    try {
      const found = this.#find();
      if ('problem' in found) return found.problem;
      if (this.#isStale(found.ref)) return `group ${this.#parts.config.group} is a copy of the fleet that is too old`;
      const { modelVersion } = found.info;
      const problem = modelVersion === this.#parts.modelVersion ? undefined : this.#parts.otherProblem?.(modelVersion);
      return problem && `group ${this.#parts.config.group} cannot be searched: ${problem}`;
    } catch (error) {
      return `group ${this.#parts.config.group} cannot be read: ${describeError(error)}`;
    }
  }

  /** Tells whether the group is a copy that is too old to be relied on. It is searched all the same: who is found there is nobody else. */
  isStale(): boolean {
    const { appKey, group: groupId } = this.#parts.config;
    const owner = this.#parts.findOwner(appKey);
    return owner !== undefined && this.#isStale({ owner, groupId });
  }

  #isStale(ref: GroupRef): boolean {
    return this.#parts.copyTrust?.(ref) === 'stale';
  }

  /** Returns the group as it is now: the threshold of a target rises with its size. A group that cannot be read counts as empty. */
  state(): CandidateGroup {
    try {
      const found = this.#find();
      return 'problem' in found ? this.#describe() : this.#describe(found.info);
    } catch {
      return this.#describe();
    }
  }

  /** Returns the model version of the group, where that is not the version in use. */
  otherVersion(): string | undefined {
    const found = this.#find();
    if ('problem' in found || found.info.modelVersion === this.#parts.modelVersion) return undefined;
    return found.info.modelVersion;
  }

  /**
   * Returns the nearest candidates, most similar first; none when the group has a problem, or the shot is not recognisable.
   * @throws what the gallery throws otherwise
   */
  findNearest({ own, others }: ShotProbes): Candidate[] {
    const found = this.#find();
    if ('problem' in found) return [];
    const { gallery, modelVersion } = this.#parts;
    const probe = found.info.modelVersion === modelVersion ? own : others.get(found.info.modelVersion);
    // Either the group was created after the embedding, and the next shot will have one for it; or its models fail, which is declared.
    if (!probe) return [];
    const scales = this.#findScales(found.info);
    const group = this.#describe(found.info);
    const { ref, base } = found;
    return (
      gallery
        .searchPersons(ref, probe.mean, { limit: NEAREST_PEOPLE, threshold: 0, scales })
        // A successor follows its group a moment later: whoever has left the group counts no more.
        .filter(({ face }) => !base || this.#parts.successors?.confirms(base, face))
        .map(({ face }): Candidate => {
          const compare = (template: Template): number => gallery.compareWithPerson(ref, face.faceId, template, scales);
          return {
            person: derivePerson(face, group),
            group,
            face,
            similarity: judgeSimilarity(probe, group.threshold, compare),
          };
        })
        .sort((a, b) => b.similarity - a.similarity)
    );
  }

  #describe(info?: GroupInfo): CandidateGroup {
    const { config, order, modelVersion } = this.#parts;
    const isStale = this.isStale();
    const place = { appKey: config.appKey, groupId: config.group, order, ...(isStale && { isStale }) };
    const state = { ...place, ...this.#threshold(info) };
    if (!info || info.modelVersion === modelVersion) return state;
    return { ...state, modelVersion: info.modelVersion };
  }

  #findScales(info: GroupInfo | undefined): SimilarityScales {
    const { otherModels, scales } = this.#parts;
    return (info && otherModels?.get(info.modelVersion)?.scales) ?? scales;
  }

  #threshold(info: GroupInfo | undefined): GroupThreshold {
    const { config, rule } = this.#parts;
    return explainThreshold(config, rule, this.#findScales(info), info?.faceCount ?? 0);
  }

  /** Returns the successor of a group where it can take its place: it has everybody, and its models are installed. */
  #findSuccessor(base: GroupRef): FoundGroup | undefined {
    const { successors, gallery, modelVersion, otherModels } = this.#parts;
    const next = successors?.describe(base);
    if (!next || next.people === 0 || next.missing > 0 || this.#isStale(next.ref)) return undefined;
    if (next.modelVersion !== modelVersion && !otherModels?.has(next.modelVersion)) return undefined;
    return { ref: next.ref, info: gallery.group(next.ref), base };
  }

  #find(): FoundGroup | { problem: string } {
    const { config, findOwner, gallery, modelVersion, otherModels } = this.#parts;
    const { appKey, group: groupId } = config;
    const owner = findOwner(appKey);
    if (owner === undefined) return { problem: `appKey ${appKey} does not exist` };
    const ref = { owner, groupId };
    try {
      const info = gallery.group(ref);
      const successor = this.#findSuccessor(ref);
      if (successor) return successor;
      if (info.modelVersion === modelVersion || otherModels?.has(info.modelVersion)) return { ref, info };
      return { problem: `group ${groupId} was enrolled under ${info.modelVersion}, whose models are not installed` };
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'GROUP_NOT_FOUND')) throw error;
      return { problem: `group ${groupId} does not exist` };
    }
  }
}
