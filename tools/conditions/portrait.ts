// Portraits composed of aligned faces: each crop gets surroundings, so that a detector finds the face as in a photo.
import type { Picture } from '../rendered-people/head.js';
import { renderBackground } from '../rendered-people/background.js';
import { mix, smoothstep } from '../rendered-people/random.js';
import { blur, createPicture } from './pixels.js';

/** Side of an aligned crop. */
export const CROP_PX = 112;
/** Width of the surroundings on every side of the crop. */
export const MARGIN_PX = 40;
export const PORTRAIT_PX = CROP_PX + 2 * MARGIN_PX;
/** Width of the face's box on an aligned crop, about as a detector draws it. */
export const FACE_PX = 85;
/** Distances from the crop between which its surroundings fade into the background. */
const FADE_PX = [14, 38] as const;
const BACKGROUNDS = 64;

export interface Stance {
  /** Turn of the face in the picture plane in degrees, clockwise as seen by the viewer. */
  turn: number;
  /** Place of the face: offset of its centre from the middle of the portrait, in pixels. */
  offsetX: number;
  offsetY: number;
}

/** Composes portraits. Backgrounds are rendered once and used again. */
export class Composer {
  readonly #backgrounds = new Map<number, Uint8Array>();
  /** Share of the face's picture at each place of a portrait; the rest is background. */
  readonly #cover = measureCover();

  /**
   * @param extended a crop with surroundings, as `extendCrop` returns it
   * @param background number of the background
   * @returns a portrait of PORTRAIT_PX a side; a face that is not turned keeps its pixels where the offsets are whole
   */
  compose(extended: Picture, stance: Stance, background: number): Picture {
    const out = createPicture(PORTRAIT_PX, PORTRAIT_PX);
    out.rgb.set(this.#getBackground(background % BACKGROUNDS));
    const angle = (stance.turn * Math.PI) / 180;
    const cosine = Math.cos(angle);
    const sine = Math.sin(angle);
    const middle = PORTRAIT_PX / 2;
    const last = PORTRAIT_PX - 1;
    const line = PORTRAIT_PX * 3;
    const from = extended.rgb;
    const to = out.rgb;
    for (let row = 0; row < PORTRAIT_PX; row++) {
      for (let column = 0; column < PORTRAIT_PX; column++) {
        const dx = column + 0.5 - middle - stance.offsetX;
        const dy = row + 0.5 - middle - stance.offsetY;
        const x = dx * cosine + dy * sine + middle - 0.5;
        const y = dy * cosine - dx * sine + middle - 0.5;
        if (x < 0 || y < 0 || x > last || y > last) continue;
        const cover = this.#cover[Math.round(y) * PORTRAIT_PX + Math.round(x)]!;
        if (cover === 0) continue;
        const x0 = Math.min(last - 1, Math.floor(x));
        const y0 = Math.min(last - 1, Math.floor(y));
        const fx = x - x0;
        const fy = y - y0;
        const at = y0 * line + x0 * 3;
        for (let k = 0; k < 3; k++) {
          const above = from[at + k]! * (1 - fx) + from[at + 3 + k]! * fx;
          const below = from[at + line + k]! * (1 - fx) + from[at + line + 3 + k]! * fx;
          const target = row * line + column * 3 + k;
          to[target] = mix(to[target]!, above * (1 - fy) + below * fy, cover) + 0.5;
        }
      }
    }
    return out;
  }

  #getBackground(number: number): Uint8Array {
    let rgb = this.#backgrounds.get(number);
    if (!rgb) {
      rgb = renderBackground(20_000 + number, PORTRAIT_PX, PORTRAIT_PX);
      this.#backgrounds.set(number, rgb);
    }
    return rgb;
  }
}

/**
 * Continues an aligned crop beyond its edges: the outermost pixels are repeated, and the further away, the more they are blurred.
 * Without that, a portrait would end at the chin and at the hair, and detectors would place the landmarks twice as badly.
 * @returns a picture of PORTRAIT_PX a side with the crop in its middle
 */
export async function extendCrop(crop: Picture): Promise<Picture> {
  if (crop.widthPx !== CROP_PX || crop.heightPx !== CROP_PX) {
    throw new RangeError(`the aligned faces must be ${CROP_PX} x ${CROP_PX} px`);
  }
  const repeated = createPicture(PORTRAIT_PX, PORTRAIT_PX);
  const inside = (at: number): number => Math.max(0, Math.min(CROP_PX - 1, at - MARGIN_PX));
  for (let row = 0; row < PORTRAIT_PX; row++) {
    for (let column = 0; column < PORTRAIT_PX; column++) {
      const from = (inside(row) * CROP_PX + inside(column)) * 3;
      const to = (row * PORTRAIT_PX + column) * 3;
      for (let k = 0; k < 3; k++) repeated.rgb[to + k] = crop.rgb[from + k]!;
    }
  }
  const near = await blur(repeated, 2);
  const far = await blur(near, 6);
  const middle = PORTRAIT_PX / 2;
  for (let row = 0; row < PORTRAIT_PX; row++) {
    for (let column = 0; column < PORTRAIT_PX; column++) {
      const distance = Math.hypot(distanceOutside(column + 0.5 - middle), distanceOutside(row + 0.5 - middle));
      if (distance === 0) continue;
      const at = (row * PORTRAIT_PX + column) * 3;
      const first = smoothstep(0, 8, distance);
      const second = smoothstep(6, 24, distance);
      for (let k = 0; k < 3; k++) {
        repeated.rgb[at + k] =
          mix(mix(repeated.rgb[at + k]!, near.rgb[at + k]!, first), far.rgb[at + k]!, second) + 0.5;
      }
    }
  }
  return repeated;
}

function measureCover(): Float32Array {
  const cover = new Float32Array(PORTRAIT_PX * PORTRAIT_PX);
  const outside = (pixel: number): number => distanceOutside(pixel + 0.5 - PORTRAIT_PX / 2);
  return cover.map((_, i) => {
    const distance = Math.hypot(outside(i % PORTRAIT_PX), outside(Math.floor(i / PORTRAIT_PX)));
    return 1 - smoothstep(...FADE_PX, distance);
  });
}

/** Returns how far a coordinate, counted from the middle of the crop, lies outside the crop. */
function distanceOutside(value: number): number {
  return Math.max(0, Math.abs(value) - CROP_PX / 2);
}
