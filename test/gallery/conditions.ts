// Scales and conditions for tests of comparisons: each pair of classes has its scale, and weak faces have none with masked ones.
import type { ConditionClass, FaceCondition } from '../../src/domain/condition.js';
import { SimilarityScales, type ScalePoint } from '../../src/domain/similarity-scales.js';

/** Points of which the similarity is the cosine in percent, less `harder` hundredths. */
function makePoints(harder: number): ScalePoint[] {
  return [
    { cosine: 0.3 + harder, similarity: 30, far: 1e-3 },
    { cosine: 0.5 + harder, similarity: 50, far: 1e-4 },
    { cosine: 0.6 + harder, similarity: 60, far: 1e-5 },
  ];
}

function pair(one: ConditionClass, other: ConditionClass, harder: number) {
  return { classes: [one, other] as const, points: makePoints(harder) };
}

/** A clear pair needs the least cosine, except for two weak faces, which need less still. */
export const conditionScales = new SimilarityScales({
  points: makePoints(0),
  byCondition: {
    bounds: { least: 0.4, clear: 0.8, masked: 0.3 },
    pairs: [
      pair('clear', 'weak', 0.1),
      pair('weak', 'weak', -0.1),
      pair('clear', 'masked', 0.2),
      pair('masked', 'masked', 0.3),
    ],
  },
});

export const CLEAR: FaceCondition = { recognisability: 0.9, masked: false };
export const WEAK: FaceCondition = { recognisability: 0.5, masked: false };
export const MASKED: FaceCondition = { recognisability: 0.5, masked: true };
export const BLURRED: FaceCondition = { recognisability: 0.1, masked: false };
