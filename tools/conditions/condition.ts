// Conditions of a picture, written as text such as `blur:3` or `turn:0..180+jpeg:10`, and pictures of faces in them.
import { AppError } from '../../src/errors.js';
import type { Addon } from '../../src/native/addon.js';
import type { Picture } from '../rendered-people/head.js';
import { between, pick, seededRandom } from '../rendered-people/random.js';
import { addGlare, addNoise, blur, darken, encodePng, mirror, shrinkAndEnlarge } from './pixels.js';
import { Composer, extendCrop, FACE_PX, PORTRAIT_PX } from './portrait.js';
import { BEARDS, drawBeard, drawHeld, drawRareMask, drawScarf, HELD, RARE_MASKS, SCARVES } from './coverings.js';
import { drawCover, drawGlasses, drawMask, MASK_SHAPES } from './worn.js';

/** Kinds of steps with a number, and the range of that number. */
const NUMBERS = {
  /** Degrees in the picture plane, clockwise. */
  turn: [-180, 180],
  /** Sigma in pixels, on a face whose aligned crop is 112 px wide. */
  blur: [0.3, 12],
  /** Width in pixels to which the face's box is shrunk before it is enlarged again. */
  small: [8, FACE_PX],
  /** Quality of the JPEG. */
  jpeg: [1, 100],
  /** Share of the light that is left. */
  dark: [0.005, 1],
  /** Radius of a spot that saturates, in widths of the face. */
  glare: [0.05, 2],
  /** Sigma in levels of 0..255. */
  noise: [0.5, 120],
} as const;
/** Kinds of steps with a word; `any` draws one of the words. */
const WORDS = {
  lower: ['flat', 'textured'],
  upper: ['flat', 'textured'],
  glasses: ['clear', 'dark'],
  mask: MASK_SHAPES,
  rare: RARE_MASKS,
  scarf: SCARVES,
  beard: BEARDS,
  held: HELD,
} as const;

type NumberKind = keyof typeof NUMBERS;
type WordKind = keyof typeof WORDS;

/** A condition: the steps that a picture goes through. Their order is always that of light: the face, what it wears, optics, sensor, file. */
export interface PictureCondition {
  id: string;
  mirrored: boolean;
  numbers: Partial<Record<NumberKind, readonly [low: number, high: number]>>;
  words: { [K in WordKind]?: (typeof WORDS)[K][number] | 'any' };
}

/**
 * Parses a condition: `clear`, or steps joined by `+`. A step is `mirror`, `KIND:NUMBER`, `KIND:LOW..HIGH` (drawn for each face) or `KIND:WORD`.
 * @throws AppError INVALID_PARAM where it is no condition
 */
export function parseCondition(id: string): PictureCondition {
  const condition: PictureCondition = { id, mirrored: false, numbers: {}, words: {} };
  if (id === 'clear') return condition;
  for (const step of id.split('+')) {
    const [kind = '', value = ''] = step.split(':');
    if (step === 'mirror') condition.mirrored = true;
    else if (kind in NUMBERS) condition.numbers[kind as NumberKind] = parseRange(id, kind as NumberKind, value);
    else if (kind in WORDS && [...WORDS[kind as WordKind], 'any'].includes(value)) {
      Object.assign(condition.words, { [kind]: value });
    } else throw new AppError('INVALID_PARAM', `"${step}" in "${id}" is no condition`);
  }
  return condition;
}

function parseRange(id: string, kind: NumberKind, value: string): [number, number] {
  const ends = value.split('..').map((end) => (end === '' ? Number.NaN : Number(end)));
  const [low = Number.NaN, high = low] = ends;
  const [least, most] = NUMBERS[kind];
  if (ends.length > 2 || !(low >= least && high <= most && low <= high)) {
    throw new AppError('INVALID_PARAM', `"${kind}:${value}" in "${id}" is not between ${least} and ${most}`);
  }
  return [low, high];
}

