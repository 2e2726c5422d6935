// The uncertainty of a share that was counted: the interval of Clopper and Pearson.

/** A share that was counted, with the interval that holds the true share with a confidence of 95 %. */
export interface CountedShare {
  /** Number of trials that count. */
  count: number;
  /** Number of all trials. */
  trials: number;
  /** Lower end of the interval, 0..1. */
  low: number;
  /** Upper end of the interval, 0..1. */
  high: number;
}

/** Number of halvings of a bisection: 2^-60 is below the resolution of a double near 1. */
const HALVINGS = 60;
/** Share of both tails outside the interval. */
const OUTSIDE = 0.05;

/**
 * Returns the interval of Clopper and Pearson (Biometrika 26, 1934) with a confidence of at least 95 %, whatever the true share is. Without
 * trials it is 0 to 1. It counts the trials as independent.
 * @throws TypeError when the count is not a whole number from 0 to `trials`
 */
export function countShare(count: number, trials: number): CountedShare {
  if (!Number.isInteger(count) || !Number.isInteger(trials) || count < 0 || count > trials) {
    throw new TypeError(`${count} of ${trials} is no share`);
  }
  const tail = OUTSIDE / 2;
  return {
    count,
    trials,
    low: count === 0 ? 0 : findBetaQuantile(tail, count, trials - count + 1),
    high: count === trials ? 1 : findBetaQuantile(1 - tail, count + 1, trials - count),
  };
}

/**
 * Returns the quantile of the beta distribution with the parameters a and b, 0..1. Its logarithm is halved, since shares of 1e-6 and less are of
 * interest.
 * @param probability 0..1
 */
export function findBetaQuantile(probability: number, a: number, b: number): number {
  let low = -60;
  let high = 0;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(Math.exp(middle), a, b) < probability) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** Returns the regularised incomplete beta function: the share of the beta distribution below x. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  // The continued fraction converges quickly on this side of the mean only.
  return x < (a + 1) / (a + b + 2)
    ? (front * continueFraction(x, a, b)) / a
    : 1 - (front * continueFraction(1 - x, b, a)) / b;
}

/** Evaluates the continued fraction of the incomplete beta function (DLMF 8.17.22) by the method of Lentz. */
function continueFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const avoidZero = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / avoidZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  // It needs about as many steps as the root of the larger parameter.
  for (let m = 1; m <= 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / avoidZero(1 + even * d);
    c = avoidZero(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / avoidZero(1 + odd * d);
    c = avoidZero(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return fraction;
}

/** Returns log(gamma(x)) for x >= 1 by the series of Stirling (DLMF 5.11.1), after x was raised to where that is exact to 1e-15. */
function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 15; at++) shift -= Math.log(at);
  const inverse = 1 / (at * at);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / at;
  return shift + (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series;
}
