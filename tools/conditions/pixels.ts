// Operations on pictures that stand for optics and sensors: blur, shrinking, turning, light and noise. All of them follow from their arguments.
import sharp, { type Sharp } from 'sharp';
import type { Picture } from '../rendered-people/head.js';
import { smoothstep, type Random } from '../rendered-people/random.js';

export function createPicture(widthPx: number, heightPx: number): Picture {
  return { widthPx, heightPx, rgb: new Uint8Array(widthPx * heightPx * 3) };
}

export function mirror({ widthPx, heightPx, rgb }: Picture): Picture {
  const out = createPicture(widthPx, heightPx);
  for (let row = 0; row < heightPx; row++) {
    for (let column = 0; column < widthPx; column++) {
      const to = (row * widthPx + column) * 3;
      const from = (row * widthPx + widthPx - 1 - column) * 3;
      for (let k = 0; k < 3; k++) out.rgb[to + k] = rgb[from + k]!;
    }
  }
  return out;
}

/** Blurs by a Gaussian. Beyond the edge the outermost pixels are repeated. @param sigma in pixels */
export async function blur(picture: Picture, sigma: number): Promise<Picture> {
  return readBack(wrap(picture).blur({ sigma, minAmplitude: 0.01 }));
}

/** Shrinks the picture and enlarges it to its old size, both linearly. @param factor between 0 and 1 */
export async function shrinkAndEnlarge(picture: Picture, factor: number): Promise<Picture> {
  const { widthPx, heightPx } = picture;
  const kernel = 'linear';
  const fit = 'fill';
  const [width, height] = [Math.max(2, Math.round(widthPx * factor)), Math.max(2, Math.round(heightPx * factor))];
  const small = await readBack(wrap(picture).resize({ width, height, kernel, fit }));
  return readBack(wrap(small).resize({ width: widthPx, height: heightPx, kernel, fit }));
}

/** Encodes a PNG, quickly rather than small. */
export async function encodePng(picture: Picture): Promise<Uint8Array> {
  return wrap(picture).png({ compressionLevel: 1 }).toBuffer();
}

function wrap({ rgb, widthPx, heightPx }: Picture): Sharp {
  return sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } });
}

async function readBack(image: Sharp): Promise<Picture> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { widthPx: info.width, heightPx: info.height, rgb: data };
}

/** Multiplies the light, as a scene that is too dark for the camera's gain. @param gain between 0 and 1 */
export function darken(picture: Picture, gain: number): void {
  for (let i = 0; i < picture.rgb.length; i++) picture.rgb[i] = picture.rgb[i]! * gain + 0.5;
}

/** Adds a bright spot that saturates in its middle. @param radiusPx distance from the centre at which its light has fallen to a third */
export function addGlare(picture: Picture, centreX: number, centreY: number, radiusPx: number): void {
  const { widthPx, heightPx, rgb } = picture;
  for (let row = 0; row < heightPx; row++) {
    for (let column = 0; column < widthPx; column++) {
      const distance = Math.hypot(column + 0.5 - centreX, row + 0.5 - centreY) / radiusPx;
      const light = 420 * Math.exp(-(distance ** 3)) + 40 * Math.exp(-distance);
      const at = (row * widthPx + column) * 3;
      for (let k = 0; k < 3; k++) rgb[at + k] = Math.min(255, rgb[at + k]! + light);
    }
  }
}

/** Adds Gaussian noise to every channel of every pixel. @param sigma in levels of 0..255 */
export function addNoise(picture: Picture, sigma: number, random: Random): void {
  const { rgb } = picture;
  for (let i = 0; i < rgb.length; i += 2) {
    // Box and Muller: two normal numbers from two even ones.
    const radius = sigma * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    rgb[i] = clampByte(rgb[i]! + radius * Math.cos(angle));
    if (i + 1 < rgb.length) rgb[i + 1] = clampByte(rgb[i + 1]! + radius * Math.sin(angle));
  }
}

/** Mixes a colour into a pixel. @param at index of its red byte @param cover share of the new colour, 0..1 */
export function paint(rgb: Uint8Array, at: number, colour: readonly number[], cover: number): void {
  for (let k = 0; k < 3; k++) rgb[at + k] = clampByte(rgb[at + k]! + cover * (colour[k]! - rgb[at + k]!));
}

/** Returns how much of a pixel lies within a shape, 0..1. @param depthPx distance from the edge, positive inside */
export function coverAt(depthPx: number, softPx = 0.7): number {
  return smoothstep(-softPx, softPx, depthPx);
}

function clampByte(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
}
