// The head that reads the condition of a face from its embedding: a small network, trained by tools/train/condition.py.
import { BIAS_LENGTH, markMasked } from './bias.js';
import type { FaceCondition } from './condition.js';

/** Weights of the head: one hidden layer with ReLU, and 1 + BIAS_LENGTH outputs. */
export interface ConditionWeights {
  /** One row of `dimensions` weights for each hidden unit. */
  hidden: readonly (readonly number[])[];
  hiddenBias: readonly number[];
  /** Rows of one weight for each hidden unit: the logits of the recognisability and of the mask, then the values of the bias but its last. */
  output: readonly (readonly number[])[];
  outputBias: readonly number[];
}

/**
 * Hidden units that are summed up side by side. A sum waits for its last addition before the next one: one unit after the other took 11 us for
 * 64 units of 128 weights, eight at once take 5 us, with the same results to the bit (AMD EPYC, November 2026).
 */
const UNITS_AT_ONCE = 8;

/** Computes the condition from the L2-normalised embedding alone, so that it can be computed for stored embeddings as well. */
export class ConditionHead {
  readonly dimensions: number;
  /** Weights of the hidden units, rounded to float32: for each UNITS_AT_ONCE units, those of the first dimension, then of the second one. */
  readonly #hidden: Float64Array;
  /** As many numbers as there are hidden units, those that fill up the last UNITS_AT_ONCE included. */
  readonly #hiddenBias: Float64Array;
  /** Weights of the output: for each hidden unit, one for each output. */
  readonly #output: Float64Array;
  readonly #outputBias: Float64Array;
  /** Sums of the hidden units, used again by each measurement. */
  readonly #sums: Float64Array;

  /** @throws TypeError when the sizes of the layers do not fit together, or a weight is not finite */
  constructor(weights: ConditionWeights) {
    const { hidden, hiddenBias, output, outputBias } = weights;
    const dimensions = hidden[0]?.length ?? 0;
    const isFit =
      dimensions > 0 &&
      hidden.every((row) => row.length === dimensions) &&
      hiddenBias.length === hidden.length &&
      output.length === 1 + BIAS_LENGTH &&
      output.every((row) => row.length === hidden.length) &&
      outputBias.length === output.length;
    const numbers = [...hidden.flat(), ...hiddenBias, ...output.flat(), ...outputBias];
    if (!isFit || !numbers.every(Number.isFinite)) throw new TypeError('the layers of a condition head do not fit');
    this.dimensions = dimensions;
    const units = Math.ceil(hidden.length / UNITS_AT_ONCE) * UNITS_AT_ONCE;
    this.#hidden = new Float64Array(units * dimensions);
    hidden.forEach((row, unit) => {
      const at = Math.floor(unit / UNITS_AT_ONCE) * UNITS_AT_ONCE * dimensions + (unit % UNITS_AT_ONCE);
      row.forEach((weight, i) => (this.#hidden[at + i * UNITS_AT_ONCE] = Math.fround(weight)));
    });
    this.#hiddenBias = new Float64Array(units);
    this.#hiddenBias.set(hiddenBias);
    this.#output = Float64Array.from(hiddenBias.flatMap((_, unit) => output.map((row) => row[unit]!)));
    this.#outputBias = Float64Array.from(outputBias);
    this.#sums = new Float64Array(units);
  }

  /**
   * Measures the condition of a face.
   * @param embedding L2-normalised, `dimensions` floats
   * @throws TypeError for another number of dimensions
   */
  measure(embedding: Float32Array): FaceCondition {
    const { dimensions } = this;
    if (embedding.length !== dimensions) {
      throw new TypeError(`the embedding has ${embedding.length} dimensions, and the head expects ${dimensions}`);
    }
    this.#sumUp(embedding);
    const sums = this.#sums;
    const output = this.#output;
    const values = this.#outputBias.slice();
    for (let unit = 0, at = 0; at < output.length; unit++, at += values.length) {
      const sum = sums[unit]!;
      if (sum <= 0) continue;
      for (let j = 0; j < values.length; j++) values[j]! += output[at + j]! * sum;
    }
    const bias = new Float32Array(BIAS_LENGTH);
    values.subarray(2).forEach((value, i) => (bias[i] = Math.max(0, value)));
    const condition = { recognisability: 1 / (1 + Math.exp(-values[0]!)), masked: false, bias };
    return values[1]! > 0 ? markMasked(condition) : condition;
  }

  /** Writes the sums of the hidden units into `#sums`. */
  #sumUp(embedding: Float32Array): void {
    const { dimensions } = this;
    const sums = this.#sums;
    const weights = this.#hidden;
    const bias = this.#hiddenBias;
    for (let unit = 0; unit < sums.length; unit += UNITS_AT_ONCE) {
      let at = unit * dimensions;
      let sum0 = bias[unit]!;
      let sum1 = bias[unit + 1]!;
      let sum2 = bias[unit + 2]!;
      let sum3 = bias[unit + 3]!;
      let sum4 = bias[unit + 4]!;
      let sum5 = bias[unit + 5]!;
      let sum6 = bias[unit + 6]!;
      let sum7 = bias[unit + 7]!;
      for (let i = 0; i < dimensions; i++, at += UNITS_AT_ONCE) {
        const value = embedding[i]!;
        sum0 += weights[at]! * value;
        sum1 += weights[at + 1]! * value;
        sum2 += weights[at + 2]! * value;
        sum3 += weights[at + 3]! * value;
        sum4 += weights[at + 4]! * value;
        sum5 += weights[at + 5]! * value;
        sum6 += weights[at + 6]! * value;
        sum7 += weights[at + 7]! * value;
      }
      sums[unit] = sum0;
      sums[unit + 1] = sum1;
      sums[unit + 2] = sum2;
      sums[unit + 3] = sum3;
      sums[unit + 4] = sum4;
      sums[unit + 5] = sum5;
      sums[unit + 6] = sum6;
      sums[unit + 7] = sum7;
    }
  }
}
