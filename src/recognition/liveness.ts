// The liveness decision on one person: fuses the scores of several shots, so that no single lucky or bad shot decides.
// Evidence of a print or a screen contradicts the scores. Recognition and enrolment use the same decision.
import type { EvidenceName } from '../events/event.js';
import { NO_EVIDENCE, type Evidence } from './presentation-evidence.js';

/** Liveness of one shot. */
export interface LivenessSample {
  /** logit(live) - logit(spoof) */
  score: number;
  /** Quality of the shot, 0..1. */
  quality: number;
}

/** `unsure`: further shots may decide it. `unavailable`: there is no liveness model, or liveness is off. */
export type LivenessVerdict = 'live' | 'spoof' | 'unsure' | 'unavailable';

export interface FusedLiveness {
  verdict: LivenessVerdict;
  /** Weighted median of the scores; absent without a score. */
  score?: number;
  /** Evidence that speaks for a print or a screen; absent where there is none. */
  evidence?: readonly EvidenceName[];
}

/** Minimum number of shots for a verdict. */
export const MIN_LIVENESS_SAMPLES = 3;
/** Fewer shots than this must all be on the same side of the threshold. */
const UNANIMOUS_BELOW = 5;
/** Share by weight that must be on one side of the threshold from UNANIMOUS_BELOW shots on; shares in between are `unsure`. */
const CLEAR_SHARE = 2 / 3;
/** Minimum number of shots for `live` of a face that was a spoof a moment ago. */
const MIN_SUSPECT_SAMPLES = 7;

export interface FuseOptions {
  /** Score from which a shot counts as live. */
  threshold: number;
  /** True when the same face was a spoof a moment ago: a few good shots must not make it live. */
  isSuspect: boolean;
  /** Evidence beside the scores. Default: none. */
  evidence?: Evidence;
}

/**
 * Counts the shots on each side of the threshold, without averaging: in a mean one shot with a huge logit would outvote the others, and
 * with the best score an attacker could wait for it. The weight of a shot is 0.67 to 1 by its quality, so that quality decides close
 * cases only. Scores of one moment are alike, so a few shots must all agree. A print whose every other shot looks live never becomes
 * live, however long it is shown. Evidence of an attack makes it a spoof whatever the scores are, and a doubt holds back the verdict `live`.
 * @param samples shots of one person; scores that are not finite do not count
 */
export function fuseLiveness(samples: readonly LivenessSample[], options: FuseOptions): FusedLiveness {
  const { attack, doubts } = options.evidence ?? NO_EVIDENCE;
  const fused = fuseScores(samples, options);
  const evidence = [...attack, ...doubts];
  if (evidence.length === 0) return fused;
  const held: LivenessVerdict = fused.verdict === 'live' ? 'unsure' : fused.verdict;
  return { ...fused, verdict: attack.length > 0 ? 'spoof' : held, evidence };
}

function fuseScores(samples: readonly LivenessSample[], { threshold, isSuspect }: FuseOptions): FusedLiveness {
  const valid = samples.filter(({ score }) => Number.isFinite(score));
  const score = lowerWeightedMedian(valid);
  if (score === undefined) return { verdict: 'unsure' };
  const liveShare = sumWeights(valid.filter((sample) => sample.score >= threshold)) / sumWeights(valid);
  const clearShare = valid.length < UNANIMOUS_BELOW ? 1 : CLEAR_SHARE;
  const minForLive = isSuspect ? MIN_SUSPECT_SAMPLES : MIN_LIVENESS_SAMPLES;
  if (valid.length >= minForLive && liveShare >= clearShare) return { verdict: 'live', score };
  if (valid.length >= MIN_LIVENESS_SAMPLES && 1 - liveShare >= clearShare) return { verdict: 'spoof', score };
  return { verdict: 'unsure', score };
}

function sumWeights(samples: readonly LivenessSample[]): number {
  return samples.reduce((sum, { quality }) => sum + (2 + Math.max(0, Math.min(1, quality))) / 3, 0);
}

function lowerWeightedMedian(samples: readonly LivenessSample[]): number | undefined {
  const sorted = samples.toSorted((a, b) => a.score - b.score);
  const half = sumWeights(samples) / 2;
  // The tolerance covers rounding: the weights are added up in another order here.
  return sorted.find((_, i) => sumWeights(sorted.slice(0, i + 1)) >= half - 1e-9)?.score;
}
