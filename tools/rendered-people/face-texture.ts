// The texture of a face: a picture in head coordinates, with coverage, that lies over the front of the head.
import { mix } from './random.js';
import type { Rgb } from './palette.js';

/** Texels per head unit: a face 1.3 units wide has 260. */
const DENSITY = 200;
export const TEXTURE_LEFT = -0.74;
export const TEXTURE_TOP = 0.8;
export const TEXTURE_WIDTH = 296;
export const TEXTURE_HEIGHT = 400;

/** A part of the face in head coordinates. */
export interface Patch {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

/** Returns how much a colour covers the texture at a point: 0 not at all, 1 completely. It is called for the centre of each texel. */
export type Coverage = (x: number, y: number) => number;

/** Texture of 4 floats per texel: linear colour, premultiplied by the coverage, and the coverage; rows from the forehead down. */
export class FaceTexture {
  readonly texels = new Float32Array(TEXTURE_WIDTH * TEXTURE_HEIGHT * 4);

  /** Paints a colour over a patch. */
  paint(patch: Patch, colour: Rgb | ((x: number, y: number) => Rgb), coverage: Coverage): void {
    const { column0, column1, row0, row1 } = span(patch);
    for (let row = row0; row < row1; row++) {
      const y = TEXTURE_TOP - (row + 0.5) / DENSITY;
      for (let column = column0; column < column1; column++) {
        const x = TEXTURE_LEFT + (column + 0.5) / DENSITY;
        const amount = Math.min(1, coverage(x, y));
        if (!(amount > 0.002)) continue;
        const [red, green, blue] = typeof colour === 'function' ? colour(x, y) : colour;
        const at = (row * TEXTURE_WIDTH + column) * 4;
        const t = this.texels;
        t[at] = mix(t[at]!, red, amount);
        t[at + 1] = mix(t[at + 1]!, green, amount);
        t[at + 2] = mix(t[at + 2]!, blue, amount);
        t[at + 3] = mix(t[at + 3]!, 1, amount);
      }
    }
  }

  /** Copies a patch from another texture. */
  restore(patch: Patch, from: FaceTexture): void {
    const { column0, column1, row0, row1 } = span(patch);
    for (let row = row0; row < row1; row++) {
      const at = (row * TEXTURE_WIDTH + column0) * 4;
      this.texels.set(from.texels.subarray(at, at + (column1 - column0) * 4), at);
    }
  }
}

function span(patch: Patch): { column0: number; column1: number; row0: number; row1: number } {
  return {
    column0: Math.max(0, Math.floor((patch.left - TEXTURE_LEFT) * DENSITY)),
    column1: Math.min(TEXTURE_WIDTH, Math.ceil((patch.right - TEXTURE_LEFT) * DENSITY)),
    row0: Math.max(0, Math.floor((TEXTURE_TOP - patch.top) * DENSITY)),
    row1: Math.min(TEXTURE_HEIGHT, Math.ceil((TEXTURE_TOP - patch.bottom) * DENSITY)),
  };
}

/** Returns the texture's column at x, in texels. The rasteriser interpolates between the centres of the texels. */
export function textureColumn(x: number): number {
  return (x - TEXTURE_LEFT) * DENSITY - 0.5;
}

/** Returns the texture's row at y, in texels. */
export function textureRow(y: number): number {
  return (TEXTURE_TOP - y) * DENSITY - 0.5;
}
