// Calibration: finds the cosines that one in 1,000, 10,000 and 100,000 pairs of different people reach, over all pairs of a labelled set.
import { AppError } from '../../errors.js';

export interface LabelledEmbedding {
  person: string;
  /** L2-normalised float32 vector. */
  embedding: Float32Array;
}

export interface OperatingPoint {
  /** False accept rate: share of the pairs of different people that would be taken for one person. */
  far: number;
  /** Cosine from which a pair is taken for one person. */
  cosine: number;
  /** True accept rate: share of the pairs of one person that are taken for one person. */
  tar: number;
}

export interface PairTable {
  genuinePairs: number;
  impostorPairs: number;
  points: OperatingPoint[];
}

/** The contract's similarities and the false accept rates that they stand for. */
export const CALIBRATED = [
  { similarity: 70, far: 1e-3 },
  { similarity: 80, far: 1e-4 },
  { similarity: 90, far: 1e-5 },
] as const;

/** Width of the bins in which cosines are counted: far below the difference that matters between two pairs. */
const BIN = 1e-5;
const BINS = Math.round(2 / BIN) + 1;
/** Number of embeddings in a block. Two blocks of 32 embeddings of 128 floats stay in the processor's first cache. */
const BLOCK = 32;

/**
 * Compares all pairs of faces. 7,701 faces are 29.6 million pairs, which takes some seconds.
 * @param fars false accept rates of the wanted points
 * @throws AppError INVALID_PARAM where there is no pair of one person, or too few pairs of different people for the lowest rate
 */
export function tabulatePairs(faces: readonly LabelledEmbedding[], fars: readonly number[]): PairTable {
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
    return { far, cosine: toCosine(bin), tar: countFrom(genuine, bin) / genuinePairs };
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
    if (embedding.length !== dimensions) throw new TypeError('the embeddings have different lengths');
    all.set(embedding, i * dimensions);
    if (!numbers.has(person)) numbers.set(person, numbers.size);
    people[i] = numbers.get(person) ?? 0;
  });
  let genuinePairs = 0;
  for (let rows = 0; rows < count; rows += BLOCK) {
    for (let columns = rows; columns < count; columns += BLOCK) {
      for (let i = rows; i < Math.min(rows + BLOCK, count); i++) {
        for (let j = Math.max(columns, i + 1); j < Math.min(columns + BLOCK, count); j++) {
          const bin = findBin(dot(all, i * dimensions, j * dimensions, dimensions));
          if (people[i] === people[j]) {
            genuine[bin]!++;
            genuinePairs++;
          } else {
            impostor[bin]!++;
          }
        }
      }
    }
  }
  return { genuinePairs, impostorPairs: (count * (count - 1)) / 2 - genuinePairs };
}

/** Computes the dot product in four sums side by side, so that no addition waits for the one before it. */
function dot(all: Float32Array, a: number, b: number, length: number): number {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    first += all[a + k]! * all[b + k]!;
    second += all[a + k + 1]! * all[b + k + 1]!;
    third += all[a + k + 2]! * all[b + k + 2]!;
    fourth += all[a + k + 3]! * all[b + k + 3]!;
  }
  for (; k < length; k++) first += all[a + k]! * all[b + k]!;
  return first + second + third + fourth;
}

/** Returns the number of the bin that holds a cosine. A bin includes its lower limit and excludes its upper one. */
function findBin(cosine: number): number {
  return Math.max(0, Math.min(BINS - 1, Math.floor((cosine + 1) / BIN)));
}

function toCosine(bin: number): number {
  return bin * BIN - 1;
}

/** Finds the lowest bin from which on there are at most `most` values. */
function lowestBinWithin(counts: Uint32Array, most: number): number {
  let sum = 0;
  for (let bin = BINS - 1; bin >= 0; bin--) {
    sum += counts[bin]!;
    if (sum > most) return bin + 1;
  }
  return 0;
}

function countFrom(counts: Uint32Array, bin: number): number {
  let sum = 0;
  for (let i = bin; i < BINS; i++) sum += counts[i]!;
  return sum;
}
