// The decision on one track: k of n embedded frames that agree on a person, clear of the next one.
import type { SimilarityScale } from '../domain/similarity.js';
import type { Reason } from '../events/event.js';
import type { EnrolledFace, FaceMatch } from '../gallery/gallery.types.js';

/** A group as a camera's candidates come from it. */
export interface CandidateGroup {
  /** The name of the appKey. */
  appKey: string;
  groupId: string;
  /** Its place among the camera's groups. */
  order: number;
  /** Similarity from which a frame agrees on a person of this group, 1..100. */
  threshold: number;
  /** Of its embeddings, where that is not the one in use. */
  modelVersion?: string;
}

/** An enrolled person in one group, as one probe sees them: by their most similar face there. */
export interface Candidate {
  /** Same for all faces of one person. */
  person: string;
  group: CandidateGroup;
  face: EnrolledFace;
  /** 0..100 */
  similarity: number;
}

/** What a decision is made of; one for each embedded frame of a track, in the order of capture. */
export interface Ballot {
  /** Of all groups, most similar first; empty where the groups are empty. */
  candidates: readonly Candidate[];
}

export interface DecisionRule {
  /** How much more similar the foremost person must be than the next one. */
  margin: number;
  /** k */
  agree: number;
  /** n */
  outOf: number;
}

/** A frame that agrees on a person, with the face that it chose. */
export interface Vote<B extends Ballot> {
  ballot: B;
  chosen: Candidate;
}

export type UnknownReason = Extract<Reason, 'below-threshold' | 'empty-group' | 'tie' | 'disagreement'>;

export type Decision<B extends Ballot> =
  /** `agreeing` are the frames among the last n that chose this person, in the first group where enough of them did. */
  | { kind: 'match'; person: string; agreeing: Vote<B>[] }
  | { kind: 'unknown'; reason: UnknownReason }
  /** `leading`: how many frames the foremost person has so far. */
  | { kind: 'undecided'; leading: number };

/**
 * A person is the faces of one appKey's groups that share an externalImageId; a face without one is a person of its own. So somebody
 * who is enrolled in two groups under one id is no tie with themselves; under two ids, or two appKeys, they are.
 */
export function personOf(face: EnrolledFace, { appKey, groupId }: Pick<CandidateGroup, 'appKey' | 'groupId'>): string {
  return JSON.stringify(
    face.externalImageId === undefined ? [appKey, groupId, 'face', face.faceId] : [appKey, face.externalImageId],
  );
}

/** @param matches of one group, most similar first @returns one candidate for each person */
export function candidatesOf(
  matches: readonly FaceMatch[],
  group: CandidateGroup,
  scale: SimilarityScale,
): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const { face, cosine } of matches) {
    const person = personOf(face, group);
    if (!candidates.has(person)) candidates.set(person, { person, group, face, similarity: scale.fromCosine(cosine) });
  }
  return [...candidates.values()];
}

/** What one frame says: the person it agrees on, with their face in each group where they reach its threshold. */
type Opinion =
  | { kind: 'agrees'; person: string; chosen: readonly Candidate[] }
  | { kind: 'tie' }
  | { kind: 'below' }
  | { kind: 'nobody' };

function opinionOf({ candidates }: Ballot, margin: number): Opinion {
  if (candidates.length === 0) return { kind: 'nobody' };
  const [foremost] = candidates;
  const chosen = candidates.filter(
    ({ person, similarity, group }) => person === foremost.person && similarity >= group.threshold,
  );
  if (chosen.length === 0) return { kind: 'below' };
  const next = candidates.find(({ person }) => person !== foremost.person);
  const lead = foremost.similarity - (next?.similarity ?? -Infinity);
  if (!(lead > 0 && lead >= margin)) return { kind: 'tie' };
  return { kind: 'agrees', person: foremost.person, chosen };
}

/** The person that a frame agrees on; undefined where it agrees on nobody. */
export function personAgreedOn(ballot: Ballot, margin: number): string | undefined {
  const opinion = opinionOf(ballot, margin);
  return opinion.kind === 'agrees' ? opinion.person : undefined;
}

interface Standing<B extends Ballot> {
  person: string;
  /** By the group's order. */
  votes: Map<number, Vote<B>[]>;
  /** In the group where there are most. */
  count: number;
  mostSimilar: number;
}

function standingsOf<B extends Ballot>(ballots: readonly B[], margin: number): Standing<B>[] {
  const standings = new Map<string, Standing<B>>();
  for (const ballot of ballots) {
    const opinion = opinionOf(ballot, margin);
    if (opinion.kind !== 'agrees') continue;
    const { person } = opinion;
    const standing = standings.get(person) ?? { person, votes: new Map<number, Vote<B>[]>(), count: 0, mostSimilar: 0 };
    standings.set(person, standing);
    for (const chosen of opinion.chosen) {
      const votes = [...(standing.votes.get(chosen.group.order) ?? []), { ballot, chosen }];
      standing.votes.set(chosen.group.order, votes);
      standing.count = Math.max(standing.count, votes.length);
      standing.mostSimilar = Math.max(standing.mostSimilar, chosen.similarity);
    }
  }
  return [...standings.values()].sort((a, b) => b.count - a.count || b.mostSimilar - a.mostSimilar);
}

/**
 * `match` as soon as `agree` of the last `outOf` frames agree on one person in one group, and more of them than on anybody else;
 * `unknown` when `outOf` frames went by without that. A frame agrees on its most similar person of all groups, where that one reaches
 * the threshold of their group and is clear of everybody else by the margin.
 */
export function decide<B extends Ballot>(ballots: readonly B[], rule: DecisionRule): Decision<B> {
  const counted = ballots.slice(-rule.outOf);
  const [foremost, next] = standingsOf(counted, rule.margin);
  if (foremost && foremost.count >= rule.agree && foremost.count > (next?.count ?? 0)) {
    const orders = [...foremost.votes.keys()].sort((a, b) => a - b);
    const agreeing = orders.map((order) => foremost.votes.get(order) ?? []).find((v) => v.length >= rule.agree);
    if (agreeing) return { kind: 'match', person: foremost.person, agreeing };
  }
  if (ballots.length >= rule.outOf) return { kind: 'unknown', reason: whyUnknown(counted, rule) };
  return { kind: 'undecided', leading: foremost?.count ?? 0 };
}

/** For a track that ended undecided: `unknown` when at least `agree` frames had their say and none agreed on anybody. */
export function decideAtEnd(
  ballots: readonly Ballot[],
  rule: DecisionRule,
): Exclude<Decision<Ballot>, { kind: 'match' }> {
  const counted = ballots.slice(-rule.outOf);
  const leading = standingsOf(counted, rule.margin)[0]?.count ?? 0;
  if (leading > 0 || ballots.length < rule.agree) return { kind: 'undecided', leading };
  return { kind: 'unknown', reason: whyUnknown(counted, rule) };
}

/** Of frames that do not make a match. */
function whyUnknown(ballots: readonly Ballot[], { margin, agree }: DecisionRule): UnknownReason {
  const opinions = ballots.map((ballot) => opinionOf(ballot, margin));
  const count = (kind: Opinion['kind']): number => opinions.filter((opinion) => opinion.kind === kind).length;
  if (count('nobody') === opinions.length) return 'empty-group';
  const ties = count('tie');
  if (ties + count('agrees') < agree) return 'below-threshold';
  const most = standingsOf(ballots, margin)[0]?.count ?? 0;
  return most < agree && most + ties >= agree ? 'tie' : 'disagreement';
}
