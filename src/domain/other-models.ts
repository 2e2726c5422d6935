// Model versions that are installed beside the one in use: groups that were made under them keep working.
import type { FaceCondition } from './condition.js';
import type { SimilarityScales } from './similarity-scales.js';

/** Meaning of the cosines of one model version. */
export interface ModelScales {
  scales: SimilarityScales;
  /** Computes the condition of a face that was stored without one; absent where the embedder has no measure of it. */
  estimateCondition?: ((embedding: Float32Array) => FaceCondition) | undefined;
}

/** Scales by model version, without the one in use. */
export type OtherModels = ReadonlyMap<string, ModelScales>;
