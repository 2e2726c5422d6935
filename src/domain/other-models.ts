// Model versions that are installed beside the one in use: groups that were made under them keep working.
import type { FalseAcceptCurve } from './false-accept.js';
import type { SimilarityScale } from './similarity.js';

/** Meaning of the cosines of one model version. */
export interface ModelScales {
  scale: SimilarityScale;
  falseAccepts: FalseAcceptCurve;
}

/** Scales by model version, without the one in use. */
export type OtherModels = ReadonlyMap<string, ModelScales>;
