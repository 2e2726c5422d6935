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

/** Computes the condition from the L2-normalised embedding alone, so that it can be computed for stored embeddings as well. */
export class ConditionHead {
  readonly dimensions: number;
  readonly #hidden: Float32Array;
  readonly #weights: ConditionWeights;

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
    this.#hidden = Float32Array.from(hidden.flat());
    this.#weights = weights;
  }

  /**
   * Measures the condition of a face.
   * @param embedding L2-normalised, `dimensions` floats
   * @throws TypeError for another number of dimensions
   */
  measure(embedding: Float32Array): FaceCondition {
    const { dimensions } = this;
    const { hiddenBias, output, outputBias } = this.#weights;
    if (embedding.length !== dimensions) {
      throw new TypeError(`the embedding has ${embedding.length} dimensions, and the head expects ${dimensions}`);
    }
    const values = Float64Array.from(outputBias);
    for (let unit = 0; unit < hiddenBias.length; unit++) {
      let sum = hiddenBias[unit]!;
      const at = unit * dimensions;
      for (let i = 0; i < dimensions; i++) sum += this.#hidden[at + i]! * embedding[i]!;
      if (sum <= 0) continue;
      for (let j = 0; j < values.length; j++) values[j]! += output[j]![unit]! * sum;
    }
    const bias = new Float32Array(BIAS_LENGTH);
    values.subarray(2).forEach((value, i) => (bias[i] = Math.max(0, value)));
    const condition = { recognisability: 1 / (1 + Math.exp(-values[0]!)), masked: false, bias };
    return values[1]! > 0 ? markMasked(condition) : condition;
  }
}
