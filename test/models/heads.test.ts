// The condition heads of the manifest, on faces that the test renders and damages itself.
import { describe, expect, it } from 'vitest';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { loadConditionHead } from '../../src/models/condition-head.js';
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest } from '../../src/models/manifest.js';
import { checkFile } from '../../src/models/model-files.js';
import { openModel } from '../../src/models/open-model.js';
import { setInForms } from '../../src/models/precision.js';
import { loadAddon } from '../../src/native/addon.js';
import { Embedder } from '../../src/vision/embed.js';
import { renderFace } from '../../tools/rendered-people/render-face.js';

const SIDE = 112;
const manifest = loadManifest();
const addon = loadAddon();

/** Damages an aligned crop: RGB, 112 x 112. */
const DAMAGES: Record<string, (crop: Uint8Array) => Uint8Array> = {
  'upside down': (crop) => crop.map((_, i) => crop[(SIDE * SIDE - 1 - Math.floor(i / 3)) * 3 + (i % 3)]!),
  'shrunk to 9 px': (crop) =>
    crop.map((_, i) => {
      const pixel = Math.floor(i / 3);
      const [x, y] = [pixel % SIDE, Math.floor(pixel / SIDE)].map((at) => Math.floor(at / 12) * 12 + 6);
      return crop[(Math.min(y!, SIDE - 1) * SIDE + Math.min(x!, SIDE - 1)) * 3 + (i % 3)]!;
    }),
  'with 2 % of the light': (crop) => crop.map((value) => Math.round(value * 0.02)),
};

describe.each(Object.keys(manifest.sets))('the head of the set %s', (name) => {
  const set = setInForms(getModelSet(manifest, name), () => 'float');
  const head = loadConditionHead(set.embedder);
  const { points, bounds } = set.embedder.calibration;

  it('is there, with bounds of what is recognisable', () => {
    expect(head?.dimensions).toBe(set.embedder.output.dimensions);
    expect(bounds).toBeDefined();
  });

  // The embedders by Espressif do not know rendered faces: for them these are hardly recognisable either.
  const knowsRendered = name === 'standard' || name === 'builtin';

  it('refuses damaged faces, and finds the same faces more recognisable undamaged', async (context) => {
    if ((await checkFile(DEFAULT_MODELS_DIR, set.embedder)) !== 'present') {
      return context.skip(`the file ${set.embedder.file} is not installed`);
    }
    const session = await openModel(set.embedder, DEFAULT_MODELS_DIR, ['cpu']);
    const embedder = new Embedder({ addon, session, model: set.embedder, head });
    const scales = new SimilarityScales({ points, bounds });
    try {
      for (const seed of [3, 5]) {
        const { rgb } = renderFace(seed, { widthPx: SIDE, heightPx: SIDE, facePx: 90 });
        const clear = (await embedder.embed(rgb)).condition;
        for (const [damage, change] of Object.entries(DAMAGES)) {
          const damaged = (await embedder.embed(change(rgb))).condition;
          expect(scales.isRecognisable(damaged), `${name}, seed ${seed}, ${damage}`).toBe(false);
          if (knowsRendered) expect(damaged!.recognisability).toBeLessThan(clear!.recognisability);
        }
      }
    } finally {
      await session.release();
    }
  });
});
