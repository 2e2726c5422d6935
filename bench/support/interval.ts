// Intervals of a mean and of a median, for benches that measure pairs.

/** A value with its interval, with a confidence of 95 %. */
export interface Interval {
  value: number;
  low: number;
  high: number;
  /** Number of values. */
  pairs: number;
}

/** Share of the probability that may lie outside an interval, both sides together. */
const OUTSIDE = 0.05;

/** Quantiles of Student's t, 97.5 %, by degrees of freedom; between two of them the greater value is taken, beyond the last the last. */
const T_975: readonly (readonly [number, number])[] = [
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [4, 2.776],
  [5, 2.571],
  [6, 2.447],
  [7, 2.365],
  [8, 2.306],
  [9, 2.262],
  [10, 2.228],
  [15, 2.131],
  [20, 2.086],
  [30, 2.042],
  [60, 2.0],
];

/** Returns the mean of values and its interval with a confidence of 95 % (Student's t). @param values at least two */
export function meanInterval(values: readonly number[]): { mean: number; low: number; high: number } {
  if (values.length < 2) throw new TypeError('an interval needs at least two values');
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const error = Math.sqrt(squares / (values.length - 1) / values.length);
  const t = T_975.findLast(([degrees]) => degrees <= values.length - 1)![1];
  return { mean, low: mean - t * error, high: mean + t * error };
}

/**
 * Returns the median of values and its interval by order statistics: the narrowest two values, equally far from both ends, between which the
 * true median lies with a probability of 95 % or more, whatever the distribution is. Fewer than six values cannot give 95 %: their interval is
 * the lowest and the highest value.
 * @param values at least one
 */
export function medianInterval(values: readonly number[]): Interval {
  if (values.length === 0) throw new TypeError('a median needs at least one value');
  if (values.some(Number.isNaN)) return { value: NaN, low: NaN, high: NaN, pairs: values.length };
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  const middle = count >> 1;
  const value = count % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  // The true median lies below the value of rank r (from 0) with the probability that at most r of the values are below the true median.
  let rank = 0;
  // Logarithms, since 0.5 to the power of more than a thousand is no number above zero.
  let logTerm = count * Math.log(0.5);
  let below = Math.exp(logTerm);
  for (let r = 1; r < middle; r++) {
    logTerm += Math.log((count - r + 1) / r);
    below += Math.exp(logTerm);
    if (2 * below > OUTSIDE) break;
    rank = r;
  }
  return { value, low: sorted[rank]!, high: sorted[count - 1 - rank]!, pairs: count };
}
