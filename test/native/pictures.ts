// Makes small pictures, and computes the expected results of the addon in plain JavaScript.
import { loadAddon, type ChannelOrder, type NativeImage, type TensorFormat } from '../../src/native/addon.js';

export const addon = loadAddon();

/** Interleaved 8-bit RGB. */
export interface Pixels {
  data: Uint8Array;
  widthPx: number;
  heightPx: number;
}

/** Makes a picture. @param at returns the colour of a pixel, each channel 0..255 */
export function paint(widthPx: number, heightPx: number, at: (x: number, y: number) => readonly number[]): Pixels {
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) data.set(at(x, y), (y * widthPx + x) * 3);
  }
  return { data, widthPx, heightPx };
}

/** Makes a picture of irregular noise, in which neighbouring pixels and channels differ. */
export function noise(widthPx: number, heightPx: number): Pixels {
  let state = 12345;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  return paint(widthPx, heightPx, () => [next(), next(), next()]);
}

/** Makes a picture that changes slowly, so that interpolation at slightly different positions gives nearly the same. */
export function waves(widthPx: number, heightPx: number): Pixels {
  return paint(widthPx, heightPx, (x, y) =>
    [
      128 + 100 * Math.sin(x / 19) * Math.cos(y / 23),
      128 + 100 * Math.cos((x + y) / 31),
      (127 * x) / widthPx + (127 * y) / heightPx,
    ].map(Math.round),
  );
}

export function wrap(pixels: Pixels): NativeImage {
  return addon.wrapRgb(pixels.data, pixels.widthPx, pixels.heightPx);
}

type Border = 'constant' | 'reflect' | 'edge';

/** Returns the coordinate that is read for one outside the picture; undefined means black. */
function place(at: number, length: number, border: Border): number | undefined {
  if (at >= 0 && at < length) return at;
  if (border === 'constant') return undefined;
  if (border === 'edge') return at < 0 ? 0 : length - 1;
  // … 2 1 | 0 1 2 … n-1 | n-2 …
  const period = Math.max(1, 2 * (length - 1));
  const folded = ((at % period) + period) % period;
  return folded < length ? folded : period - folded;
}

function pixel(pixels: Pixels, x: number, y: number, channel: number, border: Border): number {
  const column = place(x, pixels.widthPx, border);
  const row = place(y, pixels.heightPx, border);
  return column === undefined || row === undefined ? 0 : pixels.data[(row * pixels.widthPx + column) * 3 + channel]!;
}

/** Samples a channel by bilinear interpolation. Whole numbers are the centres of pixels. */
export function sample(pixels: Pixels, x: number, y: number, channel: number, border: Border): number {
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - x0, y - y0];
  const at = (dx: number, dy: number): number => pixel(pixels, x0 + dx, y0 + dy, channel, border);
  return (1 - fy) * ((1 - fx) * at(0, 0) + fx * at(1, 0)) + fy * ((1 - fx) * at(0, 1) + fx * at(1, 1));
}

/** Returns the channel of an RGB picture that belongs to a tensor's channel. */
export function sourceChannel(channel: number, order: ChannelOrder): number {
  return order === 'rgb' ? channel : 2 - channel;
}

/** Makes a planar tensor from interleaved RGB bytes or levels of the same size. */
export function planar(interleaved: ArrayLike<number>, format: TensorFormat): Float32Array {
  const area = interleaved.length / 3;
  const out = new Float32Array(interleaved.length);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) {
      const level = interleaved[i * 3 + sourceChannel(channel, format.order)];
      out[channel * area + i] = (level! - format.mean[channel]!) / format.std[channel]!;
    }
  }
  return out;
}

/** Returns the greatest difference between two arrays of the same length. */
export function greatestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} elements`);
  let greatest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= greatest)) greatest = difference;
  }
  return greatest;
}

/** Format without normalisation: the tensor holds 0..255. */
export const levels: TensorFormat = { order: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] };
