// Pictures of rendered people in the pipeline of each set: the values that are computed for each face, and aligned crops.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { GUEST_SEED, renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { renderScene } from '../../tools/rendered-people/render-face.js';
import { cosine } from '../../src/domain/embedding.js';
import { boxHeight, boxWidth } from '../../src/domain/face.js';
import { loadAddon } from '../../src/native/addon.js';
import { alignToTemplate } from '../../src/vision/align.js';
import { decodePicture } from '../../src/vision/decode.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { modelSetsAtHand } from '../support/model-sets.js';

const addon = loadAddon();
const DETECT = { embed: 0, mask: false, liveness: false };

describe.each(modelSetsAtHand)('the pipeline of the set $set', ({ models, modelsDir }) => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await Pipeline.open({ addon, set: models, modelsDir, providers: ['cpu'] });
  });
  afterAll(() => pipeline.close());

  it('embeds only the requested number of faces, the largest', async () => {
    const heads = [90, 120, 70].map((facePx, i) => ({
      head: DISTINCT_SEEDS[i]!,
      centreX: 110 + 180 * i,
      centreY: 150,
      facePx,
    }));
    const scene = encodePicture(renderScene({ widthPx: 600, heightPx: 300, heads, background: 5, samples: 1 }), addon);
    const { faces } = await pipeline.analyseImage(scene, { ...DETECT, embed: 2 });
    expect(faces.map(({ embedding }) => embedding !== undefined)).toEqual([true, true, false]);
    const areas = faces.map(({ boxPx }) => boxWidth(boxPx) * boxHeight(boxPx));
    expect(areas).toEqual(areas.toSorted((a, b) => b - a));
    for (const face of faces) {
      for (const absent of ['crop', 'masked', 'livenessScore']) expect(face).not.toHaveProperty(absent);
    }
  });

  it('classifies a bare face as bare, and scores liveness only when the set has a model for it', async () => {
    const portrait = encodePicture(renderPortrait(GUEST_SEED), addon);
    const { faces } = await pipeline.analyseImage(portrait, { embed: 0, mask: true, liveness: true });
    expect(faces).toHaveLength(1);
    expect(faces[0]!.masked).toBe(false);
    expect(Number.isFinite(faces[0]!.livenessScore)).toBe(models.liveness !== undefined);
  });

  it('treats an aligned crop as one face, without detection', async () => {
    const { embedder } = models;
    const portrait = encodePicture(renderPortrait(GUEST_SEED), addon);
    const [whole] = (await pipeline.analyseImage(portrait, { ...DETECT, embed: 1 })).faces;
    const { widthPx, heightPx } = embedder.input;
    const rgb = new Uint8Array(widthPx * heightPx * 3);
    const matrix = alignToTemplate(whole!.landmarksPx, embedder.template);
    addon.warp(await decodePicture(portrait, addon), rgb, { widthPx, heightPx, matrix, border: 'constant' });
    const crop = await sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } })
      .png()
      .toBuffer();
    const { faces } = await pipeline.analyseImage(crop, { ...DETECT, embed: 1, mask: true, aligned: true });
    expect(faces).toHaveLength(1);
    expect(faces[0]).toMatchObject({ boxPx: { x0: 0, y0: 0, x1: widthPx, y1: heightPx }, detectionScore: 1 });
    expect(faces[0]!.masked).toBe(false);
    expect(cosine(faces[0]!.embedding as Float32Array, whole!.embedding as Float32Array)).toBeGreaterThan(0.99);
  });
});
