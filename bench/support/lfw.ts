// The LFW protocol over aligned crops: reads the tar, and computes the 10-fold accuracy.
import { readFileSync } from 'node:fs';
import { cosine } from '../../src/domain/embedding.js';
import type { PhotoPair } from '../../src/models/calibrate/lfw-pairs.js';

export { HELD_OUT_FOLDS, listHeldOutPeople, readPairs, type PhotoPair } from '../../src/models/calibrate/lfw-pairs.js';

/** Reads an uncompressed ustar archive. @returns the contents of its files by name */
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

/** Returns the mean over the folds of the accuracy at the threshold that is best on the other folds, 0..1. */
export function tenFoldAccuracy(pairs: readonly PhotoPair[], embeddings: ReadonlyMap<string, Float32Array>): number {
  const folds = [...new Set(pairs.map(({ fold }) => fold))];
  const accuracies = folds.map((fold) => accuracyOnFolds(pairs, embeddings, [fold]));
  return accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length;
}

/** Returns the accuracy on some folds at the threshold that is best on the others, 0..1. */
export function accuracyOnFolds(
  pairs: readonly PhotoPair[],
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
  // Tries all thresholds: pairs below the threshold count as different, the others as the same person.
  let right = training.filter((s) => s.same).length;
  let best = right;
  let threshold = -Infinity;
  for (let i = 0; i < training.length; i++) {
    right += training[i]!.same ? -1 : 1;
    if (right > best) {
      best = right;
      threshold = i + 1 < training.length ? (training[i]!.score + training[i + 1]!.score) / 2 : Infinity;
    }
  }
  const testing = scored.filter((s) => testFolds.includes(s.fold));
  return testing.filter((s) => s.score >= threshold === s.same).length / testing.length;
}

/** Lists the faces of each person together, in the order of the first ones. */
export function groupByPerson<T extends { person: string }>(faces: readonly T[]): T[][] {
  const byPerson = new Map<string, T[]>();
  for (const face of faces) {
    const own = byPerson.get(face.person);
    if (own) own.push(face);
    else byPerson.set(face.person, [face]);
  }
  return [...byPerson.values()];
}
