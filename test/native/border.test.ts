// The border of a sheet or a screen around a face, as the addon finds it.
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';

const addon = loadAddon();
const SIDE = 160;
const everywhere = new Uint8Array(SIDE * SIDE).fill(1);

/** Paints a sheet, turned by a slope, before a darker background. */
function paintSheet({ x0 = 30, x1 = 130, y0 = 25, y1 = 140, slope = 0 } = {}): Uint8Array {
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const [u, v] = [x - slope * (y - 80), y + slope * (x - 80)];
    return u > x0 && u < x1 && v > y0 && v < y1 ? 180 : 100;
  });
}

describe('a border', () => {
  it.each([0, 0.1, -0.15])('is found where a sheet lies around the face, turned by a slope of %f', (slope) => {
    const found = addon.findBorder(paintSheet({ slope }), everywhere)!;
    expect(Math.min(...found.coverage)).toBeGreaterThan(0.9);
    const [upperLeft, upperRight, lowerLeft, lowerRight] = found.corners;
    const expected = [
      [upperLeft, 30, 25],
      [upperRight, 130, 25],
      [lowerLeft, 30, 140],
      [lowerRight, 130, 140],
    ] as const;
    for (const [{ x, y }, u, v] of expected) {
      expect(Math.abs(x - slope * (y - 80) - u)).toBeLessThan(4);
      expect(Math.abs(y + slope * (x - 80) - v)).toBeLessThan(4);
    }
  });

  it.each([
    ['of a flat picture', new Uint8Array(SIDE * SIDE).fill(90), everywhere],
    ['where a side is missing', paintSheet({ x1: 200 }), everywhere],
    ['where the sheet does not enclose the face', paintSheet({ x0: 85 }), everywhere],
    ['that lies outside of the picture', paintSheet(), new Uint8Array(SIDE * SIDE)],
  ])('is none %s', (_name, grey, inside) => {
    expect(addon.findBorder(grey, inside)).toBeUndefined();
  });

  it.each([
    ['of another size', [new Uint8Array(10), everywhere], RangeError],
    ['of another type', [paintSheet(), new Float32Array(SIDE * SIDE)], TypeError],
    ['that is missing', [paintSheet()], TypeError],
  ])('is refused for a view %s', (_name, views, kind) => {
    expect(() => addon.findBorder(...(views as unknown as Parameters<typeof addon.findBorder>))).toThrow(kind);
  });
});
