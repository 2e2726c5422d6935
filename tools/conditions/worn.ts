// Things before a face, drawn onto a portrait that is not turned yet: masks, glasses and covers. Coordinates are those of the aligned crop.
import type { Picture } from '../rendered-people/head.js';
import { between, mix, pick, valueNoise, type Random } from '../rendered-people/random.js';
import { coverAt, paint } from './pixels.js';
import { CROP_PX, MARGIN_PX, PORTRAIT_PX } from './portrait.js';

export type Colour = readonly [number, number, number];

/** Position of the middle of the face on an aligned crop, and the heights of eyes, nose and mouth. */
export const FACE = { middle: 56, eyes: 51.6, leftEye: 38.3, rightEye: 73.5, nose: 71.7, mouth: 92.3 };

export const MASK_SHAPES = ['surgical', 'cloth', 'ffp'] as const;
export type MaskShape = (typeof MASK_SHAPES)[number];
export type Surface = 'flat' | 'textured';

const SURGICAL: readonly Colour[] = [
  [150, 195, 222],
  [120, 180, 200],
  [236, 238, 240],
  [150, 205, 180],
  [30, 30, 34],
  [225, 175, 190],
];
const WHITE: Colour = [232, 232, 228];

/** Calls `draw` for each pixel of a portrait. @param draw gets the index of the red byte and the place on the crop */
export function forEachPixel(draw: (at: number, x: number, y: number) => void): void {
  for (let row = 0; row < PORTRAIT_PX; row++) {
    for (let column = 0; column < PORTRAIT_PX; column++) {
      draw((row * PORTRAIT_PX + column) * 3, column + 0.5 - MARGIN_PX, row + 0.5 - MARGIN_PX);
    }
  }
}

/** Draws a mask from the bridge of the nose to the chin, lit as the face is, with straps to the ears. */
export function drawMask({ rgb }: Picture, shape: MaskShape, random: Random): void {
  const centre = FACE.middle + between(random, -3, 3);
  const top = between(random, 58, 67);
  const bottom = between(random, 109, 121);
  const wide = shape === 'ffp' ? between(random, 33, 41) : between(random, 37, 47);
  const narrow = wide * (shape === 'surgical' ? between(random, 0.6, 0.85) : between(random, 0.35, 0.65));
  const sag = between(random, 4, 12);
  const colour = chooseColour(shape, random);
  const light = measureLight(rgb) / 150;
  const seed = Math.floor(random() * 1e6);
  const pattern = shape === 'cloth' ? pick(random, ['plain', 'plain', 'stripes', 'dots', 'clouds'] as const) : 'plain';
  const second: Colour = [between(random, 10, 240), between(random, 10, 240), between(random, 10, 240)];
  const waves = between(random, 0.25, 0.8);
  const shade = between(random, 0.15, 0.4);
  drawStraps(rgb, centre, wide, top, light, random);
  forEachPixel((at, x, y) => {
    const across = (x - centre) / wide;
    const down = (y - top) / (bottom - top);
    // The upper edge falls towards the ears; a wire lifts it over the nose.
    const edge = top + sag * across ** 2 - 4 * Math.exp(-((across * 5) ** 2));
    const hem = bottom - (shape === 'surgical' ? 10 : 22) * across ** 2;
    const half = mix(wide, narrow, Math.max(0, Math.min(1, down)) ** 1.4);
    const depth = Math.min(y - edge, hem - y, half - Math.abs(x - centre));
    const cover = coverAt(depth);
    if (cover === 0) return;
    let marked = false;
    if (pattern === 'stripes') marked = Math.sin((x + 0.5 * y) * waves) > 0.3;
    else if (pattern === 'dots') marked = Math.sin(x * waves) * Math.sin(y * waves) > 0.35;
    else if (pattern === 'clouds') marked = valueNoise(x / 9, y / 9, seed) > 0.55;
    const base = marked ? second : colour;
    const pleats = shape === 'surgical' ? 0.07 * Math.sin(y * 0.75) : 0;
    const ridge = shape === 'ffp' ? 0.14 * Math.exp(-((across * 9) ** 2)) : 0;
    const weave = 0.08 * (valueNoise(x / 2, y / 2, seed + 1) - 0.5);
    const level = light * (1 - shade * across ** 2 - 0.12 * down + pleats + ridge + weave);
    paint(rgb, at, scaled(base, level), cover);
  });
}

function chooseColour(shape: MaskShape, random: Random): Colour {
  if (shape === 'surgical') return pick(random, SURGICAL);
  if (shape === 'ffp') return random() < 0.7 ? WHITE : [36, 36, 40];
  return [between(random, 15, 235), between(random, 15, 235), between(random, 15, 235)];
}

