// Measures the passive liveness evidence on composed clips: how many flat sheets pass for alive (APCER), how many heads do not (BPCER).
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../src/native/addon.js';
import { PresentationEvidence } from '../src/recognition/presentation-evidence.js';
import { computeErrorRate } from '../src/recognition/liveness-trial.js';
import { openModel } from '../src/models/open-model.js';
import { decodePicture } from '../src/vision/decode.js';
import { Detector } from '../src/vision/detect.js';
import { estimatePose } from '../src/vision/pose.js';
import { PresentationMeter } from '../src/vision/presentation.js';
import { bestModels } from '../test/support/model-sets.js';
import { londonDir } from '../test/support/shared.js';
import { ATTACKS, composeAttack, decodeToPicture } from '../tools/rendered-people/attack-picture.js';
import { encodePicture } from '../tools/rendered-people/clip-file.js';
import { renderFrames } from '../tools/rendered-people/clip.js';
import { renderPortrait } from '../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../tools/rendered-people/distinct-seeds.js';
import type { Picture } from '../tools/rendered-people/head.js';
import {
  createPresentationScript,
  MOTIONS,
  type Motion,
  type Presented,
} from '../tools/rendered-people/presentation-clip.js';
import { result, type Result } from './support/report.js';

/** Frames, at ten per second, after which a face is decided: 1.5 s after the third one. */
const LAST_FRAME = 18;
/** Frames before the first decision. */
const FIRST_FRAME = 3;
/** Width of the face in widths of a portrait: of London's, and of a rendered one. */
const PHOTO_FACE = 0.31;
const RENDERED_FACE = 190 / 480;

interface Outcome {
  verdict: 'live' | 'unsure' | 'spoof';
  meterMs: number[];
}

/** Every score of the liveness model counts as alive: the figures are those of the evidence alone. */
export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const addon = loadAddon();
  const { models: set, modelsDir } = bestModels;
  const session = await openModel(set.detector, modelsDir, ['cpu']);
  const detector = new Detector({ addon, session, model: set.detector });
  const meter = new PresentationMeter(addon);
  const people = short ? 3 : 12;

  async function judge(presented: Presented, motion: Motion, seed: number): Promise<Outcome> {
    const evidence = new PresentationEvidence();
    const meterMs: number[] = [];
    let count = 0;
    const script = createPresentationScript({ presented, motion, seed, durationMs: LAST_FRAME * 100 });
    for (const { picture, atMs } of renderFrames(script)) {
      const image = await decodePicture(encodePicture(picture, addon), addon);
      try {
        const [found] = await detector.detect(image, { minFacePx: 60 });
        if (!found) continue;
        const face = { ...found, pose: estimatePose(found.landmarksPx) };
        const start = performance.now();
        const presentation = meter.measure(image, face);
        meterMs.push(performance.now() - start);
        evidence.add({ ...face, presentation }, atMs);
      } finally {
        image.release();
      }
      if (++count < FIRST_FRAME) continue;
      const { attack, doubts } = evidence.judge();
      if (attack.length > 0) return { verdict: 'spoof', meterMs };
      if (doubts.length === 0) return { verdict: 'live', meterMs };
    }
    return { verdict: 'unsure', meterMs };
  }

  const allMs: number[] = [];
  async function rate(id: string, show: (person: number) => Promise<Presented>, isAttack: boolean): Promise<Result[]> {
    let errors = 0;
    let attempts = 0;
    for (const motion of MOTIONS) {
      for (let person = 0; person < people; person++) {
        const { verdict, meterMs } = await judge(await show(person), motion, 500 + person);
        allMs.push(...meterMs);
        attempts++;
        if ((verdict === 'live') === isAttack) errors++;
      }
    }
    const { rate: share, upper } = computeErrorRate(errors, attempts);
    const name = isAttack ? 'apcer' : 'bpcer';
    return [
      result(`liveness.${name}.${id}`, share, `${errors} of ${attempts} clips`),
      result(`liveness.${name}.${id}.upper`, upper, 'at most, with 95 % confidence'),
    ];
  }

  const photos = londonDir === undefined ? [] : readdirSync(join(londonDir, 'neutral')).sort();
  const portrait = (person: number): Promise<Picture> =>
    londonDir === undefined
      ? Promise.resolve(renderPortrait(DISTINCT_SEEDS[person % DISTINCT_SEEDS.length]!))
      : decodeToPicture(join(londonDir, 'neutral', photos[(person * 8 + 3) % photos.length]!));
  const faceShare = londonDir === undefined ? RENDERED_FACE : PHOTO_FACE;
  const results = await rate(
    'head',
    async (person) => ({ seed: DISTINCT_SEEDS[person % DISTINCT_SEEDS.length]! }),
    false,
  );
  for (const attack of short ? (['paper', 'phone', 'cut-out'] as const) : ATTACKS) {
    const show = async (person: number): Promise<Presented> => {
      const { picture, widthPerPortrait, edge } = await composeAttack(await portrait(person), attack);
      return { sheet: picture, edge, facePerWidth: faceShare / widthPerPortrait };
    };
    results.push(...(await rate(attack, show, true)));
  }
  await session.release();
  const sorted = allMs.toSorted((a, b) => a - b);
  results.push(result('liveness.meter.ms', sorted[sorted.length >> 1] ?? NaN, 'ms per face, median'));
  return results;
}
