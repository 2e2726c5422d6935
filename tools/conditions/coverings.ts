// Rarer masks, and what may be taken for one: scarves, beards, hands and things before the mouth. Coordinates are those of the aligned crop.
import type { Picture } from '../rendered-people/head.js';
import { between, mix, pick, valueNoise, type Random } from '../rendered-people/random.js';
import { coverAt, paint } from './pixels.js';
import { CROP_PX, MARGIN_PX, PORTRAIT_PX } from './portrait.js';
import { FACE, forEachPixel, measureLight, scaled, type Colour } from './worn.js';

/** `low` leaves the nose bare, `chin` is pulled under the mouth, `window` shows the mouth through plastic, `print` has a painted mouth or letters. */
export const RARE_MASKS = ['black', 'valve', 'print', 'window', 'low', 'chin'] as const;
export const SCARVES = ['plain', 'knitted', 'checked'] as const;
export const BEARDS = ['stubble', 'full', 'white', 'moustache'] as const;
export const HELD = ['hand', 'fist', 'chin', 'cup', 'microphone', 'phone'] as const;

export type RareMask = (typeof RARE_MASKS)[number];
export type Scarf = (typeof SCARVES)[number];
export type Beard = (typeof BEARDS)[number];
export type HeldThing = (typeof HELD)[number];

const GREYS: readonly Colour[] = [
  [24, 24, 26],
  [60, 62, 66],
  [232, 232, 228],
];

/** Draws a mask whose sides run to the ears: a piece of cloth or paper that bulges over mouth and chin. */
export function drawRareMask({ rgb }: Picture, kind: RareMask, random: Random): void {
  const [high, least] = kind === 'low' ? [81, 74] : kind === 'chin' ? [110, 103] : [67, 57];
  const top = between(random, least, high);
  const bottom = Math.max(top + 14, between(random, 111, 124));
  const wide = between(random, 37, 48);
  const narrow = wide * between(random, 0.4, 0.75);
  const centre = FACE.middle + between(random, -3, 3);
  const light = measureLight(rgb) / 150;
  const shade = between(random, 0.15, 0.45);
  const sag = between(random, 3, 13);
  const base = chooseMaskColour(kind, random);
  const mark = kind === 'print' ? choosePrint(random) : undefined;
  const valve = centre + pick(random, [-1, 1]) * between(random, 12, 18);
  const seed = Math.floor(random() * 1e6);
  const before = rgb.slice();
  forEachPixel((at, x, y) => {
    const across = (x - centre) / wide;
    const down = (y - top) / (bottom - top);
    const half = mix(wide, narrow, Math.max(0, Math.min(1, down)) ** 1.3);
    const edge = top + sag * across ** 2 - 4 * Math.exp(-((across * 5) ** 2));
    // A tie runs from each upper corner towards the ear.
    const tie =
      Math.abs(x - centre) > wide * 0.9 && Math.abs(x - centre) < wide + 18 ? 1.1 - Math.abs(y - top - 8) : -1;
    const cloth = Math.min(y - edge, bottom - 16 * across ** 2 - y, half - Math.abs(x - centre));
    const cover = coverAt(Math.max(cloth, tie));
    if (cover === 0) return;
    let colour = mark?.(x - centre, y - FACE.mouth) ?? base;
    if (kind === 'valve' && Math.hypot(x - valve, y - FACE.mouth) < 6.5) colour = [150, 152, 156];
    const weave = 0.1 * (valueNoise(x / 2, y / 2, seed) - 0.5);
    paint(rgb, at, scaled(colour, light * (1 - shade * across ** 2 - 0.15 * down + weave)), cover);
    if (kind !== 'window') return;
    const pane = coverAt((1 - Math.hypot((x - centre) / 21, (y - FACE.mouth) / 11)) * 11);
    // Plastic reflects a little of the room.
    const seen: Colour = [before[at]! * 0.85 + 24, before[at + 1]! * 0.85 + 24, before[at + 2]! * 0.85 + 26];
    if (pane > 0) paint(rgb, at, seen, pane);
  });
}

function chooseMaskColour(kind: RareMask, random: Random): Colour {
  if (kind === 'black') return [between(random, 8, 34), between(random, 8, 34), between(random, 8, 38)];
  if (kind === 'valve') return pick(random, GREYS);
  const any: Colour = [between(random, 15, 240), between(random, 15, 240), between(random, 15, 240)];
  return random() < 0.5 ? pick(random, [...GREYS, [150, 195, 222], [120, 160, 190]] as const) : any;
}

