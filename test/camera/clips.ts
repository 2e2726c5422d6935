// Small videos from the addon's JPEG encoder: a .mjpeg file is one JPEG after the other.
import type { Addon } from '../../src/native/addon.js';

/** @returns a motion JPEG of so many frames, 160 x 120, each of another grey */
export function clip(addon: Addon, frameCount: number): Buffer {
  const [widthPx, heightPx] = [160, 120];
  const pictures = Array.from({ length: frameCount }, (_, index) => {
    const pixels = new Uint8Array(widthPx * heightPx * 3).fill((index * 37) % 256);
    const image = addon.wrapRgb(pixels, widthPx, heightPx);
    const jpeg = addon.encodeJpeg(image, 80);
    image.release();
    return jpeg;
  });
  return Buffer.concat(pictures);
}
