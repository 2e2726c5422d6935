// Decodes an aligned face of a labelled set into RGB bytes.
import type { Addon } from '../../native/addon.js';
import { decodePicture } from '../../vision/decode.js';

/** A picture in memory: `rgb` holds height x width x 3 bytes, row by row, in the order red, green, blue. */
export interface RgbPicture {
  widthPx: number;
  heightPx: number;
  rgb: Uint8Array;
}

/** Decodes a JPEG or PNG at the size of its file. @throws AppError INVALID_IMAGE_BYTES */
export async function decodeCrop(bytes: Uint8Array, addon: Addon): Promise<RgbPicture> {
  const image = await decodePicture(bytes, addon);
  try {
    const { widthPx, heightPx } = image;
    const rgb = new Uint8Array(widthPx * heightPx * 3);
    addon.warp(image, rgb, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
    return { widthPx, heightPx, rgb };
  } finally {
    image.release();
  }
}