/** Returns what is printed at a place around the mouth: lips with teeth, letters, or flowers. */
function choosePrint(random: Random): (x: number, y: number) => Colour | undefined {
  const kind = pick(random, ['lips', 'letters', 'flowers'] as const);
  const ink: Colour = [between(random, 0, 255), between(random, 0, 255), between(random, 0, 255)];
  const seed = Math.floor(random() * 1e6);
  if (kind === 'flowers') return (x, y) => (valueNoise(x / 4, y / 4, seed) > 0.66 ? ink : undefined);
  if (kind === 'letters') {
    return (x, y) =>
      Math.abs(x) < 24 && Math.abs(y) < 5 && valueNoise(x / 1.6, y / 2.5, seed) > 0.5 ? ink : undefined;
  }
  return (x, y) => {
    const lips = (x / 17) ** 2 + ((y - 0.012 * x ** 2) / 7) ** 2;
    if (lips > 1) return undefined;
    return lips > 0.45 ? [175, 45, 60] : [238, 236, 228];
  };
}

/** Draws a scarf or a shawl over nose, mouth and neck, with folds. */
export function drawScarf({ rgb }: Picture, kind: Scarf, random: Random): void {
  const top = between(random, 60, 74);
  const lean = between(random, -0.14, 0.14);
  const sag = between(random, 0, 9);
  const first: Colour = [between(random, 12, 235), between(random, 12, 235), between(random, 12, 235)];
  const second: Colour = [between(random, 12, 235), between(random, 12, 235), between(random, 12, 235)];
  const light = measureLight(rgb) / 140;
  const folds = between(random, 0.12, 0.3);
  const seed = Math.floor(random() * 1e6);
  const step = between(random, 3, 9);
  forEachPixel((at, x, y) => {
    const across = (x - FACE.middle) / 46;
    const depth = Math.min(y - (top + lean * (x - FACE.middle) + sag * across ** 2), 58 - Math.abs(x - FACE.middle));
    const cover = coverAt(depth, 1);
    if (cover === 0) return;
    const isSecond =
      kind === 'checked'
        ? Math.floor(x / step) % 2 === Math.floor(y / step) % 2
        : kind === 'knitted' && Math.sin(x * 1.6) * Math.sin(y * 1.1) > 0.25;
    const fold = 0.22 * Math.sin((y + 0.25 * x) * folds + 3 * valueNoise(x / 30, y / 18, seed));
    const level = light * (1 - 0.3 * Math.min(1, across ** 2) + fold + 0.12 * (valueNoise(x / 2, y / 2, seed) - 0.5));
    paint(rgb, at, scaled(isSecond ? second : first, level), cover);
  });
}

/** Draws a beard around the lips, from stubble to a full one, or a moustache alone. */
export function drawBeard({ rgb }: Picture, kind: Beard, random: Random): void {
  const tone = kind === 'white' ? between(random, 150, 225) : between(random, 14, 95);
  const hair: Colour = [tone, tone * between(random, 0.78, 0.97), tone * between(random, 0.6, 0.92)];
  const strength = kind === 'stubble' ? between(random, 0.25, 0.5) : between(random, 0.7, 0.97);
  const line = between(random, 74, 84);
  const long = kind === 'full' || kind === 'white' ? between(random, 112, 140) : between(random, 110, 116);
  const seed = Math.floor(random() * 1e6);
  const light = Math.min(1.4, measureLight(rgb) / 140);
  forEachPixel((at, x, y) => {
    const across = Math.abs(x - FACE.middle);
    // Hair grows on the jaw, under the nose and on the chin, and leaves the lips and most of the cheeks.
    const cheek = y - (line + 10 * Math.max(0, 1 - across / 26) + 3 * valueNoise(x / 5, y / 5, seed));
    const jaw = 39 - across - Math.max(0, y - 92) * 0.55;
    const lips = (Math.hypot((x - FACE.middle) / 15, (y - FACE.mouth - 1) / 5) - 1) * 5;
    const lip = Math.min(18 - across, 4.5 - Math.abs(y - 84.5));
    const depth = kind === 'moustache' ? lip : Math.max(lip, Math.min(cheek, jaw, lips, long - y));
    const cover = coverAt(depth, 2.5);
    if (cover === 0) return;
    const strands = valueNoise(x / 0.9 + y * 0.25, y / 2.6, seed + 1);
    const level = light * (0.7 + 0.6 * strands);
    paint(rgb, at, scaled(hair, level), cover * strength * (0.65 + 0.35 * strands));
  });
}

