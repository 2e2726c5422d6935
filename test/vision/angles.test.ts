// Faces at any angle in the picture: they are found, and their landmarks and roll are right.
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCondition, PictureMaker } from '../../tools/conditions/condition.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { renderFace } from '../../tools/rendered-people/render-face.js';
import { boxIou, type Landmarks, type Point } from '../../src/domain/face.js';
import { decodeCrop } from '../../src/cli/models/decode-crop.js';
import { readLabelledPictures } from '../../src/models/calibrate/aligned-pictures.js';
import { loadAddon } from '../../src/native/addon.js';
import {
  invertAffine,
  mirrorOutput,
  swapSides,
  transformBox,
  transformLandmarks,
  transformPoint,
  turnAbout,
} from '../../src/vision/affine.js';
import type { DetectedFace } from '../../src/vision/detections.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { estimatePose } from '../../src/vision/pose.js';
import { measureQuality } from '../../src/vision/quality.js';
import { Recogniser } from '../rendered-people/recogniser.js';
import { listLondonPhotos, readPicture } from '../support/london.js';
import { modelSetsAtHand } from '../support/model-sets.js';
import { lfwDir, londonDir, missing } from '../support/shared.js';
import { landmarkError, turnPicture, wrapDegrees } from '../support/turned.js';

const addon = loadAddon();
const ANGLES = [30, 90, 135, 180, 300];

describe.each(modelSetsAtHand)('faces at any angle, with the set $set', (models) => {
  let recogniser: Recogniser;
  beforeAll(async () => {
    recogniser = await Recogniser.open(models);
  });
  afterAll(() => recogniser.close());

  const only = async (picture: Picture): Promise<DetectedFace> => {
    const faces = await recogniser.detect(picture);
    expect(faces).toHaveLength(1);
    return faces[0]!;
  };

  it('have the landmarks and the roll of the upright face, turned', async () => {
    const portrait = renderFace(DISTINCT_SEEDS[0], { widthPx: 400, heightPx: 400, facePx: 130, samples: 1 });
    const upright = await only(portrait);
    for (const degrees of ANGLES) {
      const turned = turnPicture(addon, portrait, { centre: { x: 200, y: 200 }, degrees, scale: 1, sidePx: 480 });
      const face = await only(turned);
      expect(face).not.toHaveProperty('isAlignmentSure');
      const expected = transformLandmarks(turned.matrix, upright.landmarksPx);
      expect(landmarkError(expected, face.landmarksPx), `at ${degrees}`).toBeLessThan(7);
      const roll = estimatePose(face.landmarksPx).roll - estimatePose(upright.landmarksPx).roll - degrees;
      expect(Math.abs(wrapDegrees(roll)), `at ${degrees}`).toBeLessThan(5);
      expect(boxIou(face.boxPx, transformBox(turned.matrix, upright.boxPx))).toBeGreaterThan(0.4);
    }
  });

  it('have mirrored landmarks in a mirrored picture, also when the head is turned aside by 40 degrees', async () => {
    for (const [i, yaw] of [0, 40].entries()) {
      const portrait = renderFace(DISTINCT_SEEDS[i + 2]!, { facePx: 120, pose: { yaw, roll: 10 }, samples: 1 });
      const face = await only(portrait);
      const other = await only(mirrorPicture(portrait));
      const mirrored = face.landmarksPx.map(({ x, y }) => ({ x: portrait.widthPx - 1 - x, y })) as unknown as Landmarks;
      expect(landmarkError(swapSides(mirrored), other.landmarksPx), `yaw ${yaw}`).toBeLessThan(9);
    }
  });

  it('are found in frames of a camera when they lie on the side, within a few frames', async () => {
    const portrait = renderFace(DISTINCT_SEEDS[1], { widthPx: 480, heightPx: 480, facePx: 120, samples: 1 });
    const turned = turnPicture(addon, portrait, { centre: { x: 240, y: 240 }, degrees: 90, scale: 1, sidePx: 480 });
    const rolls: number[] = [];
    for (let frameNumber = 1; frameNumber <= 8; frameNumber++) {
      const faces = await recogniser.detect(turned, { frameNumber });
      rolls.push(...faces.map(({ landmarksPx }) => estimatePose(landmarksPx).roll));
    }
    expect(rolls.length).toBeGreaterThan(0);
    for (const roll of rolls) expect(Math.abs(wrapDegrees(roll - 90))).toBeLessThan(5);
  });

  it('are marked where a picture looks the same upside down, and cannot be recognised', async () => {
    const portrait = renderFace(DISTINCT_SEEDS[0], { widthPx: 320, heightPx: 320, facePx: 150, samples: 1 });
    // The middle of the blend is the middle of the face, so that both faces lie on each other.
    const { boxPx } = await only(portrait);
    const centre = { x: (boxPx.x0 + boxPx.x1) / 2, y: (boxPx.y0 + boxPx.y1) / 2 };
    const { rgb } = turnPicture(addon, portrait, { centre, degrees: 0, scale: 1, sidePx: 321 });
    const upsideDown = turnPicture(addon, portrait, { centre, degrees: 180, scale: 1, sidePx: 321 });
    const blend = { widthPx: 321, heightPx: 321, rgb: rgb.map((value, i) => (value + upsideDown.rgb[i]!) >> 1) };
    const faces = await recogniser.detect(blend);
    expect(faces.length).toBeGreaterThan(0);
    expect(faces[0]!.isAlignmentSure).toBe(false);

    const described = { ...faces[0]!, pose: { yaw: 0, pitch: 0, roll: 0 } };
    const crop = new Uint8Array(112 * 112 * 3).map((_, i) => (i * 31) % 200);
    expect(measureQuality(described, crop, 112).overall).toBe(0);
    const { boxPx: found, detectionScore, pose } = described;
    expect(measureQuality({ boxPx: found, detectionScore, pose }, crop, 112).overall).toBeGreaterThan(0.4);

    const { models: set, modelsDir } = models;
    const pipeline = await Pipeline.open({ addon, set, modelsDir, providers: ['cpu'] });
    try {
      const raw = { width: blend.widthPx, height: blend.heightPx, channels: 3 } as const;
      const png = await sharp(blend.rgb, { raw }).png().toBuffer();
      const options = { embed: 1, mask: false, liveness: false };
      const seen = await pipeline.analyseImage(png, options);
      expect(seen.faces[0]!.embedding).toBeDefined();
      expect(seen.faces[0]!.condition?.recognisability).toBe(0);
    } finally {
      await pipeline.close();
    }
  });

  it.skipIf(missing('the landmarks of photos at any angle', londonDir))(
    'have the landmarks that people set by hand, and the roll to 3 degrees',
    async () => {
      const rolls: number[] = [];
      for (const { path, landmarksPx } of listLondonPhotos(londonDir ?? '').slice(0, 8)) {
        const photo = await readPicture(path);
        for (const degrees of [75, 165, 285]) {
          const turned = turnPicture(addon, photo, { centre: { x: 320, y: 320 }, degrees, scale: 0.8, sidePx: 640 });
          const face = await only(turned);
          const truth = transformLandmarks(turned.matrix, landmarksPx);
          expect(landmarkError(truth, face.landmarksPx), `${path} at ${degrees}`).toBeLessThan(11);
          rolls.push(wrapDegrees(estimatePose(face.landmarksPx).roll - estimatePose(truth).roll));
        }
      }
      const rootMeanSquare = Math.sqrt(rolls.reduce((sum, roll) => sum + roll ** 2, 0) / rolls.length);
      expect(rootMeanSquare).toBeLessThan(3);
    },
  );
});

