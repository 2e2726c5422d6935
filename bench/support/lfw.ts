// The LFW protocol over aligned crops: reads the tar and pairs.txt, and computes the 10-fold accuracy.
import { readFileSync } from 'node:fs';
import { cosine } from '../../src/domain/embedding.js';

/** Entries of an uncompressed ustar archive, by name. */
export function readTar(path: string): Map<string, Uint8Array> {
  const bytes = readFileSync(path);
  const entries = new Map<string, Uint8Array>();
  for (let offset = 0; offset + 512 <= bytes.length;) {
    const header = bytes.subarray(offset, offset + 512);
    if (header.every((byte) => byte === 0)) break;
    const text = (from: number, length: number): string =>
      header
        .subarray(from, from + length)
        .toString('utf8')
        .replace(/\0.*$/s, '');
    const prefix = text(345, 155);
    const name = prefix ? `${prefix}/${text(0, 100)}` : text(0, 100);
    const size = Number.parseInt(text(124, 12).trim(), 8);
    if (header[156] === 0x30 || header[156] === 0) entries.set(name, bytes.subarray(offset + 512, offset + 512 + size));
    offset += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}

export interface Pair {
  first: string;
  second: string;
  same: boolean;
  fold: number;
}

/** @returns pairs with the names `Person_Name_0001`, fold 0..9, in the order of the file */
export function readPairs(path: string): Pair[] {
  const [head, ...lines] = readFileSync(path, 'utf8').trim().split('\n');
  const [folds, perFold] = head.split('\t').map(Number);
  const photo = (name: string, number: string): string => `${name}_${number.trim().padStart(4, '0')}`;
  return lines.map((line, i) => {
    const fold = Math.floor(i / (2 * perFold));
    if (fold >= folds) throw new RangeError('pairs.txt has more pairs than its head says');
    const parts = line.split('\t');
    return parts.length === 3
      ? { first: photo(parts[0], parts[1]), second: photo(parts[0], parts[2]), same: true, fold }
      : { first: photo(parts[0], parts[1]), second: photo(parts[2], parts[3]), same: false, fold };
  });
}

/** Mean over the folds of the accuracy at the threshold that is best on the other folds. */
export function tenFoldAccuracy(pairs: readonly Pair[], embeddings: ReadonlyMap<string, Float32Array>): number {
  const folds = [...new Set(pairs.map(({ fold }) => fold))];
  const accuracies = folds.map((fold) => accuracyOnFolds(pairs, embeddings, [fold]));
  return accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length;
}

/** Everybody who is in a pair of these folds. */
export function heldOutPeople(pairs: readonly Pair[], folds: readonly number[]): Set<string> {
  const people = pairs.filter(({ fold }) => folds.includes(fold)).flatMap(({ first, second }) => [first, second]);
  return new Set(people.map((photo) => photo.replace(/_\d+$/, '')));
}

/** The accuracy on some folds at the threshold that is best on the others. */
export function accuracyOnFolds(
  pairs: readonly Pair[],
  embeddings: ReadonlyMap<string, Float32Array>,
  testFolds: readonly number[],
): number {
  const scored = pairs.map((pair) => {
    const first = embeddings.get(pair.first);
    const second = embeddings.get(pair.second);
    if (!first || !second) throw new RangeError(`no embedding for ${pair.first} or ${pair.second}`);
    return { score: cosine(first, second), same: pair.same, fold: pair.fold };
  });
  const training = scored.filter((s) => !testFolds.includes(s.fold)).sort((a, b) => a.score - b.score);
  // Sweep: below the threshold "different", from it on "same".
  let right = training.filter((s) => s.same).length;
  let best = right;
  let threshold = -Infinity;
  for (let i = 0; i < training.length; i++) {
    right += training[i].same ? -1 : 1;
    if (right > best) {
      best = right;
      threshold = i + 1 < training.length ? (training[i].score + training[i + 1].score) / 2 : Infinity;
    }
  }
  const testing = scored.filter((s) => testFolds.includes(s.fold));
  return testing.filter((s) => s.score >= threshold === s.same).length / testing.length;
}
