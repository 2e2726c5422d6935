// The input tensors on which a model's ranges are recorded, made of aligned faces.
import { AppError } from '../../src/errors.js';
import { readLabelledPictures } from '../../src/models/calibrate/aligned-pictures.js';
import type { DetectorModel, EmbedderModel, LivenessModel, MaskModel, Model } from '../../src/models/manifest.js';
import type { FloatTensor } from '../../src/models/session.js';
import type { Picture } from '../rendered-people/head.js';
import type { Addon } from '../../src/native/addon.js';
import { fitSquare } from '../../src/vision/attributes.js';
import { decodeCrop } from '../../src/cli/models/decode-crop.js';
import { composeScene } from './scenes.js';

const SCENE = { widthPx: 640, heightPx: 480 };
/** Size at which the detector finds a face that fills the picture; a margin is added around it. */
const CLOSE_UP_PX = 320;

/** Reads crops that are evenly spread over the set, so that they show many people. @param count number of crops */
export async function readCrops(path: string, count: number, addon: Addon): Promise<Picture[]> {
  const all: Uint8Array[] = [];
  for await (const { bytes } of readLabelledPictures(path)) all.push(bytes);
  const step = Math.max(1, all.length / count);
  const crops: Picture[] = [];
  for (let at = 0; at < all.length && crops.length < count; at += step) {
    crops.push(await decodeCrop(all[Math.floor(at)]!, addon));
  }
  return crops;
}

/**
 * Creates `crops.length` inputs as the vision pipeline makes them: the crop itself for a model of aligned faces, with every second one masked
 * for a mask model; a composed scene for a detector; for the other models the square around a face of a composed scene.
 * @throws AppError INVALID_PARAM where the crops do not have the size of the model's input
 */
export async function* createInputs(
  model: Model,
  crops: readonly Picture[],
  addon: Addon,
): AsyncGenerator<FloatTensor> {
  for (let i = 0; i < crops.length; i++) yield oneInput(model, crops, i, addon);
}

/** Describes the inputs, for the record in the ranges file. */
export function describeInputs(model: Model): string {
  if (model.task === 'embedder') return 'aligned faces of LFW';
  if (model.task === 'mask') return 'aligned faces of LFW, every second one masked';
  return 'scenes composed of LFW faces and rendered heads';
}

function oneInput(model: Model, crops: readonly Picture[], i: number, addon: Addon): FloatTensor {
  switch (model.task) {
    case 'embedder':
      return alignedInput(model, crops[i]!, addon);
    case 'mask':
      return alignedInput(model, i % 2 === 1 ? withoutMouth(crops[i]!, i) : crops[i]!, addon);
    case 'liveness':
      return squareInput(model, crops, i, addon);
    case 'detector':
      return sceneInput(model, crops, i, addon);
  }
}

function alignedInput({ input }: EmbedderModel | MaskModel, crop: Picture, addon: Addon): FloatTensor {
  const { widthPx, heightPx } = input;
  if (crop.widthPx !== widthPx || crop.heightPx !== heightPx) {
    throw new AppError('INVALID_PARAM', `the aligned faces must be ${widthPx} x ${heightPx} px`);
  }
  const tensor = emptyTensor(widthPx, heightPx);
  const image = addon.wrapRgb(crop.rgb, widthPx, heightPx);
  const place = { widthPx, heightPx, scale: 1, offsetX: 0, offsetY: 0 };
  addon.letterbox(image, tensor.data, { ...place, ...readFormat(input) });
  return tensor;
}

function sceneInput({ input }: DetectorModel, crops: readonly Picture[], i: number, addon: Addon): FloatTensor {
  const { widthPx, heightPx } = SCENE;
  const scene = composeScene(i + 1, widthPx, heightPx, crops);
  const image = addon.wrapRgb(scene.rgb, widthPx, heightPx);
  const isCloseUp = i % 4 === 3;
  const scale = isCloseUp ? CLOSE_UP_PX / widthPx : 1;
  const [width, height] = isCloseUp ? [CLOSE_UP_PX, CLOSE_UP_PX] : [widthPx, heightPx];
  const tensor = emptyTensor(width, height);
  const offsetY = Math.round((height - heightPx * scale) / 2);
  const place = { widthPx: width, heightPx: height, scale, offsetX: 0, offsetY };
  addon.letterbox(image, tensor.data, { ...place, ...readFormat(input) });
  return tensor;
}

function squareInput(
  { input, boxFactor, border }: LivenessModel,
  crops: readonly Picture[],
  i: number,
  addon: Addon,
): FloatTensor {
  const scene = composeScene(i + 1, SCENE.widthPx, SCENE.heightPx, crops);
  const image = addon.wrapRgb(scene.rgb, SCENE.widthPx, SCENE.heightPx);
  const { widthPx, heightPx } = input;
  const tensor = emptyTensor(widthPx, heightPx);
  const matrix = fitSquare(scene.boxes[0]!, { factor: boxFactor, widthPx, heightPx });
  addon.warpToTensor(image, tensor.data, { widthPx, heightPx, matrix, border, ...readFormat(input) });
  return tensor;
}

function emptyTensor(widthPx: number, heightPx: number): FloatTensor {
  return { data: new Float32Array(3 * widthPx * heightPx), dims: [1, 3, heightPx, widthPx] };
}

function readFormat({ order, mean, std }: Model['input']): Pick<Model['input'], 'order' | 'mean' | 'std'> {
  return { order, mean, std };
}

/** Covers the lower part of a crop with one colour, as a mask does. */
function withoutMouth({ widthPx, heightPx, rgb }: Picture, seed: number): Picture {
  const covered = Uint8Array.from(rgb);
  const colour = [(seed * 67) % 256, (seed * 131) % 256, (seed * 197) % 256];
  for (let at = Math.round(heightPx * 0.56) * widthPx * 3; at < covered.length; at++) covered[at] = colour[at % 3]!;
  return { widthPx, heightPx, rgb: covered };
}
