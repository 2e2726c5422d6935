// The similarity that clients see. Matches are decided by the same rounded number.
import { cosine } from './embedding.js';
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

/** Returns the scale of two templates; undefined where they never match: one of them is not recognisable. */
export function findPairScale(
  one: Omit<Template, 'embedding'>,
  other: Omit<Template, 'embedding'>,
  scales: SimilarityScales,
): SimilarityScale | undefined {
  return scales.between(scales.classify(one.condition), scales.classify(other.condition));
}

/** Returns the reported similarity of two templates, 0..100; 0 where they never match. */
export function compareTemplates(one: Template, other: Template, scales: SimilarityScales): number {
  const scale = findPairScale(one, other, scales);
  return scale ? reportedSimilarity(scale, cosine(one.embedding, other.embedding)) : 0;
}

/**
 * Returns a cosine that every match at this threshold reaches. It is slightly too low because of rounding: filter the results by the
 * reported similarity.
 */
export function cosineFloor(scale: SimilarityScale, threshold: number): number {
  return threshold <= 0 ? -1 : scale.toCosine(threshold - 1 / STEPS);
}
