// Checks the embeddings and conditions that a gallery is given, and makes the errors for groups and faces that do not exist.
import type { FaceCondition } from '../domain/condition.js';
import type { Template } from '../domain/template.js';
import { clientError, type AppError } from '../errors.js';

/** Refuses a vector of another length or scale, or with a NaN: comparing it would give wrong results without an error. */
export function mustBeEmbedding(vector: Float32Array, dimensions: number): void {
  mustHaveDimensions(vector, dimensions);
  if (!(Math.abs(sumSquares(vector) - 1) < 1e-3)) throw new TypeError('the embedding is not L2-normalised');
}

function mustHaveDimensions(vector: Float32Array, dimensions: number): void {
  if (vector.length === dimensions) return;
  throw new TypeError(`the embedding has ${vector.length} dimensions, and ${dimensions} are expected`);
}

function sumSquares(vector: Float32Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return sum;
}

/** Refuses a probe of another length or scale. A mean is shorter than 1. */
export function mustBeTemplate({ embedding, faces }: Template, dimensions: number): void {
  if (faces === undefined) return mustBeEmbedding(embedding, dimensions);
  mustHaveDimensions(embedding, dimensions);
  if (!(sumSquares(embedding) < 1 + 1e-3)) throw new TypeError('the mean is longer than 1');
}

/** Refuses a condition whose recognisability is not within 0..1. */
export function mustBeCondition(condition: FaceCondition | undefined): void {
  if (!condition || (condition.recognisability >= 0 && condition.recognisability <= 1)) return;
  throw new TypeError('the recognisability of a face must be between 0 and 1');
}

/** Refuses a quality that is not within 0..1. */
export function mustBeQuality(quality: number | undefined): void {
  if (quality === undefined || (quality >= 0 && quality <= 1)) return;
  throw new TypeError('the quality of a face must be between 0 and 1');
}

/** Facts about a group on which it depends whether it can be changed. */
export interface GroupOrigin {
  groupId: string;
  copyOf?: { authority: string };
  successorOf?: string;
}

/** Refuses a change of a copy by anybody but the fleet, and a change of a successor. @throws AppError GROUP_READ_ONLY */
export function mustBeWritable(group: GroupOrigin | undefined): void {
  if (group?.successorOf !== undefined) {
    throw clientError(
      'GROUP_READ_ONLY',
      `The group ${group.groupId} follows the group ${group.successorOf} under other models; change that one.`,
    );
  }
  if (!group?.copyOf) return;
  throw clientError(
    'GROUP_READ_ONLY',
    `The group ${group.groupId} is a copy of the fleet and cannot be changed here; change it at the authority ${group.copyOf.authority}.`,
  );
}

/** Returns the value of a face that was looked up. @throws AppError FACE_NOT_FOUND when it is undefined */
export function mustBeFound<T>(value: T | undefined): T {
  if (value === undefined) throw faceNotFound();
  return value;
}

/** Makes the error for a group that does not exist. */
export function groupNotFound(): AppError {
  return clientError('GROUP_NOT_FOUND', 'There is no such group.');
}

/** Makes the error for a face that does not exist. */
export function faceNotFound(): AppError {
  return clientError('FACE_NOT_FOUND', 'There is no such face in the group.');
}