function drawStraps(rgb: Uint8Array, centre: number, wide: number, top: number, light: number, random: Random): void {
  const tone = between(random, 30, 235) * light;
  const thick = between(random, 0.7, 1.6);
  const rise = between(random, 4, 18);
  forEachPixel((at, x, y) => {
    const out = Math.abs(x - centre) - wide * 0.92;
    if (out < 0 || out > 20) return;
    const first = Math.abs(y - (top + 9 - (rise * out) / 20));
    const second = Math.abs(y - (top + 34 - ((rise + 16) * out) / 20));
    const cover = coverAt(thick - Math.min(first, second));
    if (cover > 0) paint(rgb, at, [tone, tone, tone], cover);
  });
}

/** Draws glasses: rims with lenses that mirror a little, or dark lenses. */
export function drawGlasses({ rgb }: Picture, kind: 'clear' | 'dark', random: Random): void {
  const width = between(random, 13.5, 17);
  const height = between(random, 9, 13);
  const power = between(random, 2, 5);
  const rim = between(random, 1.2, 3);
  const drop = between(random, 0, 4);
  const tone = random() < 0.7 ? between(random, 10, 60) : between(random, 90, 190);
  const frame: Colour = [tone, tone * between(random, 0.7, 1), tone * between(random, 0.5, 1)];
  const lens: Colour =
    kind === 'dark' ? [between(random, 5, 40), between(random, 5, 40), between(random, 5, 45)] : [230, 235, 240];
  const opacity = kind === 'dark' ? between(random, 0.85, 1) : between(random, 0, 0.18);
  const centreY = FACE.eyes + drop;
  forEachPixel((at, x, y) => {
    if (Math.abs(y - centreY) > height + 2 * rim) return;
    const bridge = Math.abs(y - (centreY - 3)) - rim / 2;
    let insideLens = -Infinity;
    for (const eye of [FACE.leftEye, FACE.rightEye]) {
      const radius = (Math.abs((x - eye) / width) ** power + Math.abs((y - centreY) / height) ** power) ** (1 / power);
      insideLens = Math.max(insideLens, (1 - radius) * height);
    }
    const lensCover = coverAt(insideLens);
    if (lensCover > 0) {
      // Reflections grow towards the upper edge.
      const strength = kind === 'dark' ? opacity : opacity * Math.max(0, 1 - (y - centreY + height) / (2 * height));
      paint(rgb, at, lens, lensCover * strength);
    }
    const overNose = x > FACE.leftEye + width - 1 && x < FACE.rightEye - width + 1;
    const overTemples = (x < FACE.leftEye - width + 1 && x > 2) || (x > FACE.rightEye + width - 1 && x < CROP_PX - 2);
    const onBar = overNose || overTemples ? -bridge : -Infinity;
    const frameCover = coverAt(Math.max(rim / 2 - Math.abs(insideLens), onBar));
    if (frameCover > 0) paint(rgb, at, frame, frameCover);
  });
}

/** Covers the lower or the upper half of the face with something that is no part of it: a hand, a scarf, a hat, a sheet of paper. */
export function drawCover({ rgb }: Picture, part: 'lower' | 'upper', surface: Surface, random: Random): void {
  const edge = part === 'lower' ? between(random, 60, 68) : between(random, 56, 64);
  const slope = between(random, -0.12, 0.12);
  const left = between(random, -8, 14);
  const right = CROP_PX - between(random, -8, 14);
  const far = part === 'lower' ? between(random, 118, 140) : between(random, -28, 0);
  const colour: Colour = [between(random, 10, 240), between(random, 10, 240), between(random, 10, 240)];
  const second: Colour = [between(random, 10, 240), between(random, 10, 240), between(random, 10, 240)];
  const seed = Math.floor(random() * 1e6);
  const grain = between(random, 3, 14);
  forEachPixel((at, x, y) => {
    const fromEdge = y - (edge + slope * (x - FACE.middle));
    const depth = Math.min(
      part === 'lower' ? fromEdge : -fromEdge,
      part === 'lower' ? far - y : y - far,
      x - left,
      right - x,
    );
    const cover = coverAt(depth);
    if (cover === 0) return;
    if (surface === 'flat') return paint(rgb, at, colour, cover);
    const t = valueNoise(x / grain, y / grain, seed);
    const fine = 0.85 + 0.3 * valueNoise(x / 1.5, y / 1.5, seed + 1);
    const mixed: Colour = [mix(colour[0], second[0], t), mix(colour[1], second[1], t), mix(colour[2], second[2], t)];
    paint(rgb, at, scaled(mixed, fine), cover);
  });
}

/** Returns the mean level of the cheeks, 0..255: how much light falls onto the face. */
export function measureLight(rgb: Uint8Array): number {
  let sum = 0;
  let count = 0;
  for (let y = 60; y < 90; y += 2) {
    for (const x of [32, 36, 40, 72, 76, 80]) {
      const at = ((y + MARGIN_PX) * PORTRAIT_PX + x + MARGIN_PX) * 3;
      sum += rgb[at]! + rgb[at + 1]! + rgb[at + 2]!;
      count += 3;
    }
  }
  return sum / count;
}

export function scaled([red, green, blue]: Colour, level: number): Colour {
  return [red * level, green * level, blue * level];
}
