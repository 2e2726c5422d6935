// A histogram of a tensor's values, and the range whose 8 bits represent them best.
import { computeScale, type Range } from './layers.js';

const BINS = 2048;
/** Smallest share of the whole range that is tried, and the step between two shares. */
const LEAST_SHARE = 0.3;
const SHARE_STEP = 0.02;

export class Histogram {
  readonly #least: number;
  /** Width of a bin. */
  readonly #width: number;
  readonly #counts = new Float64Array(BINS);

  /** @param range least and greatest value that will be added */
  constructor([least, greatest]: Range) {
    this.#least = least;
    this.#width = Math.max(greatest - least, 1e-12) / BINS;
  }

  add(data: Float32Array): void {
    for (const value of data) {
      const bin = Math.floor((value - this.#least) / this.#width);
      this.#counts[Math.max(0, Math.min(BINS - 1, bin))]!++;
    }
  }

  /** Cuts both tails off step by step, and returns the range whose 8 bits have the least mean square error. */
  findBestRange(): Range {
    const greatest = this.#least + this.#width * BINS;
    let best: Range = [this.#least, greatest];
    let leastError = Infinity;
    for (let share = 1; share >= LEAST_SHARE; share -= SHARE_STEP) {
      const range: Range = [this.#least * share, greatest * share];
      const error = this.#sumErrors(range);
      if (error < leastError) [leastError, best] = [error, range];
    }
    return best;
  }

  /** Sums the squared errors of rounding to 256 steps inside the range, and of cutting off outside. */
  #sumErrors(range: Range): number {
    const { scale } = computeScale(range, 'uint8');
    const [from, to] = [Math.min(0, range[0]), Math.max(0, range[1])];
    let sum = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#counts[bin]!;
      if (count === 0) continue;
      const value = this.#least + (bin + 0.5) * this.#width;
      const beyond = value < from ? from - value : value > to ? value - to : 0;
      sum += count * (beyond > 0 ? beyond ** 2 : scale ** 2 / 12);
    }
    return sum;
  }
}
