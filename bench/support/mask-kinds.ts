// Kinds of pictures on which mask models are judged: real photos, and faces of LFW that wear or hold things that are drawn.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listHeldOutPeople, type PhotoPair } from '../../src/models/calibrate/lfw-pairs.js';
import { readLabelledPictures } from '../../src/models/calibrate/aligned-pictures.js';
import { decodeCrop } from '../../src/cli/models/decode-crop.js';
import type { Face } from '../../src/domain/face.js';
import type { Addon, NativeImage } from '../../src/native/addon.js';
import { decodePicture } from '../../src/vision/decode.js';
import type { Detector } from '../../src/vision/detect.js';
import { parseCondition, PictureMaker } from '../../tools/conditions/condition.js';
import type { Picture } from '../../tools/rendered-people/head.js';

/** Right verdict on the pictures of a kind; `either` where a mask is worn but shows the mouth, or something else hides it. */
export type Verdict = 'masked' | 'bare' | 'either';

interface DrawnKind {
  condition: string;
  verdict: Verdict;
}

const DAMAGES = [
  'turn:-90..90',
  'small:18..40',
  'blur:1.5..4',
  'dark:0.04..0.3',
  'jpeg:8..25',
  'noise:20..45',
  'glare:0.3..0.8',
];
const COVERED = ['mask:surgical', 'mask:cloth', 'mask:ffp', 'rare:black', 'rare:valve', 'rare:print', 'rare:low'];
const SCARVES = ['scarf:plain', 'scarf:knitted', 'scarf:checked'];
const BARE = [
  ...['clear', 'glasses:clear', 'glasses:dark', 'beard:stubble', 'beard:full', 'beard:white', 'beard:moustache'],
  ...[
    'beard:any+glasses:dark',
    'rare:chin',
    'held:chin',
    'held:cup',
    'held:microphone',
    'held:phone',
    'upper:textured',
  ],
];

/** The drawn kinds; conditions as in tools/conditions. */
export const DRAWN_KINDS: readonly DrawnKind[] = [
  ...[...COVERED, ...SCARVES, 'mask:any+glasses:dark', ...DAMAGES.map((damage) => `mask:any+${damage}`)].map(
    (condition) => ({ condition, verdict: 'masked' as const }),
  ),
  ...[...BARE, ...DAMAGES].map((condition) => ({ condition, verdict: 'bare' as const })),
  ...['rare:window', 'held:hand', 'held:fist'].map((condition) => ({ condition, verdict: 'either' as const })),
];

/** Anything that decides whether a face is masked. */
export interface MaskJudge {
  isMasked(image: NativeImage, face: Pick<Face, 'boxPx' | 'landmarksPx'>): Promise<boolean>;
}

/** Verdicts on the pictures of one kind. */
export interface KindCount {
  kind: string;
  verdict: Verdict;
  /** Pictures, and those in which the detector found a face; the others have no verdict. */
  pictures: number;
  faces: number;
  /** For each judge, number of faces that it takes for masked. */
  masked: number[];
}

/** Reads or draws a picture file. */
type PictureSource = () => Promise<Uint8Array>;

export interface MaskMaterial {
  addon: Addon;
  detector: Pick<Detector, 'detect'>;
  /** Folder with the photos `with_mask` and `without_mask`. */
  masksDir: string;
  /** Folder with the photos `neutral` and `smiling`; absent where it is not here. */
  londonDir?: string | undefined;
  /** Aligned faces of people whom no training has seen. */
  crops: readonly Picture[];
}

/** Reads aligned faces of the people whom the trainings leave out, evenly spread. */
export async function readHeldOutCrops(
  archive: string,
  pairs: readonly PhotoPair[],
  count: number,
  addon: Addon,
): Promise<Picture[]> {
  const heldOut = listHeldOutPeople(pairs);
  const all: Uint8Array[] = [];
  for await (const { person, bytes } of readLabelledPictures(archive)) if (heldOut.has(person)) all.push(bytes);
  const step = Math.max(1, all.length / count);
  const chosen = Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * step)]!);
  return Promise.all(chosen.map((bytes) => decodeCrop(bytes, addon)));
}

/**
 * Counts the verdicts of several judges on the same faces: all photos of each folder, and all crops in each drawn kind.
 * @param onCount gets each kind as soon as it is counted
 */
export async function countByKind(
  judges: readonly MaskJudge[],
  material: MaskMaterial,
  onCount: (count: KindCount) => void = () => {},
): Promise<KindCount[]> {
  const { masksDir, londonDir, crops, addon } = material;
  const counts: KindCount[] = [];
  const count = async (kind: string, verdict: Verdict, pictures: readonly PictureSource[]): Promise<void> => {
    const counted = await countKind({ kind, verdict }, judges, material, pictures);
    counts.push(counted);
    onCount(counted);
  };
  await count('photos, masked', 'masked', listPhotos(join(masksDir, 'with_mask')));
  await count('photos, bare', 'bare', listPhotos(join(masksDir, 'without_mask')));
  if (londonDir !== undefined) {
    await count('London, neutral', 'bare', listPhotos(join(londonDir, 'neutral')));
    await count('London, smiling', 'bare', listPhotos(join(londonDir, 'smiling')));
  }
  const maker = new PictureMaker(addon);
  for (const { condition, verdict } of DRAWN_KINDS) {
    const parsed = parseCondition(condition);
    const pictures = crops.map((crop, i) => () => maker.make(crop, parsed, i + 1));
    await count(condition, verdict, pictures);
  }
  return counts;
}

function listPhotos(folder: string): PictureSource[] {
  const files = readdirSync(folder).filter((file) => /\.(png|jpe?g)$/.test(file));
  return files.map((file) => async () => readFileSync(join(folder, file)));
}

async function countKind(
  { kind, verdict }: Pick<KindCount, 'kind' | 'verdict'>,
  judges: readonly MaskJudge[],
  { addon, detector }: MaskMaterial,
  pictures: readonly PictureSource[],
): Promise<KindCount> {
  const count: KindCount = { kind, verdict, pictures: pictures.length, faces: 0, masked: judges.map(() => 0) };
  for (const read of pictures) {
    const image = await decodePicture(await read(), addon);
    try {
      const [face] = await detector.detect(image, { minFacePx: 20 });
      if (!face) continue;
      count.faces++;
      for (const [i, judge] of judges.entries()) if (await judge.isMasked(image, face)) count.masked[i]!++;
    } finally {
      image.release();
    }
  }
  return count;
}

/** Sums the faces that one judge gets wrong among those of one verdict. @param judge number of the judge */
export function sumWrong(
  counts: readonly KindCount[],
  verdict: 'masked' | 'bare',
  judge: number,
): { wrong: number; faces: number } {
  const sum = { wrong: 0, faces: 0 };
  for (const count of counts) {
    if (count.verdict !== verdict) continue;
    sum.faces += count.faces;
    sum.wrong += verdict === 'bare' ? count.masked[judge]! : count.faces - count.masked[judge]!;
  }
  return sum;
}
