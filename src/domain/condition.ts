// The condition of a face: what a comparison must know of its picture, beside the embedding.

/** Condition of the picture that an embedding was made from, as the embedding itself shows it. */
export interface FaceCondition {
  /**
   * Recognisability, 0..1: whether the embedding describes the person. A blurred, covered, dark or badly aligned face has a low value: its
   * embedding describes the damage, so that strangers in the same condition are alike.
   */
  recognisability: number;
  /** True for a face whose mouth and nose are covered, such as by a mask. */
  masked: boolean;
}

/**
 * Classes of conditions. A cosine has one meaning within a pair of classes. `weak`: recognisable, but less so than an ordinary picture.
 * A face that is not recognisable has no class, and matches nobody.
 */
export const CONDITION_CLASSES = ['clear', 'weak', 'masked'] as const;

export type ConditionClass = (typeof CONDITION_CLASSES)[number];

/** Recognisabilities that separate the classes. */
export interface RecognisabilityBounds {
  /** Lower bound of a bare face that is recognisable. */
  least: number;
  /** Lower bound of a bare face that is clear. */
  clear: number;
  /** Lower bound of a masked face that is recognisable. */
  masked: number;
}

/** Returns the class of a condition; undefined for a face that is not recognisable, and matches nobody. */
export function classifyCondition(
  { recognisability, masked }: FaceCondition,
  bounds: RecognisabilityBounds,
): ConditionClass | undefined {
  if (masked) return recognisability >= bounds.masked ? 'masked' : undefined;
  if (recognisability >= bounds.clear) return 'clear';
  return recognisability >= bounds.least ? 'weak' : undefined;
}
