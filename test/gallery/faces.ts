// Faces that are the same in every run and in every process, and the search by the book.
import { normalise } from '../../src/domain/embedding.js';
import type { NewFace } from '../../src/gallery/gallery.types.js';

export const DIMENSIONS = 128;
export const staff = { owner: 'default', groupId: 'staff' };

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
