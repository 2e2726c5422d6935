// The pairs of LFW's protocol, as its pairs.txt lists them, and the people whom the built-in embedder was not trained on.
import { readFileSync } from 'node:fs';
import { AppError } from '../../errors.js';

export interface Pair {
  /** Photos, by names such as `Person_Name_0001`. */
  first: string;
  second: string;
  same: boolean;
  /** 0..9 */
  fold: number;
}

/** Folds 8 to 10, as `tools/train/faces.py` leaves their people out. */
export const HELD_OUT_FOLDS: readonly number[] = [7, 8, 9];

/** @returns the pairs in the order of the file @throws AppError INVALID_PARAM where it is not there, or not whole */
export function readPairs(path: string): Pair[] {
  const [head, ...lines] = readLines(path);
  const [folds, perFold] = head.split('\t').map(Number);
  const count = 2 * folds * perFold;
  if (!Number.isInteger(count) || lines.length !== count) {
    throw new AppError('INVALID_PARAM', `${path} has ${lines.length} pairs, and its first line speaks of others`);
  }
  return lines.map((line, i) => {
    const parts = line.split('\t');
    const fold = Math.floor(i / (2 * perFold));
    if (parts.length === 3)
      return { first: photo(parts[0], parts[1]), second: photo(parts[0], parts[2]), same: true, fold };
    if (parts.length === 4)
      return { first: photo(parts[0], parts[1]), second: photo(parts[2], parts[3]), same: false, fold };
    throw new AppError('INVALID_PARAM', `line ${i + 2} of ${path} is no pair`);
  });
}

/** Everybody who is in a pair of these folds, by names such as `Person_Name`. */
export function heldOutPeople(pairs: readonly Pair[], folds: readonly number[] = HELD_OUT_FOLDS): Set<string> {
  const photos = pairs.filter(({ fold }) => folds.includes(fold)).flatMap(({ first, second }) => [first, second]);
  return new Set(photos.map((name) => name.replace(/_\d+$/, '')));
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trim().split(/\r?\n/);
  } catch (cause) {
    throw new AppError('INVALID_PARAM', `${path} cannot be read`, { cause });
  }
}

function photo(name: string, number: string): string {
  return `${name}_${number.trim().padStart(4, '0')}`;
}
