// Coarse to fine: which passes the detector makes over frames and still pictures, and that the faces stay the same.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderBackground } from '../../tools/rendered-people/background.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import { renderScene } from '../../tools/rendered-people/render-face.js';
import { boxIou } from '../../src/domain/face.js';
import { openModel } from '../../src/models/open-model.js';
import type { FloatTensor, ModelSession } from '../../src/models/session.js';
import { loadAddon } from '../../src/native/addon.js';
import { Detector, type DetectOptions } from '../../src/vision/detect.js';
import type { DetectedFace } from '../../src/vision/detections.js';
import { modelSetsAtHand } from '../support/model-sets.js';
import { landmarkError } from '../support/turned.js';

const addon = loadAddon();
const SIZE = { widthPx: 640, heightPx: 480 };
const LOOK = '128x128';
const FRAME = { minFacePx: 60, frameNumber: 1 };

describe.each(modelSetsAtHand)('the detector of the set $set', ({ models: { detector: model }, modelsDir }) => {
  let session: ModelSession;
  let detector: Detector;
  /** Sizes of the tensors that the model ran on, apart from looks. */
  let passes: string[] = [];
  /** Factor by which boxes come out too small in all tensors but those of looks. */
  let shrinkage = 1;
  const people = renderPeople([75, 110]);
  const empty: Picture = { ...SIZE, rgb: renderBackground(5, SIZE.widthPx, SIZE.heightPx) };

  beforeAll(async () => {
    session = await openModel(model, modelsDir, ['cpu']);
    const counting = {
      run: async (feeds: Readonly<Record<string, FloatTensor>>) => {
        const [, , heightPx, widthPx] = Object.values(feeds)[0]!.dims;
        const outputs = await session.run(feeds);
        if (`${widthPx}x${heightPx}` === LOOK) return outputs;
        passes.push(`${widthPx}x${heightPx}`);
        for (const [name, data] of Object.entries(outputs)) {
          // The last two of four values are the logarithms of width and height.
          if (name.startsWith('bbox'))
            for (let i = 2; i < data.length; i += i % 4 === 2 ? 1 : 3) data[i]! += Math.log(shrinkage);
        }
        return outputs;
      },
    };
    detector = new Detector({ addon, session: counting, model });
  });
  afterAll(() => session.release());

  async function detect({ rgb, widthPx, heightPx }: Picture, options: DetectOptions): Promise<DetectedFace[]> {
    passes = [];
    const image = addon.wrapRgb(rgb, widthPx, heightPx);
    try {
      return await detector.detect(image, options);
    } finally {
      image.release();
    }
  }

  it('makes one small pass over a frame with a sure face, and finds the faces of its own size', async () => {
    // At 28 px a frame of this size is searched at its own size.
    const exact = (await detect(people, { ...FRAME, minFacePx: 28 })).filter(({ boxPx }) => boxPx.x1 - boxPx.x0 > 60);
    expect(passes).toEqual(['640x480']);
    const faces = await detect(people, FRAME);
    expect(passes).toEqual(['320x224']);
    expect(faces).toHaveLength(2);
    for (const [i, { boxPx, landmarksPx, isAlignmentSure }] of faces.entries()) {
      expect(boxIou(boxPx, exact[i]!.boxPx)).toBeGreaterThan(0.75);
      expect(landmarkError(exact[i]!.landmarksPx, landmarksPx)).toBeLessThan(5);
      expect(isAlignmentSure).toBeUndefined();
    }
  });

  it('decides by a look whether a face is large enough, because boxes in a reduced frame are inexact', async () => {
    shrinkage = 0.82;
    try {
      const measure = async (facePx: number, options: DetectOptions): Promise<number[]> =>
        (await detect(renderPeople([facePx]), options)).map(({ boxPx }) => Math.round(boxPx.x1 - boxPx.x0));
      for (const facePx of [64, 65, 66]) {
        const [inFrame] = await measure(facePx, { ...FRAME, isWanted: () => false });
        expect(inFrame).toBeLessThan(60);
        const [looked] = await measure(facePx, FRAME);
        expect(looked).toBeGreaterThanOrEqual(60);
      }
      expect(await measure(56, FRAME)).toEqual([]);
    } finally {
      shrinkage = 1;
    }
  });

  it('finds the same by pairs of looks at once', async () => {
    const single = await detect(people, FRAME);
    const runs: number[] = [];
    const pairing = {
      takesBatches: session.takesBatches,
      run: (feeds: Readonly<Record<string, FloatTensor>>) => {
        runs.push(Object.values(feeds)[0]!.dims[0]!);
        return session.run(feeds);
      },
    };
    const image = addon.wrapRgb(people.rgb, SIZE.widthPx, SIZE.heightPx);
    expect(await new Detector({ addon, session: pairing, model }).detect(image, FRAME)).toEqual(single);
    image.release();
    expect(Math.max(...runs)).toBe(session.takesBatches ? 2 : 1);
  });

  it('searches a frame without a sure face close up and turned', async () => {
    expect(await detect(empty, FRAME)).toEqual([]);
    expect(passes.slice(0, 2)).toEqual(['320x224', '192x160']);
    expect(['320x224', '224x320']).toContain(passes[2]);
    expect(passes).toHaveLength(3);
  });

  it.each([0.7, 1, 1.15])('finds a face that fills %d of a frame', async (share) => {
    const facePx = Math.round(SIZE.heightPx * share * 0.75);
    const faces = await detect(renderPeople([facePx]), FRAME);
    expect(faces).toHaveLength(1);
    expect(faces[0]!.boxPx.x1 - faces[0]!.boxPx.x0).toBeGreaterThan(facePx * 0.6);
  });

  describe('in a large frame', () => {
    const large = { widthPx: 1280, heightPx: 720 };
    const place = (facesPx: readonly number[]): Picture => renderPeople(facesPx, large);
    const glance = { ...FRAME, mayGlance: true };

    it('finds a large face by a glance, where a close search has it', async () => {
      const close = await detect(place([210]), FRAME);
      expect(passes).toEqual(['608x352']);
      const faces = await detect(place([210]), glance);
      expect(passes).toEqual(['256x160']);
      expect(faces).toHaveLength(1);
      expect(boxIou(faces[0]!.boxPx, close[0]!.boxPx)).toBeGreaterThan(0.75);
      expect(landmarkError(close[0]!.landmarksPx, faces[0]!.landmarksPx)).toBeLessThan(5);
    });

    it('searches closely where a glance finds nobody, or somebody who may be too small for it', async () => {
      expect(await detect(place([]), glance)).toEqual([]);
      expect(passes.slice(0, 3)).toEqual(['256x160', '608x352', '192x160']);
      expect(await detect(place([90]), glance)).toHaveLength(1);
      expect(passes).toEqual(['256x160', '608x352']);
    });

    it('does without a glance in a frame that takes no longer itself', async () => {
      await detect(people, glance);
      expect(passes).toEqual(['320x224']);
    });
  });

  it('makes one pass over a still picture whose faces are clear, at a reduced scale', async () => {
    const faces = await detect(people, { minFacePx: 60 });
    expect(faces).toHaveLength(2);
    expect(passes).toEqual(['384x288']);
  });

  it.each([
    ['nobody is there', empty],
    ['a face may be too small', renderPeople([60, 110])],
  ])('searches a still picture at its own size where %s', async (_, picture) => {
    await detect(picture, { minFacePx: 60 });
    expect(passes.slice(0, 2)).toEqual(['384x288', '640x480']);
  });
});

/** Renders people of these widths of the face side by side before a background. */
function renderPeople(sizesPx: readonly number[], size = SIZE): Picture {
  const heads = sizesPx.map((facePx, i) => ({
    head: DISTINCT_SEEDS[i]!,
    centreX: (size.widthPx * (i + 0.5)) / sizesPx.length,
    centreY: 0.48 * size.heightPx,
    facePx,
  }));
  return renderScene({ ...size, heads, background: 5, samples: 1 });
}