// A single look scores each of these nearly as well in a wrong direction as upright. The other set's detector is unsure of other faces.
it.skipIf(missing('faces whose directions look alike', lfwDir))(
  'is sure of a direction where only single looks contradict it',
  async () => {
    const models = modelSetsAtHand.find(({ set }) => set === 'standard') ?? modelSetsAtHand[0];
    const wanted = new Set(['John_Ashcroft_0043', 'Naomi_Watts_0006']);
    const maker = new PictureMaker(addon);
    const pipeline = await Pipeline.open({
      addon,
      set: models.models,
      modelsDir: models.modelsDir,
      providers: ['cpu'],
    });
    const rolls: number[] = [];
    try {
      let number = 0;
      for await (const { name, bytes } of readLabelledPictures(join(lfwDir ?? '', 'lfw_pairs_112.tar'))) {
        number++;
        if (!wanted.has(name)) continue;
        const portrait = await maker.make(await decodeCrop(bytes, addon), parseCondition('clear'), number);
        const { faces } = await pipeline.analyseImage(portrait, { embed: 1, mask: false, liveness: false });
        expect(faces[0]!.condition?.recognisability, name).toBeGreaterThan(0.43);
        rolls.push(faces[0]!.pose.roll);
      }
    } finally {
      await pipeline.close();
    }
    expect(rolls).toHaveLength(wanted.size);
    for (const roll of rolls) expect(Math.abs(roll)).toBeLessThan(10);
  },
);

describe('affine transforms', () => {
  const matrix = turnAbout({ x: 30, y: 40 }, 35, 1.5, { x: 7, y: -3 });

  it('turn clockwise about the centre', () => {
    expect(transformPoint(matrix, { x: 30, y: 40 })).toEqual({ x: 7, y: -3 });
    const quarter = turnAbout({ x: 0, y: 0 }, 90, 2, { x: 0, y: 0 });
    expect(transformPoint(quarter, { x: 1, y: 0 }).x).toBeCloseTo(0);
    expect(transformPoint(quarter, { x: 1, y: 0 }).y).toBeCloseTo(2);
    const box = transformBox(quarter, { x0: 1, y0: 2, x1: 3, y1: 6 });
    for (const [side, value] of Object.entries({ x0: -12, y0: 2, x1: -4, y1: 6 })) {
      expect(box[side as keyof typeof box]).toBeCloseTo(value);
    }
  });

  it.each([
    ['a turn', matrix],
    ['a mirrored turn', mirrorOutput(matrix, 128)],
  ])('have an inverse: %s', (_, transform) => {
    const point: Point = { x: 12, y: -5 };
    const back = transformPoint(invertAffine(transform), transformPoint(transform, point));
    expect(back.x).toBeCloseTo(point.x);
    expect(back.y).toBeCloseTo(point.y);
  });

  it('mirror the pixels of the output', () => {
    const { x, y } = transformPoint(matrix, { x: 3, y: 9 });
    expect(transformPoint(mirrorOutput(matrix, 100), { x: 3, y: 9 })).toEqual({ x: 99 - x, y });
  });

  it('without an inverse are refused', () => {
    expect(() => invertAffine([1, 2, 0, 2, 4, 0])).toThrow(RangeError);
  });
});

function mirrorPicture({ widthPx, heightPx, rgb }: Picture): Picture {
  const mirrored = new Uint8Array(rgb.length);
  for (let row = 0; row < heightPx; row++) {
    for (let column = 0; column < widthPx; column++) {
      const from = (row * widthPx + widthPx - 1 - column) * 3;
      mirrored.set(rgb.subarray(from, from + 3), (row * widthPx + column) * 3);
    }
  }
  return { widthPx, heightPx, rgb: mirrored };
}
