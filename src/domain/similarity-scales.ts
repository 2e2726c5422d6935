// What the comparisons of one embedder mean: the scale from corrected cosines to similarities, and which faces may match at all.
import { isRecognisable, type FaceCondition, type RecognisabilityBounds } from './condition.js';
import { FalseAcceptCurve, type FalseAcceptPoint } from './false-accept.js';
import { SimilarityScale, type CalibrationPoint } from './similarity.js';

/** A measured operating point: a corrected cosine, its similarity (0..100) and its false accept rate (0..1). */
export type ScalePoint = CalibrationPoint & FalseAcceptPoint;

export interface SimilarityScalesOptions {
  points: readonly ScalePoint[];
  /** Absent for an embedder without a condition head: then every face may match. */
  bounds?: RecognisabilityBounds | undefined;
  /**
   * Safety factor on the false accept rates, at least 1: people of one group are more alike than all people are, so the points are moved to
   * the cosines that have this much lower a rate.
   */
  groupFactor?: number | undefined;
}

export class SimilarityScales {
  readonly scale: SimilarityScale;
  readonly falseAccepts: FalseAcceptCurve;
  readonly #bounds: RecognisabilityBounds | undefined;

  /** @throws TypeError when points do not rise strictly in cosine and similarity, or their FAR does not fall */
  constructor({ points, bounds, groupFactor = 1 }: SimilarityScalesOptions) {
    const measured = new FalseAcceptCurve(points);
    const safe = points.map((point) => ({ ...point, cosine: measured.cosineAt(point.far / groupFactor) }));
    this.scale = new SimilarityScale(safe);
    this.falseAccepts = new FalseAcceptCurve(safe);
    this.#bounds = bounds;
  }

  /** Tells whether a face may match at all. A face without a known condition may. */
  isRecognisable(condition: FaceCondition | undefined): boolean {
    return !condition || !this.#bounds || isRecognisable(condition, this.#bounds);
  }
}