/** Draws a hand or a thing before mouth or chin. */
export function drawHeld({ rgb }: Picture, kind: HeldThing, random: Random): void {
  if (kind === 'hand' || kind === 'fist' || kind === 'chin') return drawHand(rgb, kind, random);
  const light = measureLight(rgb) / 150;
  const centre = FACE.middle + between(random, -7, 7);
  const colour: Colour =
    kind === 'cup'
      ? [between(random, 60, 245), between(random, 60, 245), between(random, 60, 245)]
      : [between(random, 14, 60), between(random, 14, 60), between(random, 14, 64)];
  const top = kind === 'cup' ? between(random, 84, 93) : between(random, 84, 98);
  const radius = kind === 'cup' ? between(random, 17, 26) : between(random, 10, 15);
  const lean = between(random, -0.3, 0.3);
  const side = pick(random, [-1, 1]);
  const seed = Math.floor(random() * 1e6);
  forEachPixel((at, x, y) => {
    const axis = x - centre - lean * (y - top);
    let depth: number;
    if (kind === 'cup') {
      const rim = 3.5 * Math.sqrt(Math.max(0, 1 - (axis / radius) ** 2));
      depth = Math.min(y - (top - rim), radius - 0.14 * (y - top) - Math.abs(axis), 160 - y);
    } else if (kind === 'microphone') {
      const head = radius - Math.hypot(axis, y - top - radius * 0.8);
      depth = Math.max(head, Math.min(y - top - radius, radius * 0.45 - Math.abs(axis)));
    } else {
      // A phone at the cheek reaches to the corner of the mouth.
      depth = Math.min(13 - Math.abs(x - (FACE.middle + side * 33) - lean * (y - 75)), 38 - Math.abs(y - 78));
    }
    const cover = coverAt(depth);
    if (cover === 0) return;
    const round = kind === 'phone' ? 0 : 0.4 * Math.min(1, (axis / radius) ** 2);
    const mesh = kind === 'microphone' && y < top + 2 * radius ? 0.5 * (Math.sin(x * 2.2) * Math.sin(y * 2.2)) : 0;
    const grain = 0.06 * (valueNoise(x / 3, y / 3, seed) - 0.5);
    paint(rgb, at, scaled(colour, light * (1 - round + mesh + grain)), cover);
  });
}

/** Draws fingers as rounded bars in the colour of the cheeks, with the back of the hand behind them. */
function drawHand(rgb: Uint8Array, kind: 'hand' | 'fist' | 'chin', random: Random): void {
  const skin = readSkin(rgb);
  const side = pick(random, [-1, 1]);
  const middleY = kind === 'chin' ? between(random, 110, 117) : between(random, 87, 96);
  const tipX = FACE.middle - side * (kind === 'hand' ? between(random, 12, 28) : between(random, 2, 14));
  const thick = between(random, 4.4, 6.2);
  const lean = side * between(random, -0.1, 0.55);
  const gain = between(random, 0.85, 1.15);
  const fingers = Array.from({ length: 4 }, (_, i) => ({
    y: middleY + (i - 1.5) * thick * 1.9,
    tip: tipX + side * [4, 0, 1, 6][i]! * (kind === 'fist' ? 0.5 : 1),
  }));
  const palmX = FACE.middle + side * (kind === 'fist' ? 12 : between(random, 24, 36));
  forEachPixel((at, x, y) => {
    const height = y - lean * (x - FACE.middle);
    let depth = -Infinity;
    let round = 0;
    for (const { y: fingerY, tip } of fingers) {
      const beyond = Math.max(0, side * (tip - x), side * (x - (palmX + side * 8)));
      const one = thick - Math.hypot(beyond, height - fingerY);
      if (one > depth) [depth, round] = [one, Math.abs(height - fingerY) / thick];
    }
    const palm = Math.min(side * (x - palmX), 21 - Math.abs(height - middleY), 60 - side * (x - palmX));
    if (palm > depth) [depth, round] = [palm, 0.2];
    const cover = coverAt(depth, 0.6);
    if (cover > 0) paint(rgb, at, scaled(skin, gain * (1.05 - 0.35 * Math.min(1, round) ** 3)), cover);
  });
}

/** Returns the mean colour of the cheeks. */
function readSkin(rgb: Uint8Array): Colour {
  const sum = [0, 0, 0];
  let count = 0;
  for (let y = 62; y < 84; y += 2) {
    for (const x of [30, 34, 38, 74, 78, 82]) {
      const at = ((y + MARGIN_PX) * PORTRAIT_PX + Math.min(x, CROP_PX - 1) + MARGIN_PX) * 3;
      for (let k = 0; k < 3; k++) sum[k]! += rgb[at + k]!;
      count++;
    }
  }
  return [sum[0]! / count, sum[1]! / count, sum[2]! / count];
}
