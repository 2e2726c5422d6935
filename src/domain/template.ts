// Templates: what people are compared by. A template is the embedding of one face, or the mean of several faces of one person.
import { BIAS_LENGTH } from './bias.js';
import type { FaceCondition } from './condition.js';
import type { EmbeddedFace } from './embedding.js';

/** One side of a comparison. The inner product of two templates counts as their cosine. */
export interface Template extends EmbeddedFace {
  /** Vector of length 1 for a single face. A mean is shorter, the more so the less its faces are alike. */
  embedding: Float32Array;
  /** Number of faces of the mean; absent for a single face. */
  faces?: number;
}

/** A face with its weight in a mean. */
export interface WeightedFace extends EmbeddedFace {
  /** Greater than 0. */
  weight: number;
}

/**
 * The length of a mean is that of the weighted mean of the unit vectors to this power. The noise in a mean cancels out, so that a mean of
 * length 1 would be more similar to everybody: its false accepts on the scale of single faces are 1.2 to 3.9 times the promise (LFW, means
 * of 2, 3 and 5 faces with faces and with means, 2026-11; with the power 1/4 they are 0.7 to 1.4 times, with 2/5 0.4 to 0.9 times). So
 * with this power one scale holds for faces and means, whatever their number, and alike shots of one moment count as what they are: one face.
 */
const LENGTH_POWER = 1 / 3;

/** Returns the weight of a face in a mean, 0..1. @param score how well the face was seen, 0..1: its detection score or its quality */
export function weighFace(condition: FaceCondition | undefined, score: number): number {
  return Math.max(MIN_WEIGHT, (condition?.recognisability ?? 1) * score);
}

/** A mean must not be empty, whatever its faces are like. */
const MIN_WEIGHT = 1e-3;

/**
 * Returns the weighted mean of faces of one person; of one face, the face itself.
 * @param faces at least one; all bare, or all masked
 */
export function averageFaces(faces: readonly WeightedFace[]): Template {
  const [first] = faces;
  if (!first) throw new TypeError('a mean needs at least one face');
  if (faces.length === 1) return { embedding: first.embedding, ...(first.condition && { condition: first.condition }) };
  const sum = new Float64Array(first.embedding.length);
  let weights = 0;
  for (const { embedding, weight } of faces) {
    if (embedding.length !== sum.length) throw new TypeError('the faces of a mean have different dimensions');
    weights += weight;
    for (let i = 0; i < sum.length; i++) sum[i]! += weight * embedding[i]!;
  }
  let squares = 0;
  for (const value of sum) squares += value * value;
  const length = Math.sqrt(squares) / weights;
  // Faces that cancel each other out have no mean: the template of length 0 is like nobody.
  const scale = length > 0 ? length ** (LENGTH_POWER - 1) / weights : 0;
  const condition = averageConditions(faces);
  const embedding = new Float32Array(sum.length);
  for (let i = 0; i < sum.length; i++) embedding[i] = sum[i]! * scale;
  return {
    embedding,
    ...(condition && { condition: { ...condition, bias: averageBias(faces, scale) } }),
    faces: faces.length,
  };
}

/** Returns the mean of the biases, of which the length changes as that of the embeddings. */
function averageBias(faces: readonly WeightedFace[], scale: number): Float32Array {
  const sum = new Float32Array(BIAS_LENGTH);
  for (const { condition, weight } of faces) {
    const bias = condition?.bias;
    for (let i = 0; bias && i < sum.length; i++) sum[i]! += weight * bias[i]! * scale;
  }
  return sum;
}

/** Returns the weighted mean of the conditions; undefined where none is known. */
function averageConditions(faces: readonly WeightedFace[]): FaceCondition | undefined {
  const known = faces.flatMap(({ condition, weight }) => (condition ? [{ ...condition, weight }] : []));
  if (known.length === 0) return undefined;
  const weights = known.reduce((sum, { weight }) => sum + weight, 0);
  const recognisability = known.reduce((sum, one) => sum + one.weight * one.recognisability, 0) / weights;
  return { recognisability, masked: known.some(({ masked }) => masked) };
}
