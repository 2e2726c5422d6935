// The similarity that clients see. Matches are decided by the same rounded number.
import type { SimilarityScale } from './similarity.js';

/** Steps per unit: four decimals. */
const STEPS = 1e4;

/** Returns the similarity of a cosine, 0..100 with four decimals. Matches are decided by this number, so that answer and decision agree. */
export function reportedSimilarity(scale: SimilarityScale, cosine: number): number {
  return Math.round(scale.fromCosine(cosine) * STEPS) / STEPS;
}

/**
 * Returns a cosine that every match at this threshold reaches. It is slightly too low because of rounding: filter the results by the
 * reported similarity.
 */
export function cosineFloor(scale: SimilarityScale, threshold: number): number {
  return scale.toCosine(threshold - 1 / STEPS);
}
