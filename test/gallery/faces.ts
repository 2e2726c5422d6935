// Faces that are the same in every run and in every process, and the search by the book.
import { normalise } from '../../src/domain/embedding.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import type { NewFace } from '../../src/gallery/gallery.types.js';

export const DIMENSIONS = 128;
export const staff = { owner: 'default', groupId: 'staff' };

/** Scales of an embedder without a measure of the condition: the similarity is the cosine in percent. */
export const percent = new SimilarityScales({
  points: [
    { cosine: 0.3, similarity: 30, far: 1e-3 },
    { cosine: 0.6, similarity: 60, far: 1e-5 },
  ],
});
/** Finds every face that can match. */
export const anything = { limit: 4_096, threshold: 0, scales: percent };

/** L2-normalised, uniform in direction. */
export function randomEmbedding(random: () => number, dimensions = DIMENSIONS): Float32Array {
  return normalise(Float32Array.from({ length: dimensions }, () => random() + random() + random() - 1.5));
}

export function newFace(random: () => number, overrides: Partial<NewFace> = {}): NewFace {
  return {
    bbox: { x0: random() / 2, y0: random() / 2, x1: 0.5 + random() / 2, y1: 0.5 + random() / 2 },
    detectionScore: random(),
    embedding: randomEmbedding(random),
    ...overrides,
  };
}

/** Searches in float64, vector by vector. */
export function scan(vectors: readonly Float32Array[], probe: Float32Array): { index: number; cosine: number }[] {
  return vectors
    .map((vector, index) => ({ index, cosine: vector.reduce((sum, value, i) => sum + value * probe[i]!, 0) }))
    .sort((a, b) => b.cosine - a.cosine || a.index - b.index);
}

/** Makes a face record of an older version: 1 as Lintel 0.2 wrote it, without the condition; 2 without the facts of the enrolment. */
export function makeOldRecord(record: Buffer, version: 1 | 2 = 1): Buffer {
  return Buffer.concat([Buffer.of(version), record.subarray(1, version === 1 ? 43 : 52), record.subarray(61)]);
}
