// Decides who a track shows: `agree` of the last `outOf` shots must agree on one candidate, clear of the next one.
import type { Reason } from '../events/event.js';
import type { ShotResult, ThresholdBasis } from '../events/grounds.js';
import type { EnrolledFace } from '../gallery/gallery.types.js';

/** A watched group at the time of a search. */
export interface CandidateGroup {
  /** Name of the appKey. */
  appKey: string;
  groupId: string;
  /** Position among the groups of the camera, from 0. */
  order: number;
  /** Similarity from which a shot agrees on a person of this group, 1..100. */
  threshold: number;
  /** Why it is this threshold; absent where nobody needs to know. */
  basis?: ThresholdBasis | undefined;
  /** Model version of its embeddings, where that is not the version in use. */
  modelVersion?: string;
  /** True for a copy that was too old to be relied on at the time of the search. */
  isStale?: boolean;
}

/** An enrolled person in one group, with the face there that is most similar to the probe. */
export interface Candidate {
  /** Key of the person, the same for all faces of one person. */
  person: string;
  group: CandidateGroup;
  face: EnrolledFace;
  /** 0..100 */
  similarity: number;
}

/** An embedded shot, as far as the identity depends on it. */
export interface CandidateShot {
  /** Candidates of all groups, most similar first; empty when nobody is enrolled. */
  candidates: readonly Candidate[];
}

export interface IdentityRule {
  /** Minimum lead in similarity over the next person. */
  margin: number;
  /** Number of shots that must agree. */
  agree: number;
  /** Number of last shots that count. */
  outOf: number;
}

/** A shot that agrees on a person, with the candidate that it chose. */
export interface AgreeingShot<S extends CandidateShot> {
  shot: S;
  candidate: Candidate;
}

export type UnknownReason = Extract<Reason, 'below-threshold' | 'empty-group' | 'tie' | 'disagreement'>;

export type Identity<S extends CandidateShot> =
  /**
   * `agreeing`: the shots among the last `outOf` that chose this person, in the first group where enough of them did; at least one. A stale
   * group comes after all others.
   */
  | { kind: 'match'; person: string; agreeing: AgreeingShot<S>[] }
  | { kind: 'unknown'; reason: UnknownReason }
  /** `leading`: number of shots that agree on the foremost person so far. */
  | { kind: 'undecided'; leading: number };

/**
 * Returns the key of the person that a face belongs to. The faces of one appKey's groups with the same externalImageId are one person; a
 * face without one is a person of its own. A person in two groups under one id therefore makes no tie; under two ids, or two appKeys, it
 * does.
 */
export function derivePerson(
  face: EnrolledFace,
  { appKey, groupId }: Pick<CandidateGroup, 'appKey' | 'groupId'>,
): string {
  return JSON.stringify(
    face.externalImageId === undefined ? [appKey, groupId, 'face', face.faceId] : [appKey, face.externalImageId],
  );
}

/** Result of one shot. `chosen`: the candidates of the person in each group where they reach its threshold; at least one. */
type ShotChoice =
  | { kind: 'agrees'; person: string; chosen: readonly Candidate[] }
  | { kind: 'tie' }
  | { kind: 'below' }
  | { kind: 'nobody' };

function choosePerson({ candidates }: CandidateShot, margin: number): ShotChoice {
  const [foremost] = candidates;
  if (!foremost) return { kind: 'nobody' };
  const chosen = candidates.filter(
    ({ person, similarity, group }) => person === foremost.person && similarity >= group.threshold,
  );
  if (chosen.length === 0) return { kind: 'below' };
  const next = candidates.find(({ person }) => person !== foremost.person);
  const lead = foremost.similarity - (next?.similarity ?? -Infinity);
  if (!(lead > 0 && lead >= margin)) return { kind: 'tie' };
  return { kind: 'agrees', person: foremost.person, chosen };
}

/** Returns the candidate that one shot agrees on, in the group where it is most similar; undefined when there is none. */
export function findAgreedCandidate(shot: CandidateShot, margin: number): Candidate | undefined {
  const choice = choosePerson(shot, margin);
  return choice.kind === 'agrees' ? choice.chosen[0] : undefined;
}

/** Names what one shot says. */
export function nameShotResult(shot: CandidateShot, margin: number): ShotResult {
  return choosePerson(shot, margin).kind;
}

