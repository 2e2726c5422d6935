// Scales of a model version for tests, from the points of two clear faces.
import type { ModelScales } from '../../src/domain/other-models.js';
import { SimilarityScales, type ScalePoint } from '../../src/domain/similarity-scales.js';

/** Creates scales without conditions: every face counts as clear. */
export function createModelScales(points: readonly ScalePoint[]): ModelScales {
  return { scales: new SimilarityScales({ points }) };
}
