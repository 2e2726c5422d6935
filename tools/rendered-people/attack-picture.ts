// Composes the picture of a presentation attack from a portrait: a print with its paper, a phone with its bezel, halftone, moiré and more.
// They are composites: they show what an attack looks like in principle, and replace no recaptured print or screen.
import sharp, { type Sharp } from 'sharp';
import type { Picture } from './head.js';

/** Kinds of composed attack. `bare` changes nothing: a print or a screen whose border is out of sight. */
export const ATTACKS = [
  'bare',
  'paper',
  'phone',
  'moire',
  'halftone',
  'gamma',
  'grey',
  'jpeg',
  'cut-out',
  'phone-moire',
] as const;

export type Attack = (typeof ATTACKS)[number];

/** Width of the pictures that are composed, so that fine patterns survive. */
const WIDTH_PX = 720;
/** JPEG quality of the heavily compressed picture. */
const HEAVY_QUALITY = 8;

export interface AttackPicture {
  picture: Picture;
  /** Width of the picture in widths of the portrait. */
  widthPerPortrait: number;
  edge: 'plain' | 'oval';
}

/**
 * Composes the picture of an attack.
 * @param portrait RGB, with the face in its middle
 * @param screenPx period of the moiré or of the halftone screen, in pixels of the camera, when the portrait is `shownPx` wide there
 */
export async function composeAttack(
  portrait: Picture,
  attack: Attack,
  { shownPx = 240, screenPx = 3.1 }: { shownPx?: number; screenPx?: number } = {},
): Promise<AttackPicture> {
  const scaled = await rescale(portrait, WIDTH_PX);
  const period = (screenPx * WIDTH_PX) / shownPx;
  switch (attack) {
    case 'bare':
      return plain(scaled);
    case 'paper':
      return frame(scaled, { side: 0.125, end: 0.125, colour: [244, 242, 238] });
    case 'phone':
      return frame(scaled, { side: 0.04, end: 0.11, colour: [14, 14, 16] });
    case 'moire':
      return plain(changeLevels(scaled, (level, x, y, k) => level * (1 + 0.09 * moire(x, y, k, period))));
    case 'phone-moire': {
      const screen = changeLevels(scaled, (level, x, y, k) => level * (1 + 0.09 * moire(x, y, k, period)));
      return frame(screen, { side: 0.04, end: 0.11, colour: [14, 14, 16] });
    }
    case 'halftone':
      return plain(changeLevels(scaled, (level, x, y, k) => halftone(level, x, y, k, period)));
    case 'gamma':
      return plain(changeLevels(scaled, (level) => 255 * (level / 255) ** 1.6));
    case 'grey':
      return plain(await recode(scaled, (image) => image.greyscale().toColourspace('srgb').png()));
    case 'jpeg':
      return plain(await rescale(await recode(portrait, (image) => image.jpeg({ quality: HEAVY_QUALITY })), WIDTH_PX));
    case 'cut-out':
      return { picture: scaled, widthPerPortrait: 1, edge: 'oval' };
  }
}

function plain(picture: Picture): AttackPicture {
  return { picture, widthPerPortrait: 1, edge: 'plain' };
}

/** Two crossed waves, one of them with a shifted phase for each colour, as the stripes of a screen's subpixels have. -1..1 */
function moire(x: number, y: number, channel: number, period: number): number {
  const a = (2 * Math.PI * (0.94 * x + 0.34 * y)) / period + channel * 0.9;
  const b = (2 * Math.PI * (0.94 * y - 0.34 * x)) / (1.3 * period);
  return 0.65 * Math.sin(a) + 0.35 * Math.sin(b);
}

/** Dots of a printing screen, whose angle depends on the colour; darker places have larger dots. */
function halftone(level: number, x: number, y: number, channel: number, period: number): number {
  const angle = [0.26, 1.31, 0.79][channel]!;
  const u = (Math.PI * (x * Math.cos(angle) + y * Math.sin(angle))) / period;
  const v = (Math.PI * (y * Math.cos(angle) - x * Math.sin(angle))) / period;
  const screen = (Math.cos(2 * u) + Math.cos(2 * v)) / 2;
  return 0.75 * level + 0.25 * (level / 255 > 0.5 - 0.5 * screen ? 255 : 0);
}

function changeLevels(picture: Picture, change: (level: number, x: number, y: number, k: number) => number): Picture {
  const { widthPx } = picture;
  const rgb = picture.rgb.map((level, i) => {
    const pixel = Math.floor(i / 3);
    return Math.max(0, Math.min(255, Math.round(change(level, pixel % widthPx, Math.floor(pixel / widthPx), i % 3))));
  });
  return { ...picture, rgb };
}

/** Puts a border around a picture. @param border widths in fractions of the picture's width */
async function frame(
  picture: Picture,
  { side, end, colour: [r, g, b] }: { side: number; end: number; colour: readonly [number, number, number] },
): Promise<AttackPicture> {
  const [left, top] = [Math.round(side * picture.widthPx), Math.round(end * picture.widthPx)];
  const border = { left, right: left, top, bottom: top, background: { r, g, b } };
  const framed = await recode(picture, (image) => image.extend(border).png());
  return { picture: framed, widthPerPortrait: framed.widthPx / picture.widthPx, edge: 'plain' };
}

function rescale(picture: Picture, widthPx: number): Promise<Picture> {
  return recode(picture, (image) => image.resize({ width: widthPx, kernel: 'cubic' }).png());
}

async function recode(picture: Picture, change: (image: Sharp) => Sharp): Promise<Picture> {
  const { widthPx: width, heightPx: height, rgb } = picture;
  const bytes = await change(sharp(rgb, { raw: { width, height, channels: 3 } })).toBuffer();
  return decodeToPicture(bytes);
}

/** Decodes a picture file. */
export async function decodeToPicture(bytes: Uint8Array | string): Promise<Picture> {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { widthPx: info.width, heightPx: info.height, rgb: new Uint8Array(data) };
}
