// Affine warps into bytes and into float tensors.
import { describe, expect, test } from 'vitest';
import type { WarpOptions } from '../../src/native/addon.js';
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

type Matrix = WarpOptions['matrix'];

function warp(pixels: Pixels, options: WarpOptions): Uint8Array {
  const out = new Uint8Array(options.widthPx * options.heightPx * 3).fill(77);
  addon.warp(wrap(pixels), out, options);
  return out;
}

/** Makes a matrix that rotates by degrees, scales, and moves the point `from` of the picture to the point `to` of the output. */
function similarity(degrees: number, scale: number, from: [number, number], to: [number, number]): Matrix {
  const [a, b] = [scale * Math.cos((degrees * Math.PI) / 180), scale * Math.sin((degrees * Math.PI) / 180)];
  return [a, -b, to[0] - a * from[0] + b * from[1], b, a, to[1] - b * from[0] - a * from[1]];
}

/** Computes the exact result, without averaging. */
function expected(pixels: Pixels, { widthPx, heightPx, matrix: m, border }: WarpOptions): Float64Array {
  const determinant = m[0] * m[4] - m[1] * m[3];
  const out = new Float64Array(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const [dx, dy] = [x - m[2], y - m[5]];
      const fromX = (m[4] * dx - m[1] * dy) / determinant;
      const fromY = (m[0] * dy - m[3] * dx) / determinant;
      for (let c = 0; c < 3; c++) out[(y * widthPx + x) * 3 + c] = sample(pixels, fromX, fromY, c, border);
    }
  }
  return out;
}

