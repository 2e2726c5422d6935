// Calibration: which cosine is reached by one in 1,000, 10,000 and 100,000 pairs of different people, over all pairs of a labelled set.
import { AppError } from '../../errors.js';

export interface LabelledEmbedding {
  person: string;
  /** L2-normalised. */
  embedding: Float32Array;
}

export interface OperatingPoint {
  /** The share of pairs of different people that would be taken for the same. */
  far: number;
  /** Pairs from this cosine on are taken for the same. */
  cosine: number;
  /** The share of pairs of one person that are. */
  tar: number;
}

export interface PairTable {
  genuinePairs: number;
  impostorPairs: number;
  points: OperatingPoint[];
}

/** The contract's similarities and what they stand for. */
export const CALIBRATED = [
  { similarity: 70, far: 1e-3 },
  { similarity: 80, far: 1e-4 },
  { similarity: 90, far: 1e-5 },
] as const;

/** Cosines are counted in bins of this width, which is far below what distinguishes two pairs. */
const BIN = 1e-5;
const BINS = Math.round(2 / BIN) + 1;
/** Embeddings compared at a time: two blocks of 128 floats each stay in the first cache. */
const BLOCK = 32;

/**
 * Compares all pairs: 7,701 faces are 29.6 million, some seconds.
 * @throws AppError INVALID_PARAM where there is no pair of one person, or too few of different people for the lowest rate
 */
export function pairTable(faces: readonly LabelledEmbedding[], fars: readonly number[]): PairTable {
  const genuine = new Uint32Array(BINS);
  const impostor = new Uint32Array(BINS);
  const { genuinePairs, impostorPairs } = countPairs(faces, genuine, impostor);
  const lowest = Math.min(...fars);
  if (genuinePairs === 0 || impostorPairs * lowest < 1) {
    throw new AppError(
      'INVALID_PARAM',
      `${genuinePairs} pairs of one person and ${impostorPairs} of different people are too few for a rate of ${lowest}`,
    );
  }
  const points = fars.map((far): OperatingPoint => {
    const bin = lowestBinWithin(impostor, Math.floor(far * impostorPairs));
    return { far, cosine: cosineOf(bin), tar: countFrom(genuine, bin) / genuinePairs };
  });
  return { genuinePairs, impostorPairs, points };
}

function countPairs(
  faces: readonly LabelledEmbedding[],
  genuine: Uint32Array,
  impostor: Uint32Array,
): { genuinePairs: number; impostorPairs: number } {
  const count = faces.length;
  const dimensions = faces[0]?.embedding.length ?? 0;
  const all = new Float32Array(count * dimensions);
  const numbers = new Map<string, number>();
  const people = new Int32Array(count);
  faces.forEach(({ person, embedding }, i) => {
    if (embedding.length !== dimensions) throw new TypeError('embeddings of different lengths');
    all.set(embedding, i * dimensions);
    if (!numbers.has(person)) numbers.set(person, numbers.size);
    people[i] = numbers.get(person) ?? 0;
  });
  let genuinePairs = 0;
  for (let rows = 0; rows < count; rows += BLOCK) {
    for (let columns = rows; columns < count; columns += BLOCK) {
      for (let i = rows; i < Math.min(rows + BLOCK, count); i++) {
        for (let j = Math.max(columns, i + 1); j < Math.min(columns + BLOCK, count); j++) {
          const bin = binOf(dot(all, i * dimensions, j * dimensions, dimensions));
          if (people[i] === people[j]) {
            genuine[bin]++;
            genuinePairs++;
          } else {
            impostor[bin]++;
          }
        }
      }
    }
  }
  return { genuinePairs, impostorPairs: (count * (count - 1)) / 2 - genuinePairs };
}

/** Four sums side by side, so that no addition waits for the one before it. */
function dot(all: Float32Array, a: number, b: number, length: number): number {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    first += all[a + k] * all[b + k];
    second += all[a + k + 1] * all[b + k + 1];
    third += all[a + k + 2] * all[b + k + 2];
    fourth += all[a + k + 3] * all[b + k + 3];
  }
  for (; k < length; k++) first += all[a + k] * all[b + k];
  return first + second + third + fourth;
}

/** A bin holds the cosines from its own up to the next one's. */
function binOf(cosine: number): number {
  return Math.max(0, Math.min(BINS - 1, Math.floor((cosine + 1) / BIN)));
}

function cosineOf(bin: number): number {
  return bin * BIN - 1;
}

/** The lowest bin from which on at most `most` values lie. */
function lowestBinWithin(counts: Uint32Array, most: number): number {
  let sum = 0;
  for (let bin = BINS - 1; bin >= 0; bin--) {
    sum += counts[bin];
    if (sum > most) return bin + 1;
  }
  return 0;
}

function countFrom(counts: Uint32Array, bin: number): number {
  let sum = 0;
  for (let i = bin; i < BINS; i++) sum += counts[i];
  return sum;
}