/** Makes pictures of faces in any condition. The same crop, condition and seed give the same picture. */
export class PictureMaker {
  readonly #addon: Addon;
  readonly #composer = new Composer();
  /** Crops with their surroundings: one face usually goes through many conditions in a row. */
  readonly #extended = new WeakMap<Picture, Picture>();

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  /**
   * @param crop an aligned face of 112 x 112 px
   * @param seed number of the face: places, colours and noise follow from it and from the condition
   * @returns bytes of a PNG, or of a JPEG where the condition has a quality, of 192 x 192 px
   */
  async make(crop: Picture, condition: PictureCondition, seed: number): Promise<Uint8Array> {
    const picture = await this.draw(crop, condition, seed);
    const { jpeg } = condition.numbers;
    if (!jpeg) return encodePng(picture);
    const quality = Math.round(between(seededRandom(seed, 32), ...jpeg));
    const image = this.#addon.wrapRgb(picture.rgb, picture.widthPx, picture.heightPx);
    try {
      return this.#addon.encodeJpeg(image, quality);
    } finally {
      image.release();
    }
  }

  /** As `make`, without the file: returns the pixels. */
  async draw(crop: Picture, { id, mirrored, numbers, words }: PictureCondition, seed: number): Promise<Picture> {
    const random = seededRandom(seed, hashText(id));
    const draw = (kind: NumberKind): number | undefined => {
      const range = numbers[kind];
      return range && between(random, ...range);
    };
    const extended = await this.#extend(crop);
    const worn = mirrored ? mirror(extended) : { ...extended, rgb: extended.rgb.slice() };
    const choose = <K extends WordKind>(kind: K): (typeof WORDS)[K][number] | undefined => {
      const word = words[kind];
      return word === 'any'
        ? pick<(typeof WORDS)[K][number]>(random, WORDS[kind])
        : (word as (typeof WORDS)[K][number]);
    };
    const [glasses, mask, lower, upper] = [choose('glasses'), choose('mask'), choose('lower'), choose('upper')];
    // These draw their numbers behind the older kinds, whose pictures stay as they are.
    const [rare, scarf, beard, held] = [choose('rare'), choose('scarf'), choose('beard'), choose('held')];
    if (beard) drawBeard(worn, beard, random);
    if (glasses) drawGlasses(worn, glasses, random);
    if (mask) drawMask(worn, mask, random);
    if (rare) drawRareMask(worn, rare, random);
    if (scarf) drawScarf(worn, scarf, random);
    if (held) drawHeld(worn, held, random);
    if (lower) drawCover(worn, 'lower', lower, random);
    if (upper) drawCover(worn, 'upper', upper, random);
    const offsetX = Math.round(between(random, -8, 8));
    const offsetY = Math.round(between(random, -8, 8));
    const stance = { turn: draw('turn') ?? 0, offsetX, offsetY };
    let picture = this.#composer.compose(worn, stance, Math.floor(random() * 1e6));
    const glare = draw('glare');
    if (glare !== undefined) {
      const [x, y] = [between(random, -25, 25), between(random, -30, 30)];
      addGlare(picture, PORTRAIT_PX / 2 + offsetX + x, PORTRAIT_PX / 2 + offsetY + y, glare * FACE_PX);
    }
    const sigma = draw('blur');
    if (sigma !== undefined) picture = await blur(picture, sigma);
    const small = draw('small');
    if (small !== undefined) picture = await shrinkAndEnlarge(picture, small / FACE_PX);
    const dark = draw('dark');
    if (dark !== undefined) darken(picture, dark);
    const noise = draw('noise') ?? (dark === undefined ? undefined : DARK_NOISE);
    if (noise !== undefined) addNoise(picture, noise, random);
    return picture;
  }

  async #extend(crop: Picture): Promise<Picture> {
    let extended = this.#extended.get(crop);
    if (!extended) {
      extended = await extendCrop(crop);
      this.#extended.set(crop, extended);
    }
    return extended;
  }
}

/** Noise of a sensor in the dark, in levels. */
const DARK_NOISE = 1.5;

function hashText(text: string): number {
  let hash = 7;
  for (const letter of text) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
  return hash;
}
