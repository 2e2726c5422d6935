// Error rates by group of people: false matches within a group, false non-matches of its people, and their confidence intervals.
import { seededRandom } from '../../tools/rendered-people/random.js';
import { lowerBound, upperBound } from './rates.js';

/** Probability that a 95 % interval leaves out on each side. */
const BEYOND = 0.025;
const RESAMPLES = 1000;

/** A person with the similarity of each photo to each photo of everybody: `similarities[other][k]`, 0..100, over all pairs of their photos. */
export interface ComparedPerson {
  groups: ReadonlySet<string>;
  similarities: readonly (readonly number[])[];
  /** Similarity of the person's own two photos. */
  own: number;
}

export interface RateWithInterval {
  hits: number;
  trials: number;
  rate: number;
  low: number;
  high: number;
}

/**
 * Computes the share of the pairs of different people of a group that match. The interval is the wider one of two on each side: a bootstrap over
 * people, and the exact one that takes all pairs of photos of two people as one trial, because they are alike.
 */
export function measureFalseMatches(
  people: readonly ComparedPerson[],
  group: string,
  threshold: number,
): RateWithInterval {
  const members = listMembers(people, group);
  const { hits, trials, perPair } = countMatches(people, members, threshold);
  const rates = resample(people, group).map((drawn) => {
    const counted = countMatches(people, drawn, threshold);
    return counted.hits / Math.max(1, counted.trials);
  });
  const exact = [hits / perPair, trials / perPair] as const;
  return {
    hits,
    trials,
    rate: hits / Math.max(1, trials),
    low: Math.min(lowerBound(...exact, BEYOND), quantile(rates, BEYOND)),
    high: Math.max(upperBound(...exact, BEYOND), quantile(rates, 1 - BEYOND)),
  };
}

/** Computes the share of the people of a group whose own two photos do not match, with its exact interval. */
export function measureFalseNonMatches(
  people: readonly ComparedPerson[],
  group: string,
  threshold: number,
): RateWithInterval {
  const members = listMembers(people, group);
  const hits = members.filter((person) => people[person]!.own < threshold).length;
  const trials = members.length;
  const interval = { low: lowerBound(hits, trials, BEYOND), high: upperBound(hits, trials, BEYOND) };
  return { hits, trials, rate: hits / trials, ...interval };
}

/** Computes how many times as often strangers of a group match as strangers of another one, with a bootstrap over people. */
export function compareGroups(
  people: readonly ComparedPerson[],
  group: string,
  other: string,
  threshold: number,
): { ratio: number; low: number; high: number } {
  const ratio = (drawn: readonly number[]): number => {
    const rate = (name: string): number => {
      const members = drawn.filter((person) => people[person]!.groups.has(name));
      const { hits, trials } = countMatches(people, members, threshold);
      return hits / Math.max(1, trials);
    };
    return rate(group) / Math.max(1e-9, rate(other));
  };
  const ratios = resample(people, other).map(ratio);
  return {
    ratio: ratio(listMembers(people, other)),
    low: quantile(ratios, BEYOND),
    high: quantile(ratios, 1 - BEYOND),
  };
}

function listMembers(people: readonly ComparedPerson[], group: string): number[] {
  return people.flatMap(({ groups }, i) => (groups.has(group) ? [i] : []));
}

/** Counts the pairs of different people among these, of whom some may be drawn several times. */
function countMatches(
  people: readonly ComparedPerson[],
  members: readonly number[],
  threshold: number,
): { hits: number; trials: number; perPair: number } {
  let hits = 0;
  let trials = 0;
  let perPair = 1;
  members.forEach((person, i) => {
    for (const other of members.slice(i + 1)) {
      if (other === person) continue;
      const similarities = people[person]!.similarities[other]!;
      perPair = similarities.length;
      trials += similarities.length;
      for (const similarity of similarities) if (similarity >= threshold) hits++;
    }
  });
  return { hits, trials, perPair };
}

/** Draws the people of a group with replacement, many times. */
function resample(people: readonly ComparedPerson[], group: string): number[][] {
  const members = listMembers(people, group);
  const random = seededRandom(members.length, 61);
  const draw = (): number => members[Math.floor(random() * members.length)]!;
  return Array.from({ length: RESAMPLES }, () => members.map(draw));
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
