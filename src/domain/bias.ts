// The bias of a face: the part of a cosine that the conditions of two faces cause, whoever they are.
import type { FaceCondition } from './condition.js';
import type { EmbeddedFace } from './embedding.js';

/**
 * Number of values of a bias. Two faces that are blurred, dark or covered alike have a greater cosine than two clear ones. The inner product
 * of their biases is the difference, and is subtracted: the result, the corrected cosine, means the same in every condition.
 */
export const BIAS_LENGTH = 16;
/** Position of the value that the mask has by itself. The values before it come from the condition head. */
const MASK_AT = BIAS_LENGTH - 1;
/**
 * Bias of a covered face, for its verdict alone: two masked faces need a cosine that is greater by its square. Of 4,371 pairs of strangers with
 * masks of one kind, the most alike reached a corrected cosine of 0.59 without it (masks of ../shared/masks, standard set, 2026-11-28).
 */
export const MASK_BIAS = 0.45;

/** Returns the condition of a face that wears a mask, by whichever verdict. */
export function markMasked(condition: FaceCondition): FaceCondition {
  const bias = condition.bias?.slice() ?? new Float32Array(BIAS_LENGTH);
  bias[MASK_AT] = MASK_BIAS;
  return { ...condition, masked: true, bias };
}

/** Returns the embedding with the bias behind it, for the rows of an index; a face without a known bias has zeros. */
export function joinBias({ embedding, condition }: EmbeddedFace): Float32Array {
  return join(embedding, condition?.bias, 1);
}

/**
 * Returns the embedding with the negated bias behind it, for a probe. Its inner product with a row of `joinBias` is the corrected cosine.
 */
export function joinNegatedBias({ embedding, condition }: EmbeddedFace): Float32Array {
  return join(embedding, condition?.bias, -1);
}

/** Splits what `joinBias` joined. @returns parts of the same memory */
export function splitBias(joined: Float32Array): { embedding: Float32Array; bias: Float32Array } {
  const dimensions = joined.length - BIAS_LENGTH;
  return { embedding: joined.subarray(0, dimensions), bias: joined.subarray(dimensions) };
}

/**
 * Cosine from which two embeddings are of one picture, and nothing is subtracted: a picture is 100 to itself, whatever its condition.
 * Strangers who are recognisable do not come near it.
 */
export const SAME_PICTURE_COSINE = 0.995;

/** Returns the cosine of two faces without the part that their conditions cause, -1..1. */
export function correctedCosine(one: EmbeddedFace, other: EmbeddedFace): number {
  const [a, b] = [one.embedding, other.embedding];
  if (a.length !== b.length) throw new TypeError(`two embeddings differ in dimensions: ${a.length} and ${b.length}`);
  const plain = dot(a, b);
  const caused = plain >= SAME_PICTURE_COSINE ? 0 : dotBiases(one.condition?.bias, other.condition?.bias);
  return Math.max(-1, Math.min(1, plain - caused));
}

/** Returns the part of a cosine that two biases cause; 0 where one of them is not known. @throws TypeError for another length */
export function dotBiases(a: Float32Array | undefined, b: Float32Array | undefined): number {
  for (const bias of [a, b]) if (bias) requireBiasLength(bias);
  return a && b ? dot(a, b) : 0;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function requireBiasLength(bias: Float32Array): void {
  if (bias.length !== BIAS_LENGTH) throw new TypeError(`a bias has ${bias.length} values, not ${BIAS_LENGTH}`);
}

function join(embedding: Float32Array, bias: Float32Array | undefined, sign: 1 | -1): Float32Array {
  const joined = new Float32Array(embedding.length + BIAS_LENGTH);
  joined.set(embedding);
  if (bias) requireBiasLength(bias);
  bias?.forEach((value, i) => (joined[embedding.length + i] = sign * value));
  return joined;
}
