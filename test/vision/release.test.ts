// Native images are released on every path through the vision room, those that end in an error included.
import sharp, { type Sharp } from 'sharp';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { EmbedderModel } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { createCropEncoder } from '../../src/vision/crop-jpeg.js';
import { decodePicture } from '../../src/vision/decode.js';
import { Embedder } from '../../src/vision/embed.js';
import { encodeFrame } from '../../src/vision/frame-jpeg.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { clip } from '../native/clips.js';
import { bestModels } from '../support/model-sets.js';

const addon = loadAddon();
const { models: set, modelsDir } = bestModels;
const OPTIONS = { embed: 1, mask: true, liveness: true };

function blank(width: number, height: number): Sharp {
  return sharp({ create: { width, height, channels: 3, background: '#789' } });
}

// Garbage collection lowers the count as well and would hide a missing release, so each test creates few objects.
let liveBefore: number;
beforeEach(() => (liveBefore = addon.liveImageCount()));
afterEach(() => expect(addon.liveImageCount()).toBe(liveBefore));

it('counts an image once, from its creation until its release', () => {
  const image = addon.wrapRgb(new Uint8Array(12), 2, 2);
  expect(addon.liveImageCount()).toBe(liveBefore + 1);
  image.release();
  image.release();
  expect(addon.liveImageCount()).toBe(liveBefore);
});

describe('decodePicture keeps no image of', () => {
  it.each<[string, () => Promise<Uint8Array>]>([
    ['a JPEG that is too small', () => blank(79, 200).jpeg().toBuffer()],
    ['a PNG that is too small', () => blank(200, 79).png().toBuffer()],
    ['a PNG that is cut short', async () => (await blank(200, 200).png().toBuffer()).subarray(0, 150)],
    ['a JPEG that is cut short', async () => (await blank(200, 200).jpeg().toBuffer()).subarray(0, 300)],
  ])('%s', async (_name, make) => {
    await expect(decodePicture(await make(), addon)).rejects.toMatchObject({ code: 'INVALID_IMAGE_FILE' });
  });
});

describe('the embedder keeps no image', () => {
  const { input, output } = set.embedder;
  const crop = new Uint8Array(input.widthPx * input.heightPx * 3);
  const answer = async (): Promise<Record<string, Float32Array>> => ({
    [output.name]: new Float32Array(output.dimensions).fill(1),
  });
  const open = (model: EmbedderModel, run: typeof answer): Embedder => new Embedder({ addon, model, session: { run } });

  it('of an embedded crop', async () => {
    expect((await open(set.embedder, answer).embed(crop)).embedding).toHaveLength(output.dimensions);
  });

  it('of a crop whose run failed', async () => {
    const failing = open(set.embedder, () => Promise.reject(new Error('the session is gone')));
    await expect(failing.embed(crop)).rejects.toThrow('the session is gone');
  });

  it('of a crop that could not be turned into a tensor', async () => {
    const unusable = { ...set.embedder, input: { ...input, std: [0, 0, 0] as [number, number, number] } };
    await expect(open(unusable, answer).embed(crop)).rejects.toThrow(RangeError);
  });
});

describe('the pipeline keeps no image', () => {
  const openPipeline = (): Promise<Pipeline> => Pipeline.open({ addon, set, modelsDir, providers: ['cpu'] });

  it('of analysed pictures and crops, also when a model fails', async () => {
    const pipeline = await openPipeline();
    const picture = await blank(320, 240).jpeg().toBuffer();
    const crop = new Uint8Array(set.embedder.input.widthPx * set.embedder.input.heightPx * 3);
    await pipeline.analyseImage(picture, { ...OPTIONS, aligned: true });
    await pipeline.embedCrops([crop, crop]);
    expect(addon.liveImageCount()).toBe(liveBefore);
    await pipeline.close();
    // The sessions are released: from here on each run of a model fails.
    await expect(pipeline.analyseImage(picture, OPTIONS)).rejects.toThrow();
    await expect(pipeline.analyseImage(picture, { ...OPTIONS, aligned: true })).rejects.toThrow();
    await expect(pipeline.embedCrops([crop])).rejects.toThrow();
  });

  it('of analysed or encoded frames, also when that fails', async () => {
    const handle = await openClip();
    const frame = { after: 0, mask: true, liveness: true, minFacePx: 24 };
    const encoded = { after: 0, quality: 80, maxWidthPx: 0, boxes: [] };
    const pipeline = await openPipeline();
    expect(await pipeline.analyseFrame(handle, frame)).toMatchObject({ frameNumber: expect.any(Number) as number });
    await pipeline.close();
    await expect(pipeline.analyseFrame(handle, frame)).rejects.toThrow();
    expect(encodeFrame(addon, handle, encoded)?.jpeg.length).toBeGreaterThan(0);
    expect(() => encodeFrame(addon, handle, { ...encoded, quality: 0 })).toThrow(RangeError);
  });

  async function openClip(): Promise<number> {
    let handle = 0;
    await new Promise<void>((resolve) => {
      const limits = { widthPx: 0, heightPx: 0, fps: 0, openTimeoutMs: 5_000, readTimeoutMs: 5_000 };
      const source = { type: 'file', path: clip(8), loop: true, realTime: false } as const;
      handle = addon.openCapture({ source, ...limits }, () => {
        if (addon.captureState(handle).status === 'running') resolve();
      });
    });
    onTestFinished(() => addon.closeCapture(handle));
    return handle;
  }
});

it('encoding a crop keeps no image, also when it fails', () => {
  const encode = createCropEncoder(addon);
  expect(encode(new Uint8Array(112 * 112 * 3)).length).toBeGreaterThan(0);
  expect(() => encode(new Uint8Array(5))).toThrow(RangeError);
});
