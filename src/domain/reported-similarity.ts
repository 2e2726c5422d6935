// The similarity that clients see. Matches are decided by the same rounded number.
import { correctedCosine } from './bias.js';
import type { SimilarityScales } from './similarity-scales.js';
import type { SimilarityScale } from './similarity.js';
import type { Template } from './template.js';

/** Steps per unit: four decimals. */
const STEPS = 1e4;

/** Rounds a similarity, 0..100, to four decimals. Matches are decided by this number, so that answer and decision agree. */
export function roundSimilarity(similarity: number): number {
  return Math.round(similarity * STEPS) / STEPS;
}

/** Returns the reported similarity of a cosine on a scale, 0..100. */
export function reportedSimilarity(scale: SimilarityScale, cosine: number): number {
  return roundSimilarity(scale.fromCosine(cosine));
}

/** Returns the reported similarity of two templates, 0..100; 0 where one of them is not recognisable. */
export function compareTemplates(one: Template, other: Template, scales: SimilarityScales): number {
  if (!scales.isRecognisable(one.condition) || !scales.isRecognisable(other.condition)) return 0;
  return reportedSimilarity(scales.scale, correctedCosine(one, other));
}

/**
 * Returns a cosine that every match at this threshold reaches. It is slightly too low because of rounding: filter the results by the
 * reported similarity.
 */
export function cosineFloor(scale: SimilarityScale, threshold: number): number {
  return threshold <= 0 ? -Infinity : scale.toCosine(threshold - 1 / STEPS);
}
