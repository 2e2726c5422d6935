// How often strangers are taken for somebody: from a tolerated rate per attempt to the cosine a comparison must reach.

/** A measured operating point of an embedder: strangers reach this cosine in a share `far` of all comparisons. */
export interface FalseAcceptPoint {
  cosine: number;
  /** Between 0 and 1, both excluded. */
  far: number;
}

/**
 * No threshold is set above it: what lies beyond the measured points is an extrapolation, and not even a person's own pictures of the
 * same minute reach more.
 */
export const HIGHEST_THRESHOLD_COSINE = 0.95;

/**
 * FAR over cosine through measured points: log(FAR) is linear between two points and goes on as in the outermost pair beyond them.
 * Above the last point that is an assumption; the tail of a normal distribution would fall faster still.
 */
export class FalseAcceptCurve {
  readonly #points: readonly { cosine: number; logFar: number }[];

  /** @throws TypeError where there are less than two points, or FAR does not fall strictly while the cosine rises */
  constructor(points: readonly FalseAcceptPoint[]) {
    const isCurve = points.every(({ cosine, far }, i) => {
      const before = points[i - 1];
      const isInside = far > 0 && far < 1 && Math.abs(cosine) < 1;
      return isInside && (before === undefined || (cosine > before.cosine && far < before.far));
    });
    if (points.length < 2 || !isCurve) {
      throw new TypeError('false accept points must rise strictly in cosine and fall strictly in FAR, two at least');
    }
    this.#points = points.map(({ cosine, far }) => ({ cosine, logFar: Math.log(far) }));
  }

  /** The share of strangers' comparisons that reach this cosine, 0..1. */
  farAt(cosine: number): number {
    const [low, high] = this.#segment(({ cosine: end }) => cosine <= end);
    const logFar = low.logFar + ((cosine - low.cosine) / (high.cosine - low.cosine)) * (high.logFar - low.logFar);
    return Math.min(1, Math.exp(logFar));
  }

  /** The least cosine at which no more than this share is accepted: never below the first measured point, never above the bound. */
  cosineAt(far: number): number {
    const logFar = Math.log(far);
    const [low, high] = this.#segment(({ logFar: end }) => logFar >= end);
    const cosine = low.cosine + ((logFar - low.logFar) / (high.logFar - low.logFar)) * (high.cosine - low.cosine);
    return Math.max(this.#points[0].cosine, Math.min(HIGHEST_THRESHOLD_COSINE, cosine));
  }

  /** The first pair of neighbours whose end lies far enough, else the last pair. */
  #segment(isFarEnough: (end: { cosine: number; logFar: number }) => boolean) {
    const last = this.#points.length - 1;
    const found = this.#points.findIndex((point, i) => i > 0 && (isFarEnough(point) || i === last));
    return [this.#points[found - 1], this.#points[found]] as const;
  }
}

/** One look of a stranger at a door. */
export interface Attempt {
  /** Faces that each frame is compared with. */
  enrolledFaces: number;
  /** k: frames that must agree on a person … */
  agree: number;
  /** n: … of so many. */
  outOf: number;
}

/**
 * The FAR per comparison under which a stranger is taken for anyone in at most `target` of all attempts. Frames of one face are alike,
 * so their agreement earns nothing that depends on chance: by Markov's inequality k of n frames are wrong together in at most n / k
 * times the share of single wrong frames, however they hang together, which counts as n / k times as many comparisons.
 */
export function farPerComparison(target: number, { enrolledFaces, agree, outOf }: Attempt): number {
  const comparisons = Math.max(1, enrolledFaces) * Math.max(1, outOf / agree);
  return -Math.expm1(Math.log1p(-target) / comparisons);
}
