// The colours of the demo pictures, in linear light.
import { mix } from './random.js';

/** A colour in linear light, 0..1 each. */
export type Rgb = readonly [number, number, number];

/** Converts an sRGB colour, 0..255 each, to linear light. */
export function linear(red: number, green: number, blue: number): Rgb {
  return [toLinear(red), toLinear(green), toLinear(blue)];
}

function toLinear(value: number): number {
  return Math.pow(value / 255, 2.2);
}

export function mixRgb(a: Rgb, b: Rgb, t: number): Rgb {
  return [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)];
}

export function scaleRgb(colour: Rgb, factor: number): Rgb {
  return [colour[0] * factor, colour[1] * factor, colour[2] * factor];
}

/** Skin colours, from pale to dark. */
export const SKIN_TONES: readonly Rgb[] = [
  linear(246, 214, 194),
  linear(236, 194, 166),
  linear(222, 176, 138),
  linear(198, 146, 108),
  linear(160, 110, 76),
  linear(118, 78, 54),
  linear(82, 54, 40),
];
/** Hair colours: six natural ones from dark to red, of which the first three are common everywhere, then two greys. */
export const HAIR_COLOURS: readonly Rgb[] = [
  linear(22, 18, 18),
  linear(44, 30, 24),
  linear(82, 54, 36),
  linear(122, 84, 52),
  linear(190, 150, 92),
  linear(150, 66, 34),
  linear(150, 148, 146),
  linear(220, 216, 208),
];
/** Colours of the iris. The first two are brown. */
export const IRISES: readonly Rgb[] = [
  linear(40, 24, 16),
  linear(84, 52, 28),
  linear(112, 104, 52),
  linear(82, 124, 156),
  linear(110, 128, 130),
];
export const CLOTHES: readonly Rgb[] = [
  linear(40, 48, 66),
  linear(120, 36, 40),
  linear(52, 88, 66),
  linear(200, 196, 188),
  linear(34, 34, 36),
  linear(176, 132, 60),
  linear(90, 110, 150),
  linear(116, 92, 120),
];
export const FRAMES: readonly Rgb[] = [
  linear(20, 18, 20),
  linear(92, 50, 24),
  linear(110, 112, 118),
  linear(110, 24, 34),
];
