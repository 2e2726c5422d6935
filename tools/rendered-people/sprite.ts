// Pastes a picture into another one, scaled and turned: a photo on the wall, a print held to the camera, a photographed face.
import type { Picture } from './head.js';
import { smoothstep } from './random.js';

export interface SpriteStance {
  /** Centre of the pasted picture, in pixels of the other one. */
  centreX: number;
  centreY: number;
  /** Width of the pasted picture; its height keeps the ratio. */
  widthPx: number;
  /** Roll in degrees, clockwise as seen by the viewer. */
  roll: number;
  edge: SpriteEdge;
}

/** `plain` is a rectangle, `soft` a rectangle that fades out over its outer tenth, `oval` a rectangle with round ends, such as a mask or a hand. */
export type SpriteEdge = 'plain' | 'soft' | 'oval';

/** Exponent of the outline of an oval sprite, |x|^n + |y|^n = 1: 2 is an ellipse, and greater values approach the rectangle. */
const OVAL_EXPONENT = 3.5;

/** Halves a picture as long as it is more than twice as wide as needed, so that sampling skips no pixels. */
function shrink(picture: Picture, widthPx: number): Picture {
  let small = picture;
  while (small.widthPx > 2 * widthPx && small.widthPx >= 4 && small.heightPx >= 4) small = halve(small);
  return small;
}

function halve(picture: Picture): Picture {
  const widthPx = picture.widthPx >> 1;
  const heightPx = picture.heightPx >> 1;
  const rgb = new Uint8Array(widthPx * heightPx * 3);
  const line = picture.widthPx * 3;
  for (let row = 0; row < heightPx; row++) {
    for (let column = 0; column < widthPx; column++) {
      for (let k = 0; k < 3; k++) {
        const from = 2 * row * line + 6 * column + k;
        const sum =
          picture.rgb[from]! + picture.rgb[from + 3]! + picture.rgb[from + line]! + picture.rgb[from + line + 3]!;
        rgb[(row * widthPx + column) * 3 + k] = (sum + 2) >> 2;
      }
    }
  }
  return { widthPx, heightPx, rgb };
}

/** Draws the sprite over `onto`. Parts outside are left out. */
export function drawSprite(onto: Picture, sprite: Picture, stance: SpriteStance): void {
  const { centreX, centreY, widthPx, edge } = stance;
  const source = shrink(sprite, widthPx);
  const heightPx = (widthPx * sprite.heightPx) / sprite.widthPx;
  const cosine = Math.cos((stance.roll * Math.PI) / 180);
  const sine = Math.sin((stance.roll * Math.PI) / 180);
  const reachX = (Math.abs(cosine) * widthPx + Math.abs(sine) * heightPx) / 2;
  const reachY = (Math.abs(sine) * widthPx + Math.abs(cosine) * heightPx) / 2;
  const left = Math.max(0, Math.floor(centreX - reachX));
  const right = Math.min(onto.widthPx, Math.ceil(centreX + reachX));
  const top = Math.max(0, Math.floor(centreY - reachY));
  const bottom = Math.min(onto.heightPx, Math.ceil(centreY + reachY));
  const fade = edge === 'soft' ? 0.1 * Math.min(widthPx, heightPx) : 0;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const dx = column + 0.5 - centreX;
      const dy = row + 0.5 - centreY;
      const x = dx * cosine + dy * sine;
      const y = dy * cosine - dx * sine;
      const within = Math.min(widthPx / 2 - Math.abs(x), heightPx / 2 - Math.abs(y));
      if (within < 0 || (edge === 'oval' && !isInOval(x / (widthPx / 2), y / (heightPx / 2)))) continue;
      const cover = fade > 0 ? smoothstep(0, fade, within) : 1;
      const at = (row * onto.widthPx + column) * 3;
      const u = (x / widthPx + 0.5) * source.widthPx - 0.5;
      const v = (y / heightPx + 0.5) * source.heightPx - 0.5;
      for (let k = 0; k < 3; k++)
        onto.rgb[at + k]! += Math.round((sample(source, u, v, k) - onto.rgb[at + k]!) * cover);
    }
  }
}

/** @param x position, -1..1 from edge to edge @param y likewise */
function isInOval(x: number, y: number): boolean {
  return Math.abs(x) ** OVAL_EXPONENT + Math.abs(y) ** OVAL_EXPONENT <= 1;
}

/** Samples a channel by bilinear interpolation. Beyond the edge the outermost pixels are repeated. */
function sample(picture: Picture, u: number, v: number, channel: number): number {
  const { widthPx, heightPx, rgb } = picture;
  const x = Math.min(widthPx - 1, Math.max(0, u));
  const y = Math.min(heightPx - 1, Math.max(0, v));
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const x1 = Math.min(widthPx - 1, x0 + 1);
  const y1 = Math.min(heightPx - 1, y0 + 1);
  const fx = x - x0;
  const fy = y - y0;
  const above = rgb[(y0 * widthPx + x0) * 3 + channel]! * (1 - fx) + rgb[(y0 * widthPx + x1) * 3 + channel]! * fx;
  const below = rgb[(y1 * widthPx + x0) * 3 + channel]! * (1 - fx) + rgb[(y1 * widthPx + x1) * 3 + channel]! * fx;
  return above * (1 - fy) + below * fy;
}
