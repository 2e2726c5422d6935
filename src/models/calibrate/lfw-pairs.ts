// The pairs of LFW's protocol as its pairs.txt lists them, and the people who are left out of the training of the built-in embedder.
import { createHash } from 'node:crypto';
import { AppError } from '../../errors.js';
import { readFileAtMostSync } from '../../platform/read-file.js';

/** LFW's file has 160 kB. */
const MAX_PAIRS_BYTES = 16_000_000;

export interface PhotoPair {
  /** Names of the two photos, such as `Person_Name_0001`. */
  first: string;
  second: string;
  /** True where both photos show the same person. */
  same: boolean;
  /** Number of the fold, 0..9. */
  fold: number;
}

/** Folds 8 to 10 of the protocol, counted from 0. `tools/train/faces.py` leaves their people out. */
export const HELD_OUT_FOLDS: readonly number[] = [7, 8, 9];

/**
 * Reads pairs.txt.
 * @returns the pairs in the order of the file
 * @throws AppError INVALID_PARAM where the file cannot be read or is not complete
 */
export function readPairs(path: string): PhotoPair[] {
  const [head = '', ...lines] = readLines(path);
  const [folds = Number.NaN, perFold = Number.NaN] = head.split('\t').map(Number);
  const count = 2 * folds * perFold;
  if (!Number.isInteger(count) || lines.length !== count) {
    throw new AppError('INVALID_PARAM', `${path} has ${lines.length} pairs, but its first line announces ${count}`);
  }
  return lines.map((line, i) => {
    const parts = line.split('\t');
    const [person = '', number = '', second = '', otherNumber = ''] = parts;
    const fold = Math.floor(i / (2 * perFold));
    const first = formatPhotoName(person, number);
    if (parts.length === 3) return { first, second: formatPhotoName(person, second), same: true, fold };
    if (parts.length === 4) return { first, second: formatPhotoName(second, otherNumber), same: false, fold };
    throw new AppError('INVALID_PARAM', `line ${i + 2} of ${path} is no pair`);
  });
}

/** Lists the people who are in a pair of these folds, by names such as `Person_Name`. */
export function listHeldOutPeople(pairs: readonly PhotoPair[], folds: readonly number[] = HELD_OUT_FOLDS): Set<string> {
  const photos = pairs.filter(({ fold }) => folds.includes(fold)).flatMap(({ first, second }) => [first, second]);
  return new Set(photos.map((name) => name.replace(/_\d+$/, '')));
}

/** Half of the people who are held out: those of `calibration` set the scales of a model, those of `bench` judge them. */
export type HeldOutHalf = 'calibration' | 'bench';

/** Returns the half of a person who is held out, by a hash of the name, so that no list has to be kept. */
export function chooseHalf(person: string): HeldOutHalf {
  return createHash('sha256').update(person).digest()[0]! % 2 === 0 ? 'calibration' : 'bench';
}

function readLines(path: string): string[] {
  try {
    return readFileAtMostSync(path, MAX_PAIRS_BYTES).toString().trim().split(/\r?\n/);
  } catch (cause) {
    throw new AppError('INVALID_PARAM', `${path} cannot be read`, { cause });
  }
}

function formatPhotoName(person: string, number: string): string {
  return `${person}_${number.trim().padStart(4, '0')}`;
}
