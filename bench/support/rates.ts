// Rates with their confidence bounds: exact binomial bounds, and a bootstrap over people for rates of pairs.
import { findBetaQuantile } from '../../src/domain/binomial.js';
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
  return findBetaQuantile(1 - beyond, hits + 1, trials - hits);
}

/** Returns the lower 95 % confidence bound of a rate by Clopper and Pearson. */
export function lowerBound(hits: number, trials: number, beyond = BEYOND): number {
  if (hits === 0) return 0;
  return findBetaQuantile(beyond, hits, trials - hits + 1);
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
