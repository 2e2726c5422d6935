// The input tensors on which a model's ranges are recorded, made of aligned faces.
import { AppError } from '../errors.js';
import { labelledPictures } from '../models/calibrate-pictures.js';
import type { Model } from '../models/manifest.js';
import type { FloatTensor } from '../models/session.js';
import type { Picture } from '../demo/head.js';
import type { Addon } from '../native/addon.js';
import { squareAround } from '../vision/attributes.js';
import { decodePicture } from '../vision/decode.js';
import { composeScene } from './models-scenes.js';

const SCENE = { widthPx: 640, heightPx: 480 };
/** A face that fills the picture is found at this size with a margin. */
const CLOSE_UP_PX = 320;

/** An aligned face as RGB bytes, at the size of its file. @throws AppError INVALID_IMAGE_BYTES */
export async function decodeCrop(bytes: Uint8Array, addon: Addon): Promise<Picture> {
  const image = await decodePicture(bytes, addon);
  const { widthPx, heightPx } = image;
  const rgb = new Uint8Array(widthPx * heightPx * 3);
  addon.warp(image, rgb, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
  image.release();
  return { widthPx, heightPx, rgb };
}

/** Crops evenly spread over the set, so that they show many people. */
export async function readCrops(path: string, count: number, addon: Addon): Promise<Picture[]> {
  const all: Uint8Array[] = [];
  for await (const { bytes } of labelledPictures(path)) all.push(bytes);
  const step = Math.max(1, all.length / count);
  const crops: Picture[] = [];
  for (let at = 0; at < all.length && crops.length < count; at += step) {
    crops.push(await decodeCrop(all[Math.floor(at)], addon));
  }
  return crops;
}

/**
 * `crops.length` inputs as the vision pipeline would make them: the crop itself for an embedder, a composed scene for a detector, the square
 * around a face for the others.
 * @throws AppError INVALID_PARAM where the crops do not have the embedder's size
 */
export async function* modelInputs(model: Model, crops: readonly Picture[], addon: Addon): AsyncGenerator<FloatTensor> {
  for (let i = 0; i < crops.length; i++) yield oneInput(model, crops, i, addon);
}

function oneInput(model: Model, crops: readonly Picture[], i: number, addon: Addon): FloatTensor {
  const format = { order: model.input.order, mean: model.input.mean, std: model.input.std };
  const tensor = (widthPx: number, heightPx: number): FloatTensor => ({
    data: new Float32Array(3 * widthPx * heightPx),
    dims: [1, 3, heightPx, widthPx],
  });
  if (model.task === 'embedder') {
    const { widthPx, heightPx } = model.input;
    const crop = crops[i];
    if (crop.widthPx !== widthPx || crop.heightPx !== heightPx) {
      throw new AppError('INVALID_PARAM', `the aligned faces must be ${widthPx} x ${heightPx} px`);
    }
    const input = tensor(widthPx, heightPx);
    const image = addon.wrapRgb(crop.rgb, widthPx, heightPx);
    addon.letterbox(image, input.data, { widthPx, heightPx, scale: 1, offsetX: 0, offsetY: 0, ...format });
    return input;
  }
  const { widthPx, heightPx } = SCENE;
  const scene = composeScene(i + 1, widthPx, heightPx, crops);
  const image = addon.wrapRgb(scene.rgb, widthPx, heightPx);
  if (model.task === 'detector') {
    const isCloseUp = i % 4 === 3;
    const side = isCloseUp ? CLOSE_UP_PX : undefined;
    const scale = isCloseUp ? CLOSE_UP_PX / widthPx : 1;
    const input = tensor(side ?? widthPx, side ?? heightPx);
    const [height, width] = [input.dims[2], input.dims[3]];
    const offsetY = Math.round((height - heightPx * scale) / 2);
    addon.letterbox(image, input.data, { widthPx: width, heightPx: height, scale, offsetX: 0, offsetY, ...format });
    return input;
  }
  const input = tensor(model.input.widthPx, model.input.heightPx);
  const box = scene.boxes[0];
  addon.warpToTensor(image, input.data, {
    widthPx: model.input.widthPx,
    heightPx: model.input.heightPx,
    matrix: squareAround(box, model.boxFactor, model.input.widthPx, model.input.heightPx),
    border: model.border,
    ...format,
  });
  return input;
}
