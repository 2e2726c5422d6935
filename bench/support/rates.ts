// Rates with their confidence bounds: exact binomial bounds, and a bootstrap over people for rates of pairs.
import { seededRandom } from '../../tools/rendered-people/random.js';

/** Share of the probability that lies beyond a one-sided bound. */
const BEYOND = 0.05;
const RESAMPLES = 400;

/**
 * Returns the upper 95 % confidence bound of a rate by Clopper and Pearson: the rate at which so few hits have a probability of 5 %. It takes
 * trials as independent. Pairs of faces are not, because each face is part of many pairs: `bootstrapBound` allows for that.
 */
export function upperBound(hits: number, trials: number, beyond = BEYOND): number {
  if (trials === 0 || hits >= trials) return 1;
  return findRoot((rate) => betaShare(rate, hits + 1, trials - hits) - (1 - beyond));
}

/** Returns the lower 95 % confidence bound of a rate by Clopper and Pearson. */
export function lowerBound(hits: number, trials: number, beyond = BEYOND): number {
  if (hits === 0) return 0;
  return findRoot((rate) => betaShare(rate, hits, trials - hits + 1) - beyond);
}

/** Finds where a rising function of 0..1 crosses 0. */
function findRoot(rising: (x: number) => number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (rising(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Returns the regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz's method). */
export function betaShare(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast below the mean; beyond it the mirrored function is computed.
  if (x > (a + 1) / (a + b + 2)) return 1 - betaShare(1 - x, b, a);
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a;
  const keep = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1;
  let d = 1 / keep(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / keep(1 + even * d);
    c = keep(1 + even / c);
    fraction *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / keep(1 + odd * d);
    c = keep(1 + odd / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-12) break;
  }
  return front * fraction;
}

/** Returns log(gamma(x)) for x > 0, by Stirling's series; small x are shifted up first. */
function logGamma(x: number): number {
  if (x < 10) return logGamma(x + 1) - Math.log(x);
  return (
    (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5)
  );
}

/** Pairs of different people that were accepted, out of all pairs between two lists of faces. */
export interface PairHits {
  /** Persons of the accepted pairs, as numbers from 0. */
  hits: readonly (readonly [person: number, other: number])[];
  /** Number of faces of each person on each side. */
  probes: ArrayLike<number>;
  gallery: ArrayLike<number>;
  /** True where both sides are the same list, so that each pair is counted once. */
  among: boolean;
}

/**
 * Returns an upper 95 % confidence bound of the rate by a bootstrap over people: people are drawn with replacement, with all their faces, and
 * the rate is computed again. Never below the exact bound that takes pairs as independent, which also serves where there are no hits.
 */
export function bootstrapBound({ hits, probes, gallery, among }: PairHits): number {
  const people = probes.length;
  const weights = new Float64Array(people);
  const countPairs = (): number => {
    let [left, right, same] = [0, 0, 0];
    for (let i = 0; i < people; i++) {
      left += weights[i]! * probes[i]!;
      right += weights[i]! * gallery[i]!;
      same += weights[i]! ** 2 * probes[i]! * gallery[i]!;
    }
    return (left * right - same) / (among ? 2 : 1);
  };
  weights.fill(1);
  const exact = upperBound(hits.length, countPairs());
  if (hits.length === 0) return exact;
  const random = seededRandom(hits.length, 51);
  const rates = new Float64Array(RESAMPLES);
  for (let round = 0; round < RESAMPLES; round++) {
    weights.fill(0);
    for (let i = 0; i < people; i++) weights[Math.floor(random() * people)]!++;
    let sum = 0;
    for (const [person, other] of hits) sum += weights[person]! * weights[other]!;
    rates[round] = sum / Math.max(1, countPairs());
  }
  return Math.max(exact, rates.sort()[Math.ceil((1 - BEYOND) * RESAMPLES) - 1]!);
}
