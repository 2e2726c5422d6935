// The agreement of an embedder's two forms: what an accepted similarity means when faces of one form meet faces of the other.
import { basename, join } from 'node:path';
import { BIAS_LENGTH } from '../../src/domain/bias.js';
import type { EmbeddedFace } from '../../src/domain/embedding.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { loadConditionHead } from '../../src/models/condition-head.js';
import type { EmbedderModel } from '../../src/models/manifest.js';
import { openModel } from '../../src/models/open-model.js';
import { inPrecision, type Precision } from '../../src/models/precision.js';
import { loadAddon } from '../../src/native/addon.js';
import { decodePicture } from '../../src/vision/decode.js';
import { Embedder } from '../../src/vision/embed.js';
import { lfwDir } from '../../test/support/shared.js';
import { readTar } from './lfw.js';

/** The similarities that are judged, and the false accept rates that they promise. */
export const PROMISED = [
  { similarity: 70, far: 1e-3 },
  { similarity: 80, far: 1e-4 },
  { similarity: 90, far: 1e-5 },
] as const;
/** Reported similarities have four decimals: from this far below, a similarity is rounded up. */
const ROUNDING = 0.5e-4;
const FORMS = ['float', 'int8'] as const;

/** One face in both forms. */
export interface FaceInForms {
  person: string;
  forms: Readonly<Record<Precision, EmbeddedFace>>;
}

/** Accepted pairs when the faces of one form are searched in a gallery of another one, on the scale of the probe's form. */
export interface Agreement {
  gallery: Precision;
  probe: Precision;
  genuinePairs: number;
  impostorPairs: number;
  /** One for each of PROMISED: share of the pairs of different people, and of one person, that are accepted. */
  levels: readonly { far: number; tar: number }[];
}

/**
 * Embeds aligned faces of LFW in both forms.
 * @param every takes each n-th person, so that a short run has people of the whole list
 */
export async function embedInForms(model: EmbedderModel, modelsDir: string, every: number): Promise<FaceInForms[]> {
  if (lfwDir === undefined) throw new Error('../shared/lfw is missing');
  const addon = loadAddon();
  const { widthPx, heightPx } = model.input;
  const opened = await Promise.all(
    FORMS.map(async (precision) => {
      const form = inPrecision(model, precision);
      const session = await openModel(form, modelsDir, ['cpu']);
      return { session, embedder: new Embedder({ addon, session, model: form, head: loadConditionHead(form) }) };
    }),
  );
  const [float, int8] = opened;
  if (!float || !int8) throw new Error('a form is missing');
  const faces: FaceInForms[] = [];
  const numbers = new Map<string, number>();
  for (const [path, bytes] of readTar(join(lfwDir, 'lfw_pairs_112.tar'))) {
    const person = basename(path).replace(/_\d+\.\w+$/, '');
    const number = numbers.get(person) ?? numbers.size;
    numbers.set(person, number);
    if (number % every !== 0) continue;
    const image = await decodePicture(bytes, addon);
    const crop = new Uint8Array(widthPx * heightPx * 3);
    addon.warp(image, crop, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
    image.release();
    const forms = { float: await float.embedder.embed(crop), int8: await int8.embedder.embed(crop) };
    faces.push({ person, forms });
  }
  for (const { session } of opened) await session.release();
  return faces;
}

/** Compares each face with each later one, for each form of the gallery and of the probe. */
export function compareForms(model: EmbedderModel, faces: readonly FaceInForms[]): Agreement[] {
  const rows = { float: flatten(faces, 'float'), int8: flatten(faces, 'int8') };
  return FORMS.flatMap((gallery) =>
    FORMS.map((probe) => {
      const { points, bounds, groupFactor } = inPrecision(model, probe).calibration;
      const scales = new SimilarityScales({ points, bounds, groupFactor });
      const thresholds = PROMISED.map(({ similarity }) => scales.scale.toCosine(similarity - ROUNDING));
      const usable = (form: Precision): boolean[] =>
        faces.map(({ forms }) => scales.isRecognisable(forms[form].condition));
      const isUsable = { probe: usable(probe), gallery: usable(gallery) };
      const accepted = thresholds.map(() => ({ genuine: 0, impostor: 0 }));
      let genuinePairs = 0;
      for (let i = 0; i < faces.length; i++) {
        for (let j = i + 1; j < faces.length; j++) {
          const isSame = faces[i]?.person === faces[j]?.person;
          if (isSame) genuinePairs++;
          if (!isUsable.probe[i] || !isUsable.gallery[j]) continue;
          const cosine = product(rows[probe], i, rows[gallery], j);
          thresholds.forEach((threshold, level) => {
            if (cosine >= threshold) accepted[level]![isSame ? 'genuine' : 'impostor']++;
          });
        }
      }
      const impostorPairs = (faces.length * (faces.length - 1)) / 2 - genuinePairs;
      const levels = accepted.map(({ genuine, impostor }) => ({
        far: impostor / impostorPairs,
        tar: genuine / Math.max(1, genuinePairs),
      }));
      return { gallery, probe, genuinePairs, impostorPairs, levels };
    }),
  );
}

/** Returns the smallest and the middle cosine of a face's embeddings in both forms. */
export function measureCosines(faces: readonly FaceInForms[]): { least: number; middle: number } {
  const cosines = faces
    .map(({ forms }) => forms.float.embedding.reduce((sum, value, i) => sum + value * forms.int8.embedding[i]!, 0))
    .sort((a, b) => a - b);
  return { least: cosines[0] ?? Number.NaN, middle: cosines[cosines.length >> 1] ?? Number.NaN };
}

interface Rows {
  values: Float32Array;
  length: number;
}

function flatten(faces: readonly FaceInForms[], form: Precision): Rows {
  const length = (faces[0]?.forms[form].embedding.length ?? 0) + BIAS_LENGTH;
  const values = new Float32Array(faces.length * length);
  faces.forEach(({ forms }, i) => {
    const { embedding, condition } = forms[form];
    values.set(embedding, i * length);
    if (condition?.bias) values.set(condition.bias, i * length + embedding.length);
  });
  return { values, length };
}

/** Computes the corrected cosine of two rows: the product of the embeddings without that of the biases. */
function product(a: Rows, i: number, b: Rows, j: number): number {
  const [x, y] = [a.values, b.values];
  const [from, other] = [i * a.length, j * b.length];
  const biasAt = a.length - BIAS_LENGTH;
  let even = 0;
  let odd = 0;
  for (let k = 0; k < biasAt; k += 2) {
    even += x[from + k]! * y[other + k]!;
    odd += x[from + k + 1]! * y[other + k + 1]!;
  }
  let caused = 0;
  for (let k = biasAt; k < a.length; k++) caused += x[from + k]! * y[other + k]!;
  return even + odd - caused;
}
