// Checks of what a gallery is asked for, and the errors of what it does not have.
import { clientError, type AppError } from '../errors.js';

/** Refuses a vector of another length or scale, or with a NaN: comparing it would give wrong results without an error. */
export function mustBeEmbedding(vector: Float32Array, dimensions: number): void {
  if (vector.length !== dimensions)
    throw new TypeError(`an embedding of ${vector.length} dimensions among ${dimensions}`);
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (!(Math.abs(sum - 1) < 1e-3)) throw new TypeError('an embedding that is not normalised');
}

/** @throws AppError FACE_NOT_FOUND */
export function mustBeFound<T>(value: T | undefined): T {
  if (value === undefined) throw faceNotFound();
  return value;
}

export function groupNotFound(): AppError {
  return clientError('GROUP_NOT_FOUND', 'There is no such group.');
}

export function faceNotFound(): AppError {
  return clientError('FACE_NOT_FOUND', 'There is no such face in the group.');
}
