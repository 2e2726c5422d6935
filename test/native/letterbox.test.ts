// Scaling with padding into a float tensor.
import { describe, expect, test } from 'vitest';
import type { LetterboxOptions } from '../../src/native/addon.js';
import {
  addon,
  greatestDifference,
  levels,
  noise,
  paint,
  planar,
  sample,
  waves,
  wrap,
  type Pixels,
} from './pictures.js';

const area = (options: { widthPx: number; heightPx: number }): number => options.widthPx * options.heightPx;

function letterbox(pixels: Pixels, options: LetterboxOptions): Float32Array {
  const out = new Float32Array(3 * area(options)).fill(NaN);
  addon.letterbox(wrap(pixels), out, options);
  return out;
}

/** Scales a picture into a tensor without padding and without normalisation. */
function scaled(pixels: Pixels, scale: number): { tensor: Float32Array; widthPx: number; heightPx: number } {
  const widthPx = Math.round(pixels.widthPx * scale);
  const heightPx = Math.round(pixels.heightPx * scale);
  const tensor = letterbox(pixels, { ...levels, widthPx, heightPx, scale, offsetX: 0, offsetY: 0 });
  return { tensor, widthPx, heightPx };
}

describe('letterbox', () => {
  test.each(['rgb', 'bgr'] as const)('writes every byte exactly without scaling, %s', (order) => {
    const pixels = noise(67, 41);
    const format = { order, mean: [127.5, 120, 110], std: [128, 60, 57.5] } as const;
    const tensor = letterbox(pixels, { ...format, widthPx: 67, heightPx: 41, scale: 1, offsetX: 0, offsetY: 0 });
    // float32 is rounded twice instead of once: the error is below 1e-6 for values up to 2.4.
    expect(greatestDifference(tensor, planar(pixels.data, format))).toBeLessThan(1e-6);
  });

  test('places the picture at the offset and fills the rest with the value of black', () => {
    const pixels = noise(5, 3);
    const format = { order: 'bgr', mean: [10, 20, 30], std: [2, 4, 8] } as const;
    const tensor = letterbox(pixels, { ...format, widthPx: 11, heightPx: 8, scale: 1, offsetX: 4, offsetY: 2 });
    const framed = paint(11, 8, (x, y) => {
      const inside = x >= 4 && x < 9 && y >= 2 && y < 5;
      const from = ((y - 2) * 5 + x - 4) * 3;
      return inside ? [...pixels.data.subarray(from, from + 3)] : [0, 0, 0];
    });
    expect(greatestDifference(tensor, planar(framed.data, format))).toBeLessThan(1e-5);
  });

  test.each([2, 1.6, 0.8, 0.62])('scales by %d bilinearly, with aligned pixel centres', (scale) => {
    const pixels = waves(90, 60);
    const { tensor, widthPx, heightPx } = scaled(pixels, scale);
    const expected = paint(widthPx, heightPx, () => [0, 0, 0]);
    const exact = new Float64Array(expected.data.length);
    for (let y = 0; y < heightPx; y++) {
      for (let x = 0; x < widthPx; x++) {
        for (let c = 0; c < 3; c++) {
          exact[(y * widthPx + x) * 3 + c] = sample(
            pixels,
            (x + 0.5) / scale - 0.5,
            (y + 0.5) / scale - 0.5,
            c,
            'edge',
          );
        }
      }
    }
    // Weights have 11 bits and results are rounded to a byte: the error is within one level.
    expect(greatestDifference(tensor, planar(exact, levels))).toBeLessThan(1);
  });

  test.each([
    [2, 1],
    [4, 2],
    [8, 3],
  ])('shrinks by %d by averaging every pixel', (factor, roundings) => {
    const pixels = noise(factor * 12, factor * 7);
    const { tensor, widthPx, heightPx } = scaled(pixels, 1 / factor);
    const exact = new Float64Array(widthPx * heightPx * 3);
    for (let y = 0; y < pixels.heightPx; y++) {
      for (let x = 0; x < pixels.widthPx; x++) {
        for (let c = 0; c < 3; c++) {
          const to = (Math.floor(y / factor) * widthPx + Math.floor(x / factor)) * 3 + c;
          exact[to]! += pixels.data[(y * pixels.widthPx + x) * 3 + c]! / factor ** 2;
        }
      }
    }
    expect(greatestDifference(tensor, planar(exact, levels))).toBeLessThanOrEqual(0.5 * roundings);
  });

  test.each([0.3, 0.45, 0.17])('shrinks by %d without turning fine stripes into coarse ones', (scale) => {
    const stripes = paint(400, 300, (x) => (x % 2 ? [255, 255, 255] : [0, 0, 0]));
    const { tensor } = scaled(stripes, scale);
    expect(Math.min(...tensor)).toBeGreaterThanOrEqual(126);
    expect(Math.max(...tensor)).toBeLessThanOrEqual(129);
  });

  test.each([
    [641, 479, 0.4],
    [1023, 767, 0.2],
    [77, 33, 0.5],
  ])('places the point x, y of a %d x %d picture at x, y times %d', (widthPx, heightPx, scale) => {
    const ramp = paint(widthPx, heightPx, (x, y) => [(x * 255) / widthPx, (y * 255) / heightPx, 0].map(Math.round));
    const width = Math.round(widthPx * scale);
    const height = Math.round(heightPx * scale);
    const tensor = letterbox(ramp, { ...levels, widthPx: width, heightPx: height, scale, offsetX: 0, offsetY: 0 });
    for (const [x, y] of [
      [3, 4],
      [width >> 1, height >> 1],
      [width - 4, height - 4],
    ]) {
      // The error is within one level of rounding in the ramp and one of interpolation.
      expect(Math.abs(tensor[y! * width + x!]! - (((x! + 0.5) / scale - 0.5) * 255) / widthPx)).toBeLessThan(2);
      const green = tensor[width * height + y! * width + x!];
      expect(Math.abs(green! - (((y! + 0.5) / scale - 0.5) * 255) / heightPx)).toBeLessThan(2);
    }
  });

  test('keeps at least one pixel of a picture that is scaled to nearly nothing', () => {
    const tensor = letterbox(
      paint(40, 1, () => [9, 9, 9]),
      {
        ...levels,
        widthPx: 8,
        heightPx: 4,
        scale: 0.2,
        offsetX: 0,
        offsetY: 1,
      },
    );
    expect([...tensor.slice(0, 32)]).toEqual(Array.from({ length: 32 }, (_, i) => (i >= 8 && i < 16 ? 9 : 0)));
  });

  describe('refuses', () => {
    const good: LetterboxOptions = { ...levels, widthPx: 20, heightPx: 20, scale: 1, offsetX: 2, offsetY: 3 };
    const image = wrap(noise(16, 12));
    const out = new Float32Array(3 * 20 * 20);
    const call = (changes: object, to: unknown = out, from: unknown = image): void =>
      addon.letterbox(from as typeof image, to as Float32Array, { ...good, ...changes });

    test('no valid arguments', () => expect(() => call({})).not.toThrow());

    test.each<[string, object, new () => Error]>([
      ['a width that is no number', { widthPx: '20' }, TypeError],
      ['a missing width', { widthPx: undefined }, TypeError],
      ['a fractional width', { widthPx: 19.5 }, RangeError],
      ['a width of 0', { widthPx: 0 }, RangeError],
      ['an enormous height', { heightPx: 1e9 }, RangeError],
      ['a scale that is NaN', { scale: NaN }, RangeError],
      ['a scale of 0', { scale: 0 }, RangeError],
      ['a negative scale', { scale: -1 }, RangeError],
      ['an infinite scale', { scale: Infinity }, RangeError],
      ['a huge scale', { scale: 1e300 }, RangeError],
      ['a scale at which the picture does not fit', { scale: 1.2 }, RangeError],
      ['a negative offset', { offsetX: -1 }, RangeError],
      ['a fractional offset', { offsetY: 0.5 }, RangeError],
      ['an offset at which the picture does not fit', { offsetX: 5 }, RangeError],
      ['an unknown order', { order: 'grb' }, TypeError],
      ['a mean that is no array', { mean: 127.5 }, TypeError],
      ['a mean of two channels', { mean: [1, 2] }, RangeError],
      ['a mean with NaN', { mean: [1, NaN, 2] }, RangeError],
      ['a mean with a string', { mean: [1, '2', 3] }, TypeError],
      ['a standard deviation of 0', { std: [1, 0, 1] }, RangeError],
      ['a negative standard deviation', { std: [1, 1, -1] }, RangeError],
      ['a standard deviation whose inverse is infinite', { std: [1, 1, 1e-300] }, RangeError],
    ])('%s', (_, changes, kind) => expect(() => call(changes)).toThrow(kind));

    test.each<[string, unknown, new () => Error]>([
      ['a tensor of doubles', new Float64Array(1200), TypeError],
      ['a plain array', Array(1200).fill(0), TypeError],
      ['no tensor', null, TypeError],
      ['a tensor that is too short', new Float32Array(1199), RangeError],
      ['a tensor that is too long', new Float32Array(1201), RangeError],
    ])('%s', (_, to, kind) => expect(() => call({}, to)).toThrow(kind));

    test.each<[string, unknown]>([
      ['an image that is none', {}],
      ['a borrowed prototype', Object.create(Object.getPrototypeOf(image) as object)],
      ['bytes', new Uint8Array(16 * 12 * 3)],
      ['null', null],
    ])('%s', (_, from) => expect(() => call({}, out, from)).toThrow(TypeError));

    test('options that are no object', () =>
      expect(() => addon.letterbox(image, out, undefined as unknown as LetterboxOptions)).toThrow(TypeError));

    test('a tensor whose memory a getter among the options transfers', () => {
      const tensor = new Float32Array(3 * 20 * 20);
      const thief = {
        ...good,
        get offsetY() {
          structuredClone(tensor.buffer, { transfer: [tensor.buffer] });
          return 0;
        },
      };
      expect(() => addon.letterbox(image, tensor, thief)).toThrow(RangeError);
    });
  });
});