/** Returns the person that one shot agrees on; undefined when there is none. */
export function findAgreedPerson(shot: CandidateShot, margin: number): string | undefined {
  return findAgreedCandidate(shot, margin)?.person;
}

/** All shots that agree on one person. */
interface Support<S extends CandidateShot> {
  person: string;
  /** Agreeing shots by the group's order. */
  byGroup: Map<number, AgreeingShot<S>[]>;
  /** Number of shots in the group with most of them. */
  count: number;
  maxSimilarity: number;
}

/** Returns the persons that shots agree on, those with most shots first. */
function rankSupport<S extends CandidateShot>(shots: readonly S[], margin: number): Support<S>[] {
  const supports = new Map<string, Support<S>>();
  for (const shot of shots) {
    const choice = choosePerson(shot, margin);
    if (choice.kind !== 'agrees') continue;
    const { person } = choice;
    const support = supports.get(person) ?? {
      person,
      byGroup: new Map<number, AgreeingShot<S>[]>(),
      count: 0,
      maxSimilarity: 0,
    };
    supports.set(person, support);
    for (const candidate of choice.chosen) {
      const agreeing = [...(support.byGroup.get(candidate.group.order) ?? []), { shot, candidate }];
      support.byGroup.set(candidate.group.order, agreeing);
      support.count = Math.max(support.count, agreeing.length);
      support.maxSimilarity = Math.max(support.maxSimilarity, candidate.similarity);
    }
  }
  return [...supports.values()].sort((a, b) => b.count - a.count || b.maxSimilarity - a.maxSimilarity);
}

/**
 * Decides who the shots show. `match` as soon as `agree` of the last `outOf` shots agree on one person in one group, and more of them
 * than on anybody else; `unknown` after `outOf` shots without that. A shot agrees on its most similar person of all groups, where that
 * person reaches the threshold of their group and is clear of everybody else by the margin.
 * @param shots in the order of capture
 */
export function decideIdentity<S extends CandidateShot>(shots: readonly S[], rule: IdentityRule): Identity<S> {
  const counted = shots.slice(-rule.outOf);
  const [foremost, next] = rankSupport(counted, rule.margin);
  if (foremost && foremost.count >= rule.agree && foremost.count > (next?.count ?? 0)) {
    const agreeing = [...foremost.byGroup]
      .sort(([a, shots], [b, others]) => Number(hasStale(shots)) - Number(hasStale(others)) || a - b)
      .map(([, group]) => group)
      .find((group) => group.length >= rule.agree);
    if (agreeing) return { kind: 'match', person: foremost.person, agreeing };
  }
  if (shots.length >= rule.outOf) return { kind: 'unknown', reason: explainUnknown(counted, rule) };
  return { kind: 'undecided', leading: foremost?.count ?? 0 };
}

function hasStale(agreeing: readonly { candidate: Candidate }[]): boolean {
  return agreeing.some(({ candidate }) => candidate.group.isStale);
}

/** Decides on a track that ended undecided: `unknown` when there were at least `agree` shots and none agreed on anybody. */
export function decideIdentityAtEnd(
  shots: readonly CandidateShot[],
  rule: IdentityRule,
): Exclude<Identity<CandidateShot>, { kind: 'match' }> {
  const counted = shots.slice(-rule.outOf);
  const leading = rankSupport(counted, rule.margin)[0]?.count ?? 0;
  if (leading > 0 || shots.length < rule.agree) return { kind: 'undecided', leading };
  return { kind: 'unknown', reason: explainUnknown(counted, rule) };
}

/** Returns why these shots are no match. */
function explainUnknown(shots: readonly CandidateShot[], { margin, agree }: IdentityRule): UnknownReason {
  const choices = shots.map((shot) => choosePerson(shot, margin));
  const count = (kind: ShotChoice['kind']): number => choices.filter((choice) => choice.kind === kind).length;
  if (count('nobody') === choices.length) return 'empty-group';
  const ties = count('tie');
  if (ties + count('agrees') < agree) return 'below-threshold';
  const most = rankSupport(shots, margin)[0]?.count ?? 0;
  return most < agree && most + ties >= agree ? 'tie' : 'disagreement';
}
