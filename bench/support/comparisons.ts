// Comparisons of whole lists of faces: which pairs of one person and of different people the product would accept at 80 and at 90.
import { BIAS_LENGTH } from '../../src/domain/bias.js';
import type { FaceCondition } from '../../src/domain/condition.js';
import type { SimilarityScale } from '../../src/domain/similarity.js';
import type { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { bootstrapBound } from './rates.js';

/** A face as the pipeline returned it, or a picture in which it found none that it would compare. */
export interface SeenFace {
  person: string;
  /** Name of the photo: a pair of one photo is no comparison. */
  photo: string;
  found: boolean;
  embedding?: Float32Array | undefined;
  condition?: FaceCondition | undefined;
  /** Degrees. */
  yaw: number;
}

/** The two similarities that are judged, and the false accept rates that they promise. */
export const PROMISES = [
  { similarity: 90, far: 1e-5 },
  { similarity: 80, far: 1e-4 },
] as const;
/** Reported similarities have four decimals: from this far below, a similarity is rounded up. */
const ROUNDING = 0.5e-4;
/** Hits that are kept for the bootstrap. Beyond them the rate is far above any promise, and the exact bound serves. */
const MAX_HITS = 20_000;
const BLOCK = 64;

/** Accepted pairs at one similarity. */
export interface Accepts {
  genuine: number;
  impostor: number;
  /** Share of the pairs of different people, and its upper 95 % bound. */
  far: number;
  farBound: number;
}

export interface Comparison {
  genuinePairs: number;
  impostorPairs: number;
  /** At 90 and 80, with the conditions of both faces. A face that is refused matches nobody. */
  judged: readonly [at90: Accepts, at80: Accepts];
  /** The same on one scale for all faces, with no face refused for its condition. */
  plain: readonly [at90: Accepts, at80: Accepts];
}

interface Side {
  count: number;
  embeddings: Float32Array;
  /** BIAS_LENGTH values for each face. */
  biases: Float32Array;
  /** 1 where the face may match. */
  recognisable: Uint8Array;
  embedded: Uint8Array;
  people: Int32Array;
  photos: readonly string[];
}

/** Compares faces on the scales of one embedder. */
export class Comparer {
  readonly #scales: SimilarityScales;
  readonly #dimensions: number;
  readonly #plain: readonly number[];
  readonly #numbers = new Map<string, number>();

  /** @param plain cosines of 90 and 80 on a scale for all faces; default: the scale of clear faces */
  constructor(scales: SimilarityScales, dimensions: number, plain?: readonly [at90: number, at80: number]) {
    this.#scales = scales;
    this.#dimensions = dimensions;
    this.#plain = plain ?? PROMISES.map(({ similarity }) => findLeastCosine(scales.scale, similarity));
  }

  /** Tells whether the product embeds this face, and then refuses it because it is not recognisable. */
  isUnrecognisable({ embedding, condition }: SeenFace): boolean {
    return embedding !== undefined && !this.#scales.isRecognisable(condition);
  }

  /** Compares each face of a list with each later one. */
  compareAmong(faces: readonly SeenFace[]): Comparison {
    const side = this.#prepare(faces);
    return this.#compare(side, side);
  }

  /** Compares each probe with each face of the gallery. Two pictures of one photo are not compared. */
  compareWith(probes: readonly SeenFace[], gallery: readonly SeenFace[]): Comparison {
    return this.#compare(this.#prepare(probes), this.#prepare(gallery));
  }

  #compare(probes: Side, gallery: Side): Comparison {
    const isAmong = probes === gallery;
    const thresholds = PROMISES.map(({ similarity }) => findLeastCosine(this.#scales.scale, similarity));
    const genuine = new Uint32Array(4);
    const impostor = new Uint32Array(4);
    const hits: [number, number][][] = [[], [], [], []];
    let genuinePairs = 0;
    let impostorPairs = 0;
    for (let blockStart = 0; blockStart < gallery.count; blockStart += BLOCK) {
      const blockEnd = Math.min(gallery.count, blockStart + BLOCK);
      for (let i = 0; i < probes.count; i++) {
        for (let j = isAmong ? Math.max(blockStart, i + 1) : blockStart; j < blockEnd; j++) {
          const isSame = probes.people[i] === gallery.people[j];
          if (isSame && probes.photos[i] === gallery.photos[j]) continue;
          if (isSame) genuinePairs++;
          else impostorPairs++;
          if (!probes.embedded[i] || !gallery.embedded[j]) continue;
          const cosine = dot(probes.embeddings, gallery.embeddings, i, j, this.#dimensions);
          const isRecognisable = probes.recognisable[i] === 1 && gallery.recognisable[j] === 1;
          const corrected = cosine - dot(probes.biases, gallery.biases, i, j, BIAS_LENGTH);
          const counts = isSame ? genuine : impostor;
          for (let level = 0; level < 4; level++) {
            const isAccepted =
              level < 2 ? isRecognisable && corrected >= thresholds[level]! : cosine >= this.#plain[level - 2]!;
            if (!isAccepted) continue;
            counts[level]!++;
            if (!isSame && hits[level]!.length < MAX_HITS) hits[level]!.push([probes.people[i]!, gallery.people[j]!]);
          }
        }
      }
    }
    const [perProbe, perGallery] = [this.#countByPerson(probes), this.#countByPerson(gallery)];
    const accepts = (level: number): Accepts => ({
      genuine: genuine[level]!,
      impostor: impostor[level]!,
      far: impostor[level]! / Math.max(1, impostorPairs),
      farBound: bootstrapBound({ hits: hits[level]!, probes: perProbe, gallery: perGallery, among: isAmong }),
    });
    return {
      genuinePairs,
      impostorPairs,
      judged: [accepts(0), accepts(1)],
      plain: [accepts(2), accepts(3)],
    };
  }

  #prepare(faces: readonly SeenFace[]): Side {
    const side: Side = {
      count: faces.length,
      embeddings: new Float32Array(faces.length * this.#dimensions),
      biases: new Float32Array(faces.length * BIAS_LENGTH),
      recognisable: new Uint8Array(faces.length),
      embedded: new Uint8Array(faces.length),
      people: new Int32Array(faces.length),
      photos: faces.map(({ photo }) => photo),
    };
    faces.forEach(({ person, embedding, condition }, i) => {
      let number = this.#numbers.get(person);
      if (number === undefined) this.#numbers.set(person, (number = this.#numbers.size));
      side.people[i] = number;
      if (!embedding) return;
      side.embeddings.set(embedding, i * this.#dimensions);
      side.embedded[i] = 1;
      if (condition?.bias) side.biases.set(condition.bias, i * BIAS_LENGTH);
      side.recognisable[i] = Number(this.#scales.isRecognisable(condition));
    });
    return side;
  }

  #countByPerson({ people }: Side): Uint32Array {
    const counts = new Uint32Array(this.#numbers.size);
    for (const person of people) counts[person]!++;
    return counts;
  }
}

/** Returns the least cosine whose reported similarity reaches the threshold. */
function findLeastCosine(scale: SimilarityScale, similarity: number): number {
  return scale.toCosine(similarity - ROUNDING);
}

/** Computes the cosine of two normalised embeddings, in four sums side by side so that no addition waits for the one before it. */
function dot(a: Float32Array, b: Float32Array, i: number, j: number, length: number): number {
  const from = i * length;
  const other = j * length;
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let k = 0; k + 3 < length; k += 4) {
    first += a[from + k]! * b[other + k]!;
    second += a[from + k + 1]! * b[other + k + 1]!;
    third += a[from + k + 2]! * b[other + k + 2]!;
    fourth += a[from + k + 3]! * b[other + k + 3]!;
  }
  return first + second + third + fourth;
}
