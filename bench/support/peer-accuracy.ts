// Accuracy of embeddings on labelled pictures, by the same rule for Lintel and its peers.
import type { FilePair, LabelledFile } from './peer-pictures.js';

/** A pair of pictures: the closer, the greater its score; -Infinity where no face was found in one of them. */
export interface ScoredPair {
  score: number;
  same: boolean;
}

/** Embedding of the largest face of each picture file; undefined where none was found. */
export type Embeddings = ReadonlyMap<string, readonly number[] | undefined>;

export function scoreFilePairs(pairs: readonly FilePair[], embeddings: Embeddings): ScoredPair[] {
  return pairs.map(({ first, second, same }) => ({
    score: compare(embeddings.get(first), embeddings.get(second)),
    same,
  }));
}

/** Makes all pairs of labelled pictures. */
export function scoreAllPairs(files: readonly LabelledFile[], embeddings: Embeddings): ScoredPair[] {
  return files.flatMap((one, i) =>
    files.slice(i + 1).map((other) => ({
      score: compare(embeddings.get(one.file), embeddings.get(other.file)),
      same: one.person === other.person,
    })),
  );
}

/** Returns the negative Euclidean distance, the measure that all compared libraries name. */
function compare(a: readonly number[] | undefined, b: readonly number[] | undefined): number {
  if (!a || !b) return -Infinity;
  return -Math.hypot(...a.map((value, i) => value - b[i]!));
}

/**
 * Returns the mean of the shares of right verdicts on pairs of one person and on pairs of two, 0..1. The threshold for the even pairs is the best one
 * on the odd pairs, and the other way round.
 */
export function measureAccuracy(pairs: readonly ScoredPair[]): number {
  const halves = [pairs.filter((_, i) => i % 2 === 0), pairs.filter((_, i) => i % 2 === 1)] as const;
  const shares = [shareOfRight(halves[0], bestThreshold(halves[1])), shareOfRight(halves[1], bestThreshold(halves[0]))];
  return (shares[0]! + shares[1]!) / 2;
}

function bestThreshold(pairs: readonly ScoredPair[]): number {
  const scores = [...new Set(pairs.map(({ score }) => score).filter(Number.isFinite))].sort((a, b) => a - b);
  const thresholds = scores.map((score, i) => (i === 0 ? score : (score + scores[i - 1]!) / 2));
  let best = { share: -1, threshold: Infinity };
  for (const threshold of thresholds) {
    const share = shareOfRight(pairs, threshold);
    if (share > best.share) best = { share, threshold };
  }
  return best.threshold;
}

function shareOfRight(pairs: readonly ScoredPair[], threshold: number): number {
  const share = (same: boolean): number => {
    const some = pairs.filter((pair) => pair.same === same);
    return some.filter(({ score }) => score >= threshold === same).length / some.length;
  };
  return (share(true) + share(false)) / 2;
}
