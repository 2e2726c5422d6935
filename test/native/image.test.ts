// Native images in JavaScript, and JPEG encoding.
import { MessageChannel } from 'node:worker_threads';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { loadAddon, type NativeImage } from '../../src/native/addon.js';
import { addon, greatestDifference, levels, paint, waves, wrap } from './pictures.js';

const still = { widthPx: 2, heightPx: 2, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' } as const;

describe('a wrapped image', () => {
  test('knows its size', () => {
    const image = addon.wrapRgb(new Uint8Array(7 * 5 * 3), 7, 5);
    expect([image.widthPx, image.heightPx]).toEqual([7, 5]);
  });

  test('is not copied: it has the content of the buffer at the time of use', () => {
    const data = new Uint8Array(2 * 2 * 3);
    const image = addon.wrapRgb(data, 2, 2);
    data.fill(41);
    const out = new Uint8Array(12);
    addon.warp(image, out, still);
    expect([...out]).toEqual(Array(12).fill(41));
  });

  test('may be a part of a larger buffer', () => {
    const data = Uint8Array.from({ length: 40 }, (_, i) => i);
    const out = new Uint8Array(12);
    addon.warp(addon.wrapRgb(data.subarray(5, 17), 2, 2), out, still);
    expect([...out]).toEqual([...data.subarray(5, 17)]);
  });

  test('keeps its buffer alive', () => {
    const images = Array.from({ length: 20 }, (_, i) => addon.wrapRgb(new Uint8Array(300 * 300 * 3).fill(i), 300, 300));
    (globalThis as { gc?: () => void }).gc?.();
    const out = new Uint8Array(12);
    for (const [i, image] of images.entries()) {
      addon.warp(image, out, still);
      expect(out[0]).toBe(i);
    }
  });

  test('cannot be used after release; release can be repeated', () => {
    const image = addon.wrapRgb(new Uint8Array(12), 2, 2);
    image.release();
    image.release();
    expect(() => addon.warp(image, new Uint8Array(12), still)).toThrow(TypeError);
    expect(() => addon.encodeJpeg(image, 90)).toThrow(TypeError);
    expect(() =>
      addon.letterbox(image, new Float32Array(12), { ...still, ...levels, scale: 1, offsetX: 0, offsetY: 0 }),
    ).toThrow(TypeError);
  });

  test('cannot be used after its buffer was transferred to another thread', () => {
    const data = new Uint8Array(12);
    const image = addon.wrapRgb(data, 2, 2);
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(data, [data.buffer]);
    expect(() => addon.warp(image, new Uint8Array(12), still)).toThrow(TypeError);
    port1.close();
    port2.close();
  });

  test.each<[string, unknown, unknown, unknown, new () => Error]>([
    ['a plain array', Array(12).fill(0), 2, 2, TypeError],
    ['clamped bytes', new Uint8ClampedArray(12), 2, 2, TypeError],
    ['an ArrayBuffer', new ArrayBuffer(12), 2, 2, TypeError],
    ['nothing', undefined, 2, 2, TypeError],
    ['too few bytes', new Uint8Array(11), 2, 2, RangeError],
    ['too many bytes', new Uint8Array(13), 2, 2, RangeError],
    ['a width of 0', new Uint8Array(0), 0, 2, RangeError],
    ['a negative width', new Uint8Array(12), -2, -2, RangeError],
    ['a fractional height', new Uint8Array(12), 2, 2.5, RangeError],
    ['a width that is NaN', new Uint8Array(12), NaN, 2, RangeError],
    ['a width that is no number', new Uint8Array(12), '2', 2, TypeError],
    ['a size beyond all memory', new Uint8Array(12), 1e12, 1e12, RangeError],
  ])('cannot be created from %s', (_, data, widthPx, heightPx, kind) => {
    expect(() => addon.wrapRgb(data as Uint8Array, widthPx as number, heightPx as number)).toThrow(kind);
  });

  test('can only be created by the addon', () => {
    const image = addon.wrapRgb(new Uint8Array(12), 2, 2);
    const Constructor = image.constructor as new (...args: unknown[]) => NativeImage;
    expect(() => new Constructor()).toThrow(TypeError);
    expect(() => new Constructor({})).toThrow(TypeError);
  });
});

describe('encodeJpeg', () => {
  test('writes a JPEG that another decoder shows nearly the same', async () => {
    const pixels = waves(120, 90);
    const before = pixels.data.slice();
    const jpeg = addon.encodeJpeg(wrap(pixels), 95);
    expect(pixels.data).toEqual(before);
    const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    expect([info.format, info.width, info.height, info.channels]).toEqual(['raw', 120, 90, 3]);
    // With quality 95 and halved colour resolution, a smooth picture differs by at most 8 levels.
    expect(greatestDifference(data, pixels.data)).toBeLessThan(8);
  });

  test('keeps red red', async () => {
    const red = wrap(paint(32, 32, () => [220, 20, 40]));
    const { dominant } = await sharp(addon.encodeJpeg(red, 90)).stats();
    expect(dominant.r).toBeGreaterThan(180);
    expect(dominant.b).toBeLessThan(80);
  });

  test('is smaller at a lower quality', () => {
    const image = wrap(waves(200, 200));
    expect(addon.encodeJpeg(image, 20).length).toBeLessThan(addon.encodeJpeg(image, 90).length / 1.5);
  });

  test.each<[unknown, new () => Error]>([
    [0, RangeError],
    [101, RangeError],
    [90.5, RangeError],
    [NaN, RangeError],
    ['90', TypeError],
    [undefined, TypeError],
  ])('refuses the quality %s', (quality, kind) => {
    expect(() => addon.encodeJpeg(wrap(paint(8, 8, () => [1, 2, 3])), quality as number)).toThrow(kind);
  });
});

describe('the addon', () => {
  test('reports its version of OpenCV and the video back-ends', () => {
    const info = addon.info();
    expect(info.opencv).toMatch(/^4\.\d+\.\d+/);
    expect(info.backends).toEqual(expect.arrayContaining(['FFMPEG', 'V4L2']));
  });

  test('that is missing causes an AppError with the command that builds it', () => {
    expect(() => loadAddon('/nowhere/lintel.node')).toThrow(
      expect.objectContaining({
        code: 'ADDON_MISSING',
        message: expect.stringContaining('scripts/build-native') as string,
      }),
    );
  });
});
