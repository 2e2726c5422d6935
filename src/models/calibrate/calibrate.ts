// Calibration: finds the cosines that one in 1,000, 10,000 and 100,000 pairs of strangers reach, over all pairs of a labelled set.
import { BIAS_LENGTH, joinBias, joinNegatedBias } from '../../domain/bias.js';
import type { EmbeddedFace } from '../../domain/embedding.js';
import { AppError } from '../../errors.js';

export interface LabelledEmbedding extends EmbeddedFace {
  person: string;
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
 * Compares all pairs of faces by their corrected cosines; those of faces without a condition are plain ones. 7,701 faces are 29.6 million pairs,
 * which takes some seconds.
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
  const [probes, gallery] = joinAll(faces);
  const dimensions = probes.length / count;
  const numbers = new Map<string, number>();
  const people = new Int32Array(count);
  faces.forEach(({ person }, i) => {
    if (!numbers.has(person)) numbers.set(person, numbers.size);
    people[i] = numbers.get(person) ?? 0;
  });
  let genuinePairs = 0;
  for (let rows = 0; rows < count; rows += BLOCK) {
    for (let columns = rows; columns < count; columns += BLOCK) {
      for (let i = rows; i < Math.min(rows + BLOCK, count); i++) {
        for (let j = Math.max(columns, i + 1); j < Math.min(columns + BLOCK, count); j++) {
          const bin = findBin(dot(probes, i * dimensions, gallery, j * dimensions, dimensions));
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

/** Joins the embeddings, each with its bias behind it. The dot product of a probe and a row of the gallery is the corrected cosine. */
function joinAll(faces: readonly LabelledEmbedding[]): [probes: Float32Array, gallery: Float32Array] {
  const length = (faces[0]?.embedding.length ?? 0) + BIAS_LENGTH;
  const probes = new Float32Array(faces.length * length);
  const gallery = new Float32Array(faces.length * length);
  faces.forEach((face, i) => {
    if (face.embedding.length + BIAS_LENGTH !== length) throw new TypeError('the embeddings have different lengths');
    probes.set(joinNegatedBias(face), i * length);
    gallery.set(joinBias(face), i * length);
  });
  return [probes, gallery];
}

/** Computes the dot product in four sums side by side, so that no addition waits for the one before it. */
function dot(probes: Float32Array, a: number, gallery: Float32Array, b: number, length: number): number {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    first += probes[a + k]! * gallery[b + k]!;
    second += probes[a + k + 1]! * gallery[b + k + 1]!;
    third += probes[a + k + 2]! * gallery[b + k + 2]!;
    fourth += probes[a + k + 3]! * gallery[b + k + 3]!;
  }
  for (; k < length; k++) first += probes[a + k]! * gallery[b + k]!;
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
