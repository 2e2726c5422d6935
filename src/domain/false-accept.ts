// False accepts: from the rate that is tolerated per attempt to the cosine that a comparison must reach.

/** A measured operating point of an embedder: a share `far` of all comparisons between strangers reaches this cosine. */
export interface FalseAcceptPoint {
  cosine: number;
  /** Between 0 and 1, both excluded. */
  far: number;
}

/**
 * Upper bound of every threshold. Beyond the measured points the curve is an extrapolation, and even pictures of one person from the same
 * minute do not reach more.
 */
export const HIGHEST_THRESHOLD_COSINE = 0.95;

interface CurvePoint {
  cosine: number;
  logFar: number;
}

/**
 * The FAR (false accept rate) as a function of the cosine. log(FAR) is linear between two measured points, and continues beyond them with
 * the slope of the outermost pair. Above the last point that is an assumption; the tail of a normal distribution falls faster.
 */
export class FalseAcceptCurve {
  readonly #points: readonly CurvePoint[];

  /** @throws TypeError for fewer than two points, or when the FAR does not fall strictly while the cosine rises */
  constructor(points: readonly FalseAcceptPoint[]) {
    const isCurve = points.every(({ cosine, far }, i) => {
      const before = points[i - 1];
      const isInside = far > 0 && far < 1 && Math.abs(cosine) < 1;
      return isInside && (before === undefined || (cosine > before.cosine && far < before.far));
    });
    if (points.length < 2 || !isCurve) {
      throw new TypeError(
        'a curve needs at least two false accept points, which rise strictly in cosine and fall strictly in FAR',
      );
    }
    this.#points = points.map(({ cosine, far }) => ({ cosine, logFar: Math.log(far) }));
  }

  /** Returns the share of comparisons between strangers that reach this cosine, 0..1. */
  farAt(cosine: number): number {
    const [low, high] = this.#findSegment(({ cosine: end }) => cosine <= end);
    const logFar = low.logFar + ((cosine - low.cosine) / (high.cosine - low.cosine)) * (high.logFar - low.logFar);
    return Math.min(1, Math.exp(logFar));
  }

  /** Returns the lowest cosine at which at most this share is accepted; never below the first measured point or above the bound. */
  cosineAt(far: number): number {
    const logFar = Math.log(far);
    const [low, high] = this.#findSegment(({ logFar: end }) => logFar >= end);
    const cosine = low.cosine + ((logFar - low.logFar) / (high.logFar - low.logFar)) * (high.cosine - low.cosine);
    return Math.max(this.#points[0]!.cosine, Math.min(HIGHEST_THRESHOLD_COSINE, cosine));
  }

  /** Returns which bound of `cosineAt` a result of it is; undefined for one between the bounds. */
  nameBound(cosine: number): 'lowest' | 'highest' | undefined {
    if (cosine >= HIGHEST_THRESHOLD_COSINE) return 'highest';
    return cosine <= this.#points[0]!.cosine ? 'lowest' : undefined;
  }

  /** Returns the first pair of neighbours whose second point is far enough, otherwise the last pair. */
  #findSegment(isFarEnough: (end: CurvePoint) => boolean): readonly [CurvePoint, CurvePoint] {
    const last = this.#points.length - 1;
    const found = this.#points.findIndex((point, i) => i > 0 && (isFarEnough(point) || i === last));
    // The constructor made sure of two points.
    return [this.#points[found - 1]!, this.#points[found]!];
  }
}

/** One attempt of a stranger at a door, under the rule that k of n frames must agree. */
export interface DoorAttempt {
  /** Number of faces that each frame is compared with. */
  enrolledFaces: number;
  /** k: number of frames that must agree on a person. */
  agree: number;
  /** n: number of frames that are considered. */
  outOf: number;
}

/**
 * Returns the FAR per comparison at which a stranger is accepted in at most a share `target` of all attempts. Frames of one face are alike,
 * so they cannot be treated as independent. By Markov's inequality, k of n frames are wrong together at most n / k times as often as a
 * single frame, whatever their dependence: this counts as n / k times as many comparisons.
 */
export function farPerComparison(target: number, { enrolledFaces, agree, outOf }: DoorAttempt): number {
  const comparisons = Math.max(1, enrolledFaces) * Math.max(1, outOf / agree);
  return -Math.expm1(Math.log1p(-target) / comparisons);
}

/**
 * Returns the most attempts of strangers that end in a false accept at this FAR per comparison, as a share, 0..1: the inverse of
 * farPerComparison. It is an upper bound for frames that depend on each other, and an estimate for comparisons with people who do.
 */
export function acceptsPerAttempt(far: number, { enrolledFaces, agree, outOf }: DoorAttempt): number {
  if (enrolledFaces === 0) return 0;
  return -Math.expm1(Math.log1p(-Math.min(far, 1)) * enrolledFaces * Math.max(1, outOf / agree));
}
