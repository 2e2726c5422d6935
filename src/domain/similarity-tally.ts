// Counts of many similarities: a histogram, percentiles, and how many reach each of some thresholds.

/** Number of bins: bin 0 holds the similarities from 0 to below 1, the last one those from 99 to 100. */
export const SIMILARITY_BINS = 100;
/** Bins of the percentiles: 0.01 of similarity each. */
const FINE_BINS = 10_000;
export const PERCENTILES = [1, 5, 25, 50, 75, 95, 99] as const;

/** Similarities by percentile, 0..100: `p5` is the least similarity that 5 % of the values do not exceed, to 0.01. */
export type Percentiles = Record<`p${(typeof PERCENTILES)[number]}`, number>;

export class SimilarityTally {
  readonly #fine = new Uint32Array(FINE_BINS);
  readonly #thresholds: readonly number[];
  readonly #reached: number[];
  #count = 0;

  /** @param thresholds similarities, 0..100, that are compared without rounding */
  constructor(thresholds: readonly number[] = []) {
    this.#thresholds = thresholds;
    this.#reached = thresholds.map(() => 0);
  }

  get count(): number {
    return this.#count;
  }

  /** Number of values that reach each threshold, in the order in which the thresholds were given. */
  get reached(): readonly number[] {
    return this.#reached;
  }

  /** @param similarity reported similarity, 0..100 */
  add(similarity: number): void {
    const bin = Math.min(FINE_BINS - 1, Math.floor((similarity * FINE_BINS) / 100));
    this.#fine[bin]!++;
    this.#count++;
    for (let i = 0; i < this.#thresholds.length; i++) if (similarity >= this.#thresholds[i]!) this.#reached[i]!++;
  }

  /** Returns the number of values in each of SIMILARITY_BINS bins. */
  bins(): number[] {
    const width = FINE_BINS / SIMILARITY_BINS;
    return Array.from({ length: SIMILARITY_BINS }, (_, bin) =>
      this.#fine.subarray(bin * width, (bin + 1) * width).reduce((sum, count) => sum + count, 0),
    );
  }

  /** Returns the percentiles; undefined where there is no value. */
  percentiles(): Percentiles | undefined {
    if (this.#count === 0) return undefined;
    return Object.fromEntries(PERCENTILES.map((percent) => [`p${percent}`, this.#percentile(percent)])) as Percentiles;
  }

  #percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let sum = 0;
    const bin = this.#fine.findIndex((count) => (sum += count) >= rank);
    return (bin * 100) / FINE_BINS;
  }
}
