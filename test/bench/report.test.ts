// Results of benches: bounds with and without an interval, ratios of pairs, and the table.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { pairedRatio, printResults, result, resultWithInterval, type Bound } from '../../bench/support/report.js';

afterEach(() => vi.restoreAllMocks());

describe('a bound', () => {
  it.each<{ value: number; bound: Bound; holds: boolean }>([
    { value: 1, bound: ['<=', 1], holds: true },
    { value: 1.01, bound: ['<=', 1], holds: false },
    { value: 1, bound: ['<', 1], holds: false },
    { value: 1, bound: ['>=', 1], holds: true },
    { value: 0.99, bound: ['>=', 1], holds: false },
    { value: NaN, bound: ['<=', 1], holds: false },
    { value: NaN, bound: ['>=', 1], holds: false },
  ])('$bound of the value $value: $holds', ({ value, bound, holds }) => {
    expect(result('id', value, 'ms', bound)).toEqual({ id: 'id', value, unit: 'ms', bound: bound.join(' '), holds });
  });

  it.each<{ low: number; value: number; high: number; bound: Bound; holds: boolean }>([
    { low: 0.7, value: 0.75, high: 0.79, bound: ['<=', 0.8], holds: true },
    { low: 0.7, value: 0.85, high: 0.9, bound: ['<=', 0.8], holds: true },
    { low: 0.81, value: 0.85, high: 0.9, bound: ['<=', 0.8], holds: false },
    { low: 0.8, value: 0.85, high: 0.9, bound: ['<', 0.8], holds: false },
    { low: 2.3, value: 2.4, high: 2.6, bound: ['>=', 2.5], holds: true },
    { low: 2.3, value: 2.4, high: 2.45, bound: ['>=', 2.5], holds: false },
    { low: NaN, value: NaN, high: NaN, bound: ['<=', 1], holds: false },
  ])('$bound is broken only where the whole interval $low to $high is beyond it', ({ bound, holds, ...interval }) => {
    const made = resultWithInterval('id', { ...interval, pairs: 9 }, 'ratio', bound);
    expect(made).toEqual({ id: 'id', unit: 'ratio', bound: bound.join(' '), holds, pairs: 9, ...interval });
  });

  it('is not needed', () => {
    expect(resultWithInterval('id', { value: 2, low: 1, high: 3, pairs: 7 }, 'ms')).toMatchObject({
      bound: '',
      holds: true,
    });
  });
});

it('a ratio of pairs is the median of the ratios, not the ratio of the medians', () => {
  const pairs = [
    { a: 1, b: 2 },
    { a: 20, b: 10 },
    { a: 3, b: 1 },
  ];
  expect(pairedRatio('id', pairs, 'of bare', ['<=', 0.4])).toEqual({
    ...{ id: 'id', value: 2, low: 0.5, high: 3, pairs: 3, unit: 'of bare', bound: '<= 0.4', holds: false },
  });
});

it('the table shows intervals, and whether a bound is kept', () => {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  const unsure = { value: 0.9, low: 0.7, high: 1, pairs: 12 };
  printResults([
    result('plain', 150, 'ms'),
    result('kept', 1, 'ms', ['<=', 1]),
    result('broken', 2, 'ms', ['<=', 1]),
    resultWithInterval('doubtful', unsure, 'ratio', ['<=', 0.8]),
    { ...result('special', 3, 'ratio'), bound: 'from <= 1 or to <= 1.05' },
  ]);
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ['id', 'value', 'interval', 'unit', 'bound', 'holds'],
    ['plain', '150', 'ms'],
    ['kept', '1.000', 'ms', '<= 1', 'yes'],
    ['broken', '2.000', 'ms', '<= 1', 'NO'],
    ['doubtful', '0.900', '0.700 to 1.000 (12)', 'ratio', '<= 0.8', 'unsure'],
    ['special', '3.000', 'ratio', 'from <= 1 or to <= 1.05', 'yes'],
  ]);
});
