// Embeddings: L2-normalised float32 vectors, compared by cosine.
import type { FaceCondition } from './condition.js';

/** A face as it is compared: its embedding, and the condition of its picture. */
export interface EmbeddedFace {
  /** L2-normalised. */
  embedding: Float32Array;
  /** Absent where the embedder has no measure of it; the face counts as clear then. */
  condition?: FaceCondition | undefined;
}

/** Scales a vector to length 1, in place. @throws TypeError for a zero vector, which only a broken model returns */
export function normalise(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.sqrt(sum);
  if (!(length > 0) || !Number.isFinite(length)) throw new TypeError('the length of an embedding is 0 or not finite');
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
  return vector;
}

/** Returns the cosine of two L2-normalised embeddings of the same model version, -1..1. */
export function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new TypeError(`two embeddings differ in dimensions: ${a.length} and ${b.length}`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return Math.max(-1, Math.min(1, sum));
}
