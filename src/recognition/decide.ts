// The decision on one track: k of n embedded frames that agree on a person.
import type { SimilarityScale } from '../domain/similarity.js';
import type { EnrolledFace, FaceMatch } from '../gallery/gallery.types.js';

/** An enrolled person as one probe sees them: by their most similar face. */
export interface Candidate {
  /** Same for all faces of one person. */
  person: string;
  face: EnrolledFace;
  /** 0..100 */
  similarity: number;
}

/** What a decision is made of; one for each embedded frame of a track, in the order of capture. */
export interface Ballot {
  /** Most similar first; empty where the group is empty. */
  candidates: readonly Candidate[];
}

export interface DecisionRule {
  /** Similarity from which a frame agrees on its most similar person, 1..100. */
  threshold: number;
  /** k */
  agree: number;
  /** n */
  outOf: number;
}

export type Decision<B extends Ballot> =
  /** `agreeing` are the frames among the last n that chose this person, with the face each of them chose. */
  | { kind: 'match'; person: string; agreeing: { ballot: B; chosen: Candidate }[] }
  | { kind: 'unknown' }
  /** `leading`: how many frames the foremost person has so far. */
  | { kind: 'undecided'; leading: number };

/** A person is the faces of a group that share an externalImageId; a face without one is a person of its own. */
export function personOf(face: EnrolledFace): string {
  return face.externalImageId === undefined ? `face ${face.faceId}` : `external ${face.externalImageId}`;
}

/** @param matches most similar first @returns one candidate for each person */
export function candidatesOf(matches: readonly FaceMatch[], scale: SimilarityScale): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const { face, cosine } of matches) {
    const person = personOf(face);
    if (!candidates.has(person)) candidates.set(person, { person, face, similarity: scale.fromCosine(cosine) });
  }
  return [...candidates.values()];
}

/**
 * `match` as soon as `agree` of the last `outOf` frames have the same most similar person at the threshold or above; `unknown` when
 * `outOf` frames went by without that. Of two persons with enough frames, the one with more of them, then the more similar one.
 */
export function decide<B extends Ballot>(ballots: readonly B[], rule: DecisionRule): Decision<B> {
  const votes = new Map<string, { ballot: B; chosen: Candidate }[]>();
  for (const ballot of ballots.slice(-rule.outOf)) {
    const chosen = ballot.candidates[0];
    if (!chosen || !(chosen.similarity >= rule.threshold)) continue;
    votes.set(chosen.person, [...(votes.get(chosen.person) ?? []), { ballot, chosen }]);
  }
  const [foremost] = [...votes].sort(([, a], [, b]) => b.length - a.length || mostSimilar(b) - mostSimilar(a));
  if (foremost && foremost[1].length >= rule.agree)
    return { kind: 'match', person: foremost[0], agreeing: foremost[1] };
  if (ballots.length >= rule.outOf) return { kind: 'unknown' };
  return { kind: 'undecided', leading: foremost?.[1].length ?? 0 };
}

/** For a track that ended undecided: `unknown` when at least `agree` frames had their say, else nothing can be told. */
export function decideAtEnd(ballots: readonly Ballot[], rule: DecisionRule): 'unknown' | 'undecided' {
  return ballots.length >= rule.agree ? 'unknown' : 'undecided';
}

function mostSimilar(votes: readonly { chosen: Candidate }[]): number {
  return Math.max(...votes.map(({ chosen }) => chosen.similarity));
}
