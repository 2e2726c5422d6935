// The condition of a face: what a comparison must know of its picture, beside the embedding.

/** Condition of the picture that an embedding was made from, as the embedding itself shows it. */
export interface FaceCondition {
  /**
   * Recognisability, 0..1: the cosine to expect between this embedding and that of the same face in a clear picture. A blurred, covered, dark
   * or badly aligned face has a low value: its embedding describes the damage, so that strangers in the same condition are alike.
   */
  recognisability: number;
  /** True for a face whose mouth and nose are covered, such as by a mask. */
  masked: boolean;
  /** Part of cosines that the condition causes: BIAS_LENGTH values of at least 0. Not stored; it follows from the embedding. */
  bias?: Float32Array;
}

/** Least recognisability of a face that may match. */
export interface RecognisabilityBounds {
  bare: number;
  masked: number;
}

/** Tells whether a face may match at all. */
export function isRecognisable({ recognisability, masked }: FaceCondition, bounds: RecognisabilityBounds): boolean {
  return recognisability >= (masked ? bounds.masked : bounds.bare);
}
