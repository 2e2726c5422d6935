// Alive or not: the liveness scores of a track's shots, fused so that one lucky frame passes nobody and one bad frame blocks nobody.

/** The score of one shot. */
export interface LivenessSample {
  /** logit(live) - logit(spoof) */
  score: number;
  /** 0..1, of the shot. */
  quality: number;
}

export type LivenessVerdict = 'live' | 'spoof' | 'unsure' | 'unavailable';

export interface FusedLiveness {
  verdict: LivenessVerdict;
  /** The weighted median; absent without a score. */
  score?: number;
}

/** Fewer shots tell nothing. */
const LEAST_SAMPLES = 3;
/** So few must all be on the same side of the threshold … */
const UNANIMOUS_BELOW = 5;
/** … and of more of them this share, by weight; what lies between is not told. */
const CLEAR_SHARE = 2 / 3;
/** Who was taken for a spoof before has to show more. */
const LEAST_SAMPLES_OF_A_SUSPECT = 7;

export interface FuseOptions {
  /** From which a score is that of a live face. */
  threshold: number;
  /** Whether the same face was a spoof just now: it must not become live by a few good frames. */
  isSuspect: boolean;
}

/**
 * Shots are counted, not averaged: a mean would let one frame with a huge logit outvote the rest, the best score would let an attacker
 * wait for it. A shot's weight is 0.67 to 1 by its quality, so that quality decides close cases only. Scores of one moment are alike,
 * so few shots must agree; a print whose every other frame looks alive is never live, however long it is shown.
 */
export function fuseLiveness(samples: readonly LivenessSample[], { threshold, isSuspect }: FuseOptions): FusedLiveness {
  const valid = samples.filter(({ score }) => Number.isFinite(score));
  const score = lowerWeightedMedian(valid);
  if (score === undefined) return { verdict: 'unsure' };
  const liveShare = weightOf(valid.filter((sample) => sample.score >= threshold)) / weightOf(valid);
  const clearShare = valid.length < UNANIMOUS_BELOW ? 1 : CLEAR_SHARE;
  const least = isSuspect ? LEAST_SAMPLES_OF_A_SUSPECT : LEAST_SAMPLES;
  if (valid.length >= least && liveShare >= clearShare) return { verdict: 'live', score };
  if (valid.length >= LEAST_SAMPLES && 1 - liveShare >= clearShare) return { verdict: 'spoof', score };
  return { verdict: 'unsure', score };
}

function weightOf(samples: readonly LivenessSample[]): number {
  return samples.reduce((sum, { quality }) => sum + (2 + Math.max(0, Math.min(1, quality))) / 3, 0);
}

function lowerWeightedMedian(samples: readonly LivenessSample[]): number | undefined {
  const sorted = samples.toSorted((a, b) => a.score - b.score);
  const half = weightOf(samples) / 2;
  // Half of the weight may come out a little less when it is added up in another order.
  return sorted.find((_, i) => weightOf(sorted.slice(0, i + 1)) >= half - 1e-9)?.score;
}
