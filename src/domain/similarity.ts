// The scale between cosines and the similarities of the API (0..100), through the calibration points of a model.

export interface CalibrationPoint {
  cosine: number;
  /** 0..100; 70, 80 and 90 mean a FAR of 1e-3, 1e-4 and 1e-5 on the calibration set. */
  similarity: number;
}

/** A monotone, piecewise linear map through the measured points: a cosine <= 0 is 0, a cosine of 1 is 100. */
export class SimilarityScale {
  readonly #points: readonly CalibrationPoint[];

  /** @throws TypeError when the points do not rise strictly in both columns within (0, 1) and (0, 100). */
  constructor(points: readonly CalibrationPoint[]) {
    const all = [{ cosine: 0, similarity: 0 }, ...points, { cosine: 1, similarity: 100 }];
    const isRising = all.every(({ cosine, similarity }, i) => {
      const before = all[i - 1];
      return before === undefined || (cosine > before.cosine && similarity > before.similarity);
    });
    if (!isRising) throw new TypeError('calibration points must rise strictly in cosine and in similarity');
    this.#points = all;
  }

  /** Returns the similarity of a cosine, 0..100. */
  fromCosine(cosine: number): number {
    return interpolate(this.#points, cosine, 'cosine', 'similarity');
  }

  /** Returns the cosine at which this similarity is reached. */
  toCosine(similarity: number): number {
    return interpolate(this.#points, similarity, 'similarity', 'cosine');
  }
}

/** Maps a value between two columns of the points, linearly between two points. Values outside get the first or the last point. */
function interpolate(
  points: readonly CalibrationPoint[],
  value: number,
  from: keyof CalibrationPoint,
  to: keyof CalibrationPoint,
): number {
  let low = points[0]!;
  if (!(value > low[from])) return low[to];
  // A search maps up to 4096 cosines: the points are not copied here.
  for (let i = 1; i < points.length; i++) {
    const high = points[i]!;
    if (value <= high[from]) return low[to] + ((value - low[from]) / (high[from] - low[from])) * (high[to] - low[to]);
    low = high;
  }
  return low[to];
}
