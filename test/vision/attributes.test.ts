// The input of a mask model, and the decision from its scores.
import { describe, expect, it } from 'vitest';
import type { Landmarks, Point } from '../../src/domain/face.js';
import { renderFace } from '../../tools/rendered-people/render-face.js';
import { loadManifest, getModelSet, type MaskModel } from '../../src/models/manifest.js';
import type { FloatTensor } from '../../src/models/session.js';
import { loadAddon } from '../../src/native/addon.js';
import { MaskClassifier } from '../../src/vision/attributes.js';

const addon = loadAddon();
const manifest = loadManifest();
const { embedder, mask: aligned } = getModelSet(manifest, 'builtin');
if (!aligned) throw new Error('the set has no mask model');
const { template } = embedder;
const [CROP, WIDTH, HEIGHT] = [112, 400, 300];

/** A model that records its input and always gives the same scores. */
class Shown {
  input: FloatTensor | undefined;
  readonly #answer: { name: string; scores: readonly number[] };

  constructor({ output }: MaskModel, scores: readonly number[]) {
    this.#answer = { name: output.name, scores };
  }

  async run(feeds: Readonly<Record<string, FloatTensor>>): Promise<Record<string, Float32Array>> {
    const { data, dims } = Object.values(feeds)[0]!;
    this.input = { data: Float32Array.from(data), dims };
    return { [this.#answer.name]: Float32Array.from(this.#answer.scores) };
  }
}

const crop = renderFace(5, { widthPx: CROP, heightPx: CROP, facePx: 90 }).rgb;

/** Makes a picture that contains the crop rotated and enlarged. */
function scene(degrees: number, scale: number): { rgb: Uint8Array; landmarksPx: Landmarks } {
  const angle = (degrees / 180) * Math.PI;
  const [a, b] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  const at = ([x, y]: readonly [number, number]): Point => ({
    x: WIDTH / 2 + a * (x - CROP / 2) - b * (y - CROP / 2),
    y: HEIGHT / 2 + b * (x - CROP / 2) + a * (y - CROP / 2),
  });
  const origin = at([0, 0]);
  const rgb = new Uint8Array(WIDTH * HEIGHT * 3);
  const matrix = [a, -b, origin.x, b, a, origin.y] as const;
  addon.warp(addon.wrapRgb(crop, CROP, CROP), rgb, { widthPx: WIDTH, heightPx: HEIGHT, matrix, border: 'reflect' });
  const [leftEye, rightEye, nose, leftLip, rightLip] = template.map(at);
  return { rgb, landmarksPx: [leftEye!, rightEye!, nose!, leftLip!, rightLip!] };
}

/** Computes the mean difference, in grey levels, between an interleaved picture and a planar tensor. */
function meanDifference(rgb: Uint8Array, { data }: FloatTensor): number {
  const pixels = rgb.length / 3;
  let sum = 0;
  for (let i = 0; i < rgb.length; i++) sum += Math.abs(rgb[i]! - data[(i % 3) * pixels + Math.floor(i / 3)]!);
  return sum / rgb.length;
}

describe('a mask model of aligned faces', () => {
  const plain: MaskModel = {
    ...aligned,
    input: { ...aligned.input, order: 'rgb', mean: [0, 0, 0], std: [1, 1, 1], widthPx: CROP, heightPx: CROP },
  };

  it.each([
    [0, 1],
    [25, 1.8],
    [-70, 1.4],
  ])(
    'gets the face on the template when the picture shows it rotated by %i degrees and %f times as large',
    async (angle, scale) => {
      const { rgb, landmarksPx } = scene(angle, scale);
      const session = new Shown(plain, [1, 0]);
      const classifier = new MaskClassifier({ addon, session, model: plain, template });
      await classifier.isMasked(addon.wrapRgb(rgb, WIDTH, HEIGHT), { landmarksPx });
      expect(session.input?.dims).toEqual([1, 3, CROP, CROP]);
      if (!session.input) return;
      expect(meanDifference(crop, session.input)).toBeLessThan(5);
      // The difference is large when the face is at another place.
      const shifted = scene(angle + 15, scale);
      await classifier.isMasked(addon.wrapRgb(shifted.rgb, WIDTH, HEIGHT), { landmarksPx });
      expect(meanDifference(crop, session.input)).toBeGreaterThan(8);
    },
  );
});

describe('a face is masked', () => {
  it.each<[string, MaskModel, number[], boolean]>([
    ['where that logit is the greater one', aligned, [-3, -2], true],
    ['not where the other one is', aligned, [4, -1], false],
    ['not where both are alike', aligned, [1, 1], false],
  ])('%s', async (_words, model, scores, expected) => {
    const { rgb, landmarksPx } = scene(0, 1);
    const classifier = new MaskClassifier({ addon, session: new Shown(model, scores), model, template });
    expect(await classifier.isMasked(addon.wrapRgb(rgb, WIDTH, HEIGHT), { landmarksPx })).toBe(expected);
  });

  it.each([[[]], [[1]]])('with an error where the model returns only %j', async (scores) => {
    const { rgb, landmarksPx } = scene(0, 1);
    const classifier = new MaskClassifier({ addon, session: new Shown(aligned, scores), model: aligned, template });
    await expect(classifier.isMasked(addon.wrapRgb(rgb, WIDTH, HEIGHT), { landmarksPx })).rejects.toThrow(/only/);
  });
});

describe('every set', () => {
  it('has the mask model of Lintel', () => {
    for (const name of Object.keys(manifest.sets)) expect(getModelSet(manifest, name).mask).toEqual(aligned);
  });
});
