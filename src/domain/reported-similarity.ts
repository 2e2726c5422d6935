// Similarity as clients see it, and matches decided by exactly what they see.
import type { SimilarityScale } from './similarity.js';

/** Four decimals. */
const STEPS = 1e4;

/** 0..100 of four decimals; `reportedSimilarity >= threshold` is the decision, so that answer and decision never differ. */
export function reportedSimilarity(scale: SimilarityScale, cosine: number): number {
  return Math.round(scale.fromCosine(cosine) * STEPS) / STEPS;
}

/** A cosine that every match at this threshold reaches; a little low, so that rounding loses none: filter by what is reported. */
export function cosineFloor(scale: SimilarityScale, threshold: number): number {
  return scale.toCosine(threshold - 1 / STEPS);
}
