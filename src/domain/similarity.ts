// The scale between cosine and the similarity of the contract (0..100), through the calibration points of a model.

export interface CalibrationPoint {
  cosine: number;
  /** 0..100. 70, 80 and 90 stand for FAR 1e-3, 1e-4 and 1e-5 on the calibration set. */
  similarity: number;
}

/** A monotone, piecewise linear map: cosine <= 0 is 0, cosine 1 is 100, the measured points between. */
export class SimilarityScale {
  readonly #points: readonly CalibrationPoint[];

  /** @throws TypeError when the points do not rise strictly in both columns within (0, 1) and (0, 100). */
  constructor(points: readonly CalibrationPoint[]) {
    const all = [{ cosine: 0, similarity: 0 }, ...points, { cosine: 1, similarity: 100 }];
    for (let i = 1; i < all.length; i++) {
      if (!(all[i].cosine > all[i - 1].cosine && all[i].similarity > all[i - 1].similarity)) {
        throw new TypeError('calibration points must rise strictly in cosine and in similarity');
      }
    }
    this.#points = all;
  }

  /** 0..100. */
  fromCosine(cosine: number): number {
    return interpolate(this.#points, cosine, 'cosine', 'similarity');
  }

  /** The cosine at which this similarity is reached. */
  toCosine(similarity: number): number {
    return interpolate(this.#points, similarity, 'similarity', 'cosine');
  }
}

function interpolate(
  points: readonly CalibrationPoint[],
  value: number,
  from: keyof CalibrationPoint,
  to: keyof CalibrationPoint,
): number {
  if (!(value > points[0][from])) return points[0][to];
  for (let i = 1; i < points.length; i++) {
    const low = points[i - 1];
    const high = points[i];
    if (value <= high[from]) {
      return low[to] + ((value - low[from]) / (high[from] - low[from])) * (high[to] - low[to]);
    }
  }
  return points[points.length - 1][to];
}
