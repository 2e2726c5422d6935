// The model versions that are at hand beside the one in use: groups that were made under them go on working.
import type { FalseAcceptCurve } from './false-accept.js';
import type { SimilarityScale } from './similarity.js';

/** What the cosines of one model version mean. */
export interface ModelScales {
  scale: SimilarityScale;
  falseAccepts: FalseAcceptCurve;
}

/** By model version, without the one in use. */
export type OtherModels = ReadonlyMap<string, ModelScales>;