describe('warp', () => {
  test.each<[string, Matrix, 'constant' | 'reflect']>([
    ['unmoved', [1, 0, 0, 0, 1, 0], 'constant'],
    ['moved inside', [1, 0, -5, 0, 1, -3], 'constant'],
    ['moved over the left and upper edge, black beyond', [1, 0, 6, 0, 1, 4], 'constant'],
    ['moved over the right and lower edge, black beyond', [1, 0, -30, 0, 1, -25], 'constant'],
    ['moved over the left and upper edge, mirrored beyond', [1, 0, 6, 0, 1, 4], 'reflect'],
    ['moved over the right and lower edge, mirrored beyond', [1, 0, -30, 0, 1, -25], 'reflect'],
    ['entirely outside, mirrored', [1, 0, 50, 0, 1, 60], 'reflect'],
    ['so far outside that it is mirrored several times', [1, 0, -500, 0, 1, 300], 'reflect'],
    ['turned by a quarter', [0, -1, 25, 1, 0, -2], 'constant'],
    ['turned by a half', [-1, 0, 39, 0, -1, 30], 'reflect'],
    ['mirrored', [-1, 0, 30, 0, 1, 0], 'constant'],
  ])('is exact for whole pixels: %s', (_, matrix, border) => {
    const pixels = noise(40, 31);
    const options = { widthPx: 26, heightPx: 24, matrix, border };
    expect(greatestDifference(warp(pixels, options), expected(pixels, options))).toBe(0);
  });

  test.each<[string, Matrix, 'constant' | 'reflect']>([
    ['turned and enlarged', similarity(17, 1.7, [60, 50], [56, 60]), 'constant'],
    ['turned and shrunk by less than 2', similarity(-31, 0.7, [100, 80], [56, 56]), 'constant'],
    ['over an edge', similarity(12, 1.3, [4, 90], [56, 56]), 'reflect'],
    ['over a corner', similarity(200, 0.9, [158, 118], [40, 70]), 'reflect'],
    ['sheared', [1.2, 0.3, -30, -0.1, 0.8, 2], 'constant'],
  ])('samples bilinearly: %s', (_, matrix, border) => {
    const pixels = waves(160, 120);
    const options = { widthPx: 112, heightPx: 112, matrix, border };
    // Positions are rounded to 1/32 pixel where the picture changes by at most 5 levels per pixel (only an edge to black is
    // steeper, and no output pixel here straddles it by more), and the result to a byte.
    const [actual, exact] = [warp(pixels, options), expected(pixels, options)];
    const differences = [...actual].map((level, i) => Math.abs(level - exact[i]!)).sort((a, b) => a - b);
    expect(differences[Math.floor(differences.length * 0.98)]).toBeLessThan(1.5);
    expect(differences[differences.length - 1]).toBeLessThan(border === 'reflect' ? 1.5 : 12);
  });

  test.each([3, 4, 7.3, 16])('averages pixels instead of skipping them when it shrinks by %d', (factor) => {
    const stripes = paint(640, 480, (x, y) => ((x + y) % 2 ? [250, 130, 250] : [0, 130, 10]));
    const options = { widthPx: 20, heightPx: 20, matrix: similarity(8, 1 / factor, [320, 240], [10, 10]) };
    const out = warp(stripes, { ...options, border: 'constant' });
    for (let i = 0; i < out.length; i += 3) {
      expect(Math.abs(out[i]! - 125)).toBeLessThanOrEqual(2);
      expect(out[i + 1]).toBe(130);
      expect(Math.abs(out[i + 2]! - 130)).toBeLessThanOrEqual(2);
    }
  });

  test.each(['constant', 'reflect'] as const)('keeps every point in its place when it shrinks, border %s', (border) => {
    const pixels = waves(1501, 1203);
    const options = { widthPx: 112, heightPx: 112, matrix: similarity(-14, 0.19, [700, 600], [56, 50]), border };
    // Averaging 4 x 4 pixels and sampling between the averages flattens this picture's crests by 2 levels, and three
    // roundings come on top; being 1.5 pixels out of place would make a difference of 7.
    expect(greatestDifference(warp(pixels, options), expected(pixels, options))).toBeLessThan(3.5);
  });

  test('gives black or mirrored pixels beyond an edge when it shrinks', () => {
    const bright = paint(800, 800, () => [200, 200, 200]);
    const matrix = similarity(0, 0.25, [0, 0], [50, 50]);
    const black = warp(bright, { widthPx: 100, heightPx: 100, matrix, border: 'constant' });
    const mirrored = warp(bright, { widthPx: 100, heightPx: 100, matrix, border: 'reflect' });
    const at = (x: number, y: number): number => (y * 100 + x) * 3;
    expect([black[at(20, 20)], black[at(48, 80)], black[at(80, 48)], black[at(52, 52)]]).toEqual([0, 0, 0, 200]);
    expect(new Set(mirrored)).toEqual(new Set([200]));
  });

  test('gives black for an area entirely outside', () => {
    const options = { widthPx: 10, heightPx: 10, matrix: [1, 0, 500, 0, 1, 0], border: 'constant' } as const;
    expect(new Set(warp(noise(50, 50), options))).toEqual(new Set([0]));
  });

  test('gives the same for a part of a large picture as for a small picture', () => {
    const small = noise(64, 64);
    const large = paint(900, 700, (x, y) => {
      const inside = x >= 500 && x < 564 && y >= 300 && y < 364;
      const from = ((y - 300) * 64 + x - 500) * 3;
      return inside ? [...small.data.subarray(from, from + 3)] : [1, 2, 3];
    });
    const fromSmall = similarity(21, 1.4, [32, 32], [20, 20]);
    const fromLarge = similarity(21, 1.4, [532, 332], [20, 20]);
    const size = { widthPx: 40, heightPx: 40, border: 'constant' } as const;
    // The positions differ only by the rounding to 1/32 pixel: an eighth of the greatest step.
    expect(
      greatestDifference(warp(small, { ...size, matrix: fromSmall }), warp(large, { ...size, matrix: fromLarge })),
    ).toBeLessThanOrEqual(32);
  });

  test.each(['rgb', 'bgr'] as const)('writes the same values into a planar tensor, %s', (order) => {
    const pixels = noise(90, 70);
    const format = { order, mean: [1, 20, 100], std: [1, 2, 50] } as const;
    const options = {
      widthPx: 33,
      heightPx: 21,
      matrix: similarity(40, 0.4, [45, 35], [16, 10]),
      border: 'reflect',
    } as const;
    const tensor = new Float32Array(33 * 21 * 3).fill(NaN);
    addon.warpToTensor(wrap(pixels), tensor, { ...options, ...format });
    expect(greatestDifference(tensor, planar(warp(pixels, options), format))).toBeLessThan(1e-4);
  });

  describe('refuses', () => {
    const image = wrap(noise(16, 12));
    const good = { widthPx: 8, heightPx: 8, matrix: [1, 0, 0, 0, 1, 0] as Matrix, border: 'constant' as const };
    const out = new Uint8Array(8 * 8 * 3);

    test.each<[string, object, new () => Error]>([
      ['no border', { border: undefined }, TypeError],
      ['an unknown border', { border: 'replicate' }, TypeError],
      ['a matrix of five', { matrix: [1, 0, 0, 0, 1] }, RangeError],
      ['a matrix with NaN', { matrix: [1, 0, NaN, 0, 1, 0] }, RangeError],
      ['a matrix of strings', { matrix: ['1', 0, 0, 0, 1, 0] }, TypeError],
      ['a matrix of zeros', { matrix: [0, 0, 0, 0, 0, 0] }, RangeError],
      ['a matrix that collapses the picture to a line', { matrix: [1, 2, 0, 2, 4, 0] }, RangeError],
      ['a matrix that overflows', { matrix: [1e200, 0, 0, 0, 1e200, 0] }, RangeError],
      ['a matrix that leads a long way off', { matrix: [1, 0, 1e9, 0, 1, 0] }, RangeError],
      ['a width of 0', { widthPx: 0 }, RangeError],
      ['a width that does not suit the output', { widthPx: 9 }, RangeError],
    ])('%s', (_, changes, kind) => {
      const options = { ...good, ...changes } as WarpOptions;
      expect(() => addon.warp(image, out, options)).toThrow(kind);
      expect(() => addon.warpToTensor(image, new Float32Array(192), { ...options, ...levels })).toThrow(kind);
    });

    test('an output of the wrong type', () => {
      expect(() => addon.warp(image, new Float32Array(192) as unknown as Uint8Array, good)).toThrow(TypeError);
      expect(() => addon.warp(image, new Uint8ClampedArray(192) as unknown as Uint8Array, good)).toThrow(TypeError);
      const tensor = out as unknown as Float32Array;
      expect(() => addon.warpToTensor(image, tensor, { ...good, ...levels })).toThrow(TypeError);
    });

    test('a tensor without its format', () =>
      expect(() =>
        addon.warpToTensor(image, new Float32Array(192), good as unknown as typeof good & typeof levels),
      ).toThrow(TypeError));
  });
});
