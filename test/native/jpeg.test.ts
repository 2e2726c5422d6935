// The strict decoder for plain JPEGs, which gives the pixels that sharp gives or nothing, and the check for every JPEG.
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import type { NativeImage } from '../../src/native/addon.js';
import { addon, noise, waves, type Pixels } from './pictures.js';

const encoder = ({ data, widthPx, heightPx }: Pixels): Sharp =>
  sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } });
const plain = (): Promise<Buffer> => encoder(waves(160, 120)).jpeg({ quality: 90 }).toBuffer();

/** Reads the pixels of an image as interleaved RGB. */
function readPixels(image: NativeImage): Uint8Array {
  const { widthPx, heightPx } = image;
  const data = new Uint8Array(widthPx * heightPx * 3);
  addon.warp(image, data, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
  image.release();
  return data;
}

describe('decodeJpeg', () => {
  it.each<[string, () => Sharp]>([
    ['a smooth picture', () => encoder(waves(640, 480)).jpeg({ quality: 90 })],
    ['noise', () => encoder(noise(200, 100)).jpeg({ quality: 50 })],
    ['full colour resolution', () => encoder(noise(100, 101)).jpeg({ chromaSubsampling: '4:4:4' })],
    ['odd sides', () => encoder(waves(81, 97)).jpeg()],
    ['grey', () => encoder(waves(120, 90)).greyscale().jpeg()],
    ['the largest', () => encoder(waves(2048, 100)).jpeg()],
    ['optimised tables', () => encoder(waves(160, 120)).jpeg({ optimiseCoding: true })],
  ])('gives the same pixels as sharp: %s', async (_name, make) => {
    const jpeg = await make().toBuffer();
    const expected = await sharp(jpeg).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    const decoded = addon.decodeJpeg(jpeg);
    expect([decoded?.widthPx, decoded?.heightPx]).toEqual([expected.info.width, expected.info.height]);
    const data = readPixels(decoded as NativeImage);
    expect(data).toHaveLength(expected.data.length);
    let largest = 0;
    data.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - expected.data[i]!))));
    expect(largest).toBeLessThanOrEqual(3);
  });

  it.each<[string, () => Promise<Uint8Array>]>([
    ['nothing', async () => new Uint8Array(0)],
    ['a text', async () => Buffer.from('face'.repeat(40))],
    ['PNG', () => encoder(waves(160, 120)).png().toBuffer()],
    ['progressive', () => encoder(waves(160, 120)).jpeg({ progressive: true }).toBuffer()],
    ['CMYK', () => encoder(waves(160, 120)).toColourspace('cmyk').jpeg().toBuffer()],
    ['with an orientation', () => encoder(waves(160, 120)).withMetadata({ orientation: 6 }).jpeg().toBuffer()],
    ['with a colour profile', () => encoder(waves(160, 120)).withIccProfile('p3').jpeg().toBuffer()],
    ['too small', () => encoder(waves(79, 120)).jpeg().toBuffer()],
    ['too large', () => encoder(waves(2049, 100)).jpeg().toBuffer()],
    ['half', async () => (await plain()).subarray(0, (await plain()).length / 2)],
  ])('returns undefined for a file that is not plain or not complete: %s', async (_name, make) => {
    expect(addon.decodeJpeg(await make())).toBeUndefined();
  });

  it('accepts no truncation, wherever it is, except that the end marker may be missing', async () => {
    const jpeg = await plain();
    for (let length = 0; length < jpeg.length - 2; length++) {
      expect(addon.decodeJpeg(jpeg.subarray(0, length))).toBeUndefined();
      expect(addon.isWholeJpeg(jpeg.subarray(0, length))).toBe(false);
    }
    for (const cut of [0, 1, 2]) {
      expect(addon.decodeJpeg(jpeg.subarray(0, jpeg.length - cut))).toBeDefined();
      expect(addon.isWholeJpeg(jpeg.subarray(0, jpeg.length - cut))).toBe(true);
    }
  });

  it('survives flipped bytes: it gives a picture or nothing', async () => {
    const jpeg = await plain();
    let state = 7;
    const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
    let refused = 0;
    for (let round = 0; round < 3_000; round++) {
      const broken = Buffer.from(jpeg);
      for (let flips = 0; flips <= round % 4; flips++) broken[next() % broken.length]! ^= 1 << ((next() >>> 8) % 8);
      const decoded = addon.decodeJpeg(broken);
      if (decoded) decoded.release();
      else refused++;
    }
    expect(refused).toBeGreaterThan(300);
  });

  it('uses the memory of released pictures again, and not that of pictures in use', async () => {
    const [one, two] = await Promise.all([waves(100, 100), noise(100, 100)].map((p) => encoder(p).jpeg().toBuffer()));
    const held = addon.decodeJpeg(one!) as NativeImage;
    const other = addon.decodeJpeg(two!) as NativeImage;
    const before = readPixels(addon.decodeJpeg(one!) as NativeImage);
    expect(readPixels(other)).not.toEqual(before);
    expect(readPixels(held)).toEqual(before);
  });

  it('refuses arguments that are no Uint8Array', () => {
    for (const wrong of [undefined, null, 'ff d8', 1, [0xff, 0xd8], new Uint16Array(4)]) {
      expect(() => addon.decodeJpeg(wrong as unknown as Uint8Array)).toThrow(TypeError);
      expect(() => addon.isWholeJpeg(wrong as unknown as Uint8Array)).toThrow(TypeError);
    }
  });
});
