// Error rates by group of people, on made-up similarities.
import { describe, expect, it } from 'vitest';
import {
  compareGroups,
  measureFalseMatches,
  measureFalseNonMatches,
  type ComparedPerson,
} from '../../bench/support/groups-of-people.js';

/** 40 people, every second one in `even`. The first four people of `even` are alike; person 1 does not match their own second photo. */
const people = Array.from({ length: 40 }, (_, i): ComparedPerson => {
  const isAlike = (person: number): boolean => person < 8 && person % 2 === 0;
  return {
    groups: new Set(i % 2 === 0 ? ['all', 'even'] : ['all']),
    similarities: Array.from({ length: 40 }, (_, j) => (isAlike(i) && isAlike(j) ? [95, 85, 85, 20] : [1, 2, 3, 4])),
    own: i === 1 ? 50 : 99,
  };
});

describe('measureFalseMatches', () => {
  it('counts the pairs of different people within the group', () => {
    expect(measureFalseMatches(people, 'even', 90)).toMatchObject({ hits: 6, trials: 4 * 190 });
    expect(measureFalseMatches(people, 'even', 80)).toMatchObject({ hits: 18, trials: 4 * 190 });
    expect(measureFalseMatches(people, 'all', 90)).toMatchObject({ hits: 6, trials: 4 * 780 });
  });

  it('has an interval that is wide, because few people have all the hits', () => {
    const { rate, low, high } = measureFalseMatches(people, 'even', 90);
    expect(low).toBeLessThan(rate / 4);
    expect(high).toBeGreaterThan(2 * rate);
  });

  it('does not take no hits for certainty', () => {
    expect(measureFalseMatches(people, 'even', 96)).toMatchObject({ hits: 0, rate: 0, low: 0 });
    // (1 - p)^190 = 0.025
    expect(measureFalseMatches(people, 'even', 96).high).toBeCloseTo(1 - 0.025 ** (1 / 190), 6);
  });
});

describe('measureFalseNonMatches', () => {
  it('counts the people whose own photos do not match', () => {
    expect(measureFalseNonMatches(people, 'all', 80)).toMatchObject({ hits: 1, trials: 40, rate: 1 / 40 });
    expect(measureFalseNonMatches(people, 'even', 80).hits).toBe(0);
  });
});

describe('compareGroups', () => {
  it('finds how much more often strangers of a group match', () => {
    const { ratio, low, high } = compareGroups(people, 'even', 'all', 80);
    expect(ratio).toBeCloseTo(780 / 190, 6);
    expect(low).toBeLessThanOrEqual(ratio);
    expect(high).toBeGreaterThanOrEqual(ratio);
  });
});
