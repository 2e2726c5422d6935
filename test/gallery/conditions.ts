// Scales and conditions for tests of comparisons.
import { BIAS_LENGTH } from '../../src/domain/bias.js';
import type { FaceCondition } from '../../src/domain/condition.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';

/** The similarity is the corrected cosine in percent. */
export const conditionScales = new SimilarityScales({
  points: [
    { cosine: 0.3, similarity: 30, far: 1e-3 },
    { cosine: 0.5, similarity: 50, far: 1e-4 },
    { cosine: 0.6, similarity: 60, far: 1e-5 },
  ],
  bounds: { bare: 0.4, masked: 0.3 },
});

export const CLEAR: FaceCondition = { recognisability: 0.9, masked: false };
export const WEAK: FaceCondition = { recognisability: 0.5, masked: false };
export const MASKED: FaceCondition = { recognisability: 0.35, masked: true };
export const BLURRED: FaceCondition = { recognisability: 0.1, masked: false };

/** Returns the condition with a bias whose first two values are given. */
export function withBias(condition: FaceCondition, first: number, second = 0): FaceCondition {
  const bias = new Float32Array(BIAS_LENGTH);
  bias.set([first, second]);
  return { ...condition, bias };
}
