// Evaluates a liveness trial at one camera: error rates of attempts of live people, prints and screens (ISO/IEC 30107-3).
import type { EvidenceName } from '../events/event.js';
import { fuseLiveness, type LivenessSample, type LivenessVerdict } from './liveness.js';
import { NO_EVIDENCE, type Evidence } from './presentation-evidence.js';

/** Presentations to the camera: a living person (bona fide), and two kinds of attack. */
export const PRESENTATIONS = ['live', 'print', 'screen'] as const;

export type Presentation = (typeof PRESENTATIONS)[number];

export interface TrialAttempt {
  presentation: Presentation;
  /** Samples of the frames with exactly one fit face, in the order of capture. */
  samples: readonly LivenessSample[];
  /** Evidence of a print or a screen, beside the scores. Default: none. */
  evidence?: Evidence;
}

export interface ErrorRate {
  errors: number;
  attempts: number;
  /** errors / attempts; NaN without attempts. */
  rate: number;
  /** Upper bound of the true rate with 95 % confidence (Clopper and Pearson, one-sided). */
  upper: number;
}

export interface TrialReport {
  threshold: number;
  /** APCER: attacks that were taken for live, for each kind of attack and for the worse of them. */
  apcer: { print: ErrorRate; screen: ErrorRate; worst: ErrorRate };
  /** BPCER: live attempts that were not taken for live (spoof, unsure, or no face). */
  bpcer: ErrorRate;
  verdicts: {
    presentation: Presentation;
    verdict: LivenessVerdict;
    score?: number;
    evidence?: readonly EvidenceName[];
    frames: number;
  }[];
  /**
   * Threshold with the fewest errors in this trial, in the middle of its gap. Absent when scores of live people or of attacks are missing,
   * or when no threshold is better than one verdict for everybody.
   */
  suggested?: { threshold: number; apcer: number; bpcer: number };
}

/** Computes the error rates of a trial, with the decision that recognition makes. @param threshold score from which a shot counts as live */
export function judgeTrial(attempts: readonly TrialAttempt[], threshold: number): TrialReport {
  const verdicts = attempts.map(({ presentation, samples, evidence = NO_EVIDENCE }) => {
    const { verdict, score, evidence: seen } = fuseLiveness(samples, { threshold, isSuspect: false, evidence });
    const frames = samples.length;
    return { presentation, verdict, ...(score !== undefined && { score }), ...(seen && { evidence: seen }), frames };
  });
  const countErrors = (presentation: Presentation, isError: (verdict: LivenessVerdict) => boolean): ErrorRate => {
    const shown = verdicts.filter((one) => one.presentation === presentation);
    return computeErrorRate(shown.filter(({ verdict }) => isError(verdict)).length, shown.length);
  };
  const print = countErrors('print', (verdict) => verdict === 'live');
  const screen = countErrors('screen', (verdict) => verdict === 'live');
  const suggested = suggestThreshold(verdicts);
  return {
    threshold,
    apcer: { print, screen, worst: chooseWorse(print, screen) },
    bpcer: countErrors('live', (verdict) => verdict !== 'live'),
    verdicts,
    ...(suggested ? { suggested } : {}),
  };
}

/** Returns the rate and its upper bound; the bound is 1 without attempts. */
export function computeErrorRate(errors: number, attempts: number): ErrorRate {
  return { errors, attempts, rate: attempts === 0 ? NaN : errors / attempts, upper: findUpperBound(errors, attempts) };
}

/** Finds the rate at which at most this number of errors has a probability of 5 %. */
function findUpperBound(errors: number, attempts: number): number {
  if (errors >= attempts) return 1;
  let low = errors / attempts;
  let high = 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (binomialAtMost(errors, attempts, middle) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}

/** Probability of at most k errors in n attempts at this rate, 0 < rate < 1. */
function binomialAtMost(k: number, n: number, rate: number): number {
  let term = (1 - rate) ** n;
  let sum = term;
  for (let i = 0; i < k; i++) {
    term *= ((n - i) / (i + 1)) * (rate / (1 - rate));
    sum += term;
  }
  return sum;
}

function chooseWorse(a: ErrorRate, b: ErrorRate): ErrorRate {
  if (a.attempts === 0) return b;
  if (b.attempts === 0) return a;
  return b.rate > a.rate ? b : a;
}

function suggestThreshold(verdicts: TrialReport['verdicts']): TrialReport['suggested'] {
  const collectScores = (isLive: boolean): number[] =>
    verdicts.flatMap(({ presentation, score, evidence }) => {
      if ((presentation === 'live') !== isLive || score === undefined) return [];
      // Evidence holds back the verdict `live` whatever the threshold is.
      return [evidence ? -Infinity : score];
    });
  const live = collectScores(true);
  const attacks = collectScores(false);
  if (live.length === 0 || attacks.length === 0) return undefined;
  // Thresholds to try: between any two neighbours, and beyond both ends.
  const all = [...live, ...attacks].filter(Number.isFinite).sort((a, b) => a - b);
  if (all.length === 0) return undefined;
  const [least = 0] = all;
  const between = all.slice(1).map((score, i) => (score + (all[i] ?? score)) / 2);
  const best = [least - 1, ...between, (all.at(-1) ?? least) + 1]
    .map((threshold) => ({
      threshold: Math.round(threshold * 100) / 100,
      apcer: attacks.filter((score) => score >= threshold).length / attacks.length,
      bpcer: live.filter((score) => score < threshold).length / live.length,
    }))
    .reduce((better, one) => {
      const difference = one.apcer + one.bpcer - (better.apcer + better.bpcer);
      // With equal errors, the threshold that lets fewer attacks pass is better.
      return difference < 0 || (difference === 0 && one.apcer < better.apcer) ? one : better;
    });
  return best.apcer + best.bpcer < 1 ? best : undefined;
}
