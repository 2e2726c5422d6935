// A trial of liveness at one camera: attempts of live people, prints and screens in, error rates out (ISO/IEC 30107-3).
import { fuseLiveness, type LivenessSample, type LivenessVerdict } from './liveness.js';

/** What is held before the camera: a living person (bona fide), or one of two kinds of attack. */
export const PRESENTATIONS = ['live', 'print', 'screen'] as const;

export type Presentation = (typeof PRESENTATIONS)[number];

export interface Attempt {
  presentation: Presentation;
  /** Of the frames in which exactly one face was fit, in the order of capture. */
  samples: readonly LivenessSample[];
}

export interface Rate {
  errors: number;
  attempts: number;
  /** errors / attempts; NaN without attempts. */
  rate: number;
  /** With a confidence of 95 % the true rate is not above this (Clopper and Pearson, one-sided). */
  upper: number;
}

export interface TrialReport {
  threshold: number;
  /** Attacks that were taken for live, of each kind of attack and of the worse of them: APCER. */
  apcer: { print: Rate; screen: Rate; worst: Rate };
  /** Live attempts that were not taken for live (spoof, unsure, or no face): BPCER. */
  bpcer: Rate;
  verdicts: { presentation: Presentation; verdict: LivenessVerdict; score?: number; frames: number }[];
  /**
   * The threshold with the fewest errors in this trial, in the middle of its gap; absent without scores of both sorts, and where none does
   * better than to take everybody for the same.
   */
  suggested?: { threshold: number; apcer: number; bpcer: number };
}

/** @param threshold from which a score is that of a live face */
export function judgeTrial(attempts: readonly Attempt[], threshold: number): TrialReport {
  const verdicts = attempts.map(({ presentation, samples }) => {
    const { verdict, score } = fuseLiveness(samples, { threshold, isSuspect: false });
    return { presentation, verdict, ...(score === undefined ? {} : { score }), frames: samples.length };
  });
  const count = (presentation: Presentation, isError: (verdict: LivenessVerdict) => boolean): Rate => {
    const of = verdicts.filter((one) => one.presentation === presentation);
    return rateOf(of.filter(({ verdict }) => isError(verdict)).length, of.length);
  };
  const print = count('print', (verdict) => verdict === 'live');
  const screen = count('screen', (verdict) => verdict === 'live');
  const suggested = suggestThreshold(verdicts);
  return {
    threshold,
    apcer: { print, screen, worst: worse(print, screen) },
    bpcer: count('live', (verdict) => verdict !== 'live'),
    verdicts,
    ...(suggested ? { suggested } : {}),
  };
}

/** @returns the rate and its bound; without attempts nothing is known, and the bound is 1 */
export function rateOf(errors: number, attempts: number): Rate {
  return { errors, attempts, rate: attempts === 0 ? NaN : errors / attempts, upper: upperBound(errors, attempts) };
}

/** The rate at which so few errors would come up in 5 % of such trials. */
function upperBound(errors: number, attempts: number): number {
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

function worse(a: Rate, b: Rate): Rate {
  if (a.attempts === 0) return b;
  if (b.attempts === 0) return a;
  return b.rate > a.rate ? b : a;
}

function suggestThreshold(verdicts: TrialReport['verdicts']): TrialReport['suggested'] {
  const scores = (isLive: boolean): number[] =>
    verdicts.flatMap(({ presentation, score }) =>
      (presentation === 'live') === isLive && score !== undefined ? [score] : [],
    );
  const live = scores(true);
  const attacks = scores(false);
  if (live.length === 0 || attacks.length === 0) return undefined;
  const all = [...live, ...attacks].sort((a, b) => a - b);
  // Between each two neighbours, and beyond both ends.
  const candidates = [all[0] - 1, ...all.slice(1).map((score, i) => (score + all[i]) / 2), all[all.length - 1] + 1];
  const best = candidates
    .map((threshold) => ({
      threshold: Math.round(threshold * 100) / 100,
      apcer: attacks.filter((score) => score >= threshold).length / attacks.length,
      bpcer: live.filter((score) => score < threshold).length / live.length,
    }))
    .reduce((least, one) => {
      const errors = one.apcer + one.bpcer - (least.apcer + least.bpcer);
      // Of two that err as often, the one that lets fewer attacks through.
      return errors < 0 || (errors === 0 && one.apcer < least.apcer) ? one : least;
    });
  return best.apcer + best.bpcer < 1 ? best : undefined;
}
