// The scales of one embedder: which similarity a cosine stands for depends on the conditions of both faces.
import { classifyCondition, type ConditionClass, type FaceCondition, type RecognisabilityBounds } from './condition.js';
import { FalseAcceptCurve, type FalseAcceptPoint } from './false-accept.js';
import { SimilarityScale, type CalibrationPoint } from './similarity.js';

/** A measured operating point: a cosine, its similarity (0..100) and its false accept rate (0..1). */
export type ScalePoint = CalibrationPoint & FalseAcceptPoint;

/** Points that were measured for a pair of classes, in either order. */
export interface ConditionPoints {
  classes: readonly [ConditionClass, ConditionClass];
  points: readonly ScalePoint[];
}

export interface SimilarityScalesOptions {
  /** Points of two clear faces. */
  points: readonly ScalePoint[];
  /** Absent for an embedder without a measure of recognisability: then every face counts as clear, and `points` hold for all pairs. */
  byCondition?: { bounds: RecognisabilityBounds; pairs: readonly ConditionPoints[] } | undefined;
}

/**
 * Similarities beyond the last measured one at which the scales of all conditions have the same false accept rate. Between and beyond them
 * a scale is linear, up to the cosine 1.
 */
const MATCHED_SIMILARITIES = [91, 92, 93, 94, 95];
/** Greatest cosine of such a point: above it even two pictures of one moment lie. */
const MAX_MATCHED_COSINE = 0.95;

export class SimilarityScales {
  /** Scale of two clear faces. */
  readonly clear: SimilarityScale;
  /** False accepts of two clear faces. */
  readonly falseAccepts: FalseAcceptCurve;
  readonly #bounds: RecognisabilityBounds | undefined;
  readonly #scales = new Map<string, SimilarityScale>();

  /** @throws TypeError when points do not rise strictly in cosine and similarity, or their FAR does not fall */
  constructor({ points, byCondition }: SimilarityScalesOptions) {
    this.clear = new SimilarityScale(points);
    this.falseAccepts = new FalseAcceptCurve(points);
    this.#bounds = byCondition?.bounds;
    for (const { classes, points: own } of byCondition?.pairs ?? []) {
      this.#scales.set(makeKey(classes[0], classes[1]), this.#createScale(own));
    }
  }

  /** Returns the class of a face; undefined where it is not recognisable. A face without a known condition counts as clear. */
  classify(condition: FaceCondition | undefined): ConditionClass | undefined {
    return condition && this.#bounds ? classifyCondition(condition, this.#bounds) : 'clear';
  }

  /** Returns the scale of a pair; undefined where a side is not recognisable or the pair was not measured: such a pair never matches. */
  between(one: ConditionClass | undefined, other: ConditionClass | undefined): SimilarityScale | undefined {
    if (one === undefined || other === undefined) return undefined;
    if (!this.#bounds || (one === 'clear' && other === 'clear')) return this.clear;
    return this.#scales.get(makeKey(one, other));
  }

  /** Adds points beyond the measured ones, so that a similarity above 90 means the same false accept rate in every condition. */
  #createScale(points: readonly ScalePoint[]): SimilarityScale {
    const curve = new FalseAcceptCurve(points);
    const all: CalibrationPoint[] = [...points];
    for (const similarity of MATCHED_SIMILARITIES) {
      const last = all.at(-1);
      const cosine = curve.cosineAt(this.falseAccepts.farAt(this.clear.toCosine(similarity)));
      if (last && similarity > last.similarity && cosine > last.cosine && cosine < MAX_MATCHED_COSINE) {
        all.push({ cosine, similarity });
      }
    }
    return new SimilarityScale(all);
  }
}

function makeKey(one: ConditionClass, other: ConditionClass): string {
  return [one, other].sort().join(' ');
}
