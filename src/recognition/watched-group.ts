// One group whose faces a camera recognises: there or not, of the right model version or not, and the threshold in force.
import { AppError, describeError } from '../errors.js';
import type { WatchedGroupConfig } from '../config/schema.js';
import { farPerComparison, type FalseAcceptCurve } from '../domain/false-accept.js';
import type { OtherModels } from '../domain/other-models.js';
import type { SimilarityScale } from '../domain/similarity.js';
import type { Gallery, GroupInfo, GroupRef } from '../gallery/gallery.types.js';
import { candidatesOf, type Candidate, type CandidateGroup, type DecisionRule } from './identity.js';

/** Enough faces for the nearest persons, as a rule; where all of them are of one person, there are more. */
const NEAREST_FACES = 10;
const MOST_FACES = 4_096;

export interface WatchedGroupParts {
  config: WatchedGroupConfig;
  /** Its place among the camera's groups. */
  order: number;
  rule: DecisionRule;
  /** The id of an appKey; undefined where there is none of that name. */
  ownerOf: (name: string) => string | undefined;
  gallery: Pick<Gallery, 'group' | 'searchByEmbedding'>;
  modelVersion: string;
  scale: SimilarityScale;
  /** Of the loaded models; without it a target cannot be met, and nobody reaches the threshold but at 100. */
  falseAccepts: FalseAcceptCurve | undefined;
  /** Groups of these are watched as well. */
  otherModels?: OtherModels | undefined;
  /** Why faces cannot be embedded under one of those now; undefined when all is well. */
  otherProblem?: (modelVersion: string) => string | undefined;
}

type Found = { ref: GroupRef; info: GroupInfo };

/** One face as each of the other model versions has it. */
export type OtherEmbeddings = ReadonlyMap<string, Float32Array>;

export class WatchedGroup {
  readonly #parts: WatchedGroupParts;

  constructor(parts: WatchedGroupParts) {
    this.#parts = parts;
  }

  /** Why nobody can be recognised, for a person; undefined when all is well. */
  problem(): string | undefined {
    try {
      const found = this.#find();
      if ('problem' in found) return found.problem;
      const { modelVersion } = found.info;
      const problem = modelVersion === this.#parts.modelVersion ? undefined : this.#parts.otherProblem?.(modelVersion);
      return problem && `group ${this.#parts.config.group} cannot be searched: ${problem}`;
    } catch (error) {
      return `group ${this.#parts.config.group} cannot be read: ${describeError(error)}`;
    }
  }

  /** As it is now: the threshold of a target rises with the group. One that cannot be read counts as empty. */
  state(): CandidateGroup {
    try {
      const found = this.#find();
      return 'problem' in found ? this.#stateOf() : this.#stateOf(found.info);
    } catch {
      return this.#stateOf();
    }
  }

  /** The model version of its embeddings, where that is not the one in use. */
  otherVersion(): string | undefined {
    const found = this.#find();
    if ('problem' in found || found.info.modelVersion === this.#parts.modelVersion) return undefined;
    return found.info.modelVersion;
  }

  /**
   * The nearest persons, most similar first, so many that the first one who is clear of the foremost by more than the margin is among
   * them; none where there is a problem. @throws what the gallery throws otherwise
   */
  nearest(embedding: Float32Array, others: OtherEmbeddings = new Map()): Candidate[] {
    const found = this.#find();
    if ('problem' in found) return [];
    const { gallery, rule, modelVersion } = this.#parts;
    const probe = found.info.modelVersion === modelVersion ? embedding : others.get(found.info.modelVersion);
    // A group that has come since the face was embedded, for which the next shot will do; or models that fail, which is declared.
    if (!probe) return [];
    const { scale } = this.#scales(found.info);
    const group = this.#stateOf(found.info);
    for (let limit = NEAREST_FACES; ; limit = Math.min(MOST_FACES, limit * 8)) {
      const matches = gallery.searchByEmbedding(found.ref, probe, { limit, minCosine: -1 });
      const candidates = candidatesOf(matches, group, scale);
      const last = matches[matches.length - 1];
      const isAll = matches.length < limit || limit === MOST_FACES;
      const isClear = last && candidates[0].similarity - scale.fromCosine(last.cosine) > rule.margin;
      if (isAll || candidates.length > 1 || isClear) return candidates;
    }
  }

  #stateOf(info?: GroupInfo): CandidateGroup {
    const { config, order, modelVersion } = this.#parts;
    const state = { appKey: config.appKey, groupId: config.group, order, threshold: this.#threshold(info) };
    if (!info || info.modelVersion === modelVersion) return state;
    return { ...state, modelVersion: info.modelVersion };
  }

  #scales(info: GroupInfo | undefined): { scale: SimilarityScale; falseAccepts: FalseAcceptCurve | undefined } {
    return (info && this.#parts.otherModels?.get(info.modelVersion)) ?? this.#parts;
  }

  #threshold(info: GroupInfo | undefined): number {
    const { config, rule } = this.#parts;
    const { scale, falseAccepts } = this.#scales(info);
    const enrolledFaces = info?.faceCount ?? 0;
    if ('threshold' in config) return config.threshold;
    if (!falseAccepts) return 100;
    const far = farPerComparison(config.targetFalseAcceptPerAttempt, { ...rule, enrolledFaces });
    return Math.max(1, scale.fromCosine(falseAccepts.cosineAt(far)));
  }

  #find(): Found | { problem: string } {
    const { config, ownerOf, gallery, modelVersion, otherModels } = this.#parts;
    const { appKey, group: groupId } = config;
    const owner = ownerOf(appKey);
    if (owner === undefined) return { problem: `appKey ${appKey} does not exist` };
    const ref = { owner, groupId };
    try {
      const info = gallery.group(ref);
      if (info.modelVersion === modelVersion || otherModels?.has(info.modelVersion)) return { ref, info };
      return { problem: `group ${groupId} was enrolled under ${info.modelVersion}, whose models are not installed` };
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'GROUP_NOT_FOUND')) throw error;
      return { problem: `group ${groupId} does not exist` };
    }
  }
}
