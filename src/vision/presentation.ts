// Measures, in one frame, what a presentation attack may leave around and on a face: a border, a periodic pattern, missing colour.
import { boxHeight, boxWidth, type Face, type Point, type PresentationTraces } from '../domain/face.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { BORDER_VIEW_FACTOR, BORDER_VIEW_PX } from './border.js';
import { PeriodicityMeter, WINDOW_PX } from './spectrum.js';

/** Side of the picture whose spectrum is measured, at the frame's own resolution; a smaller face gets one window of WINDOW_PX. */
const PATTERN_VIEW_PX = 2 * WINDOW_PX;
/** Shorter side of the box from which a face fills PATTERN_VIEW_PX. */
const LARGE_FACE_PX = 150;
/** Part of the face's box that counts as skin, and part beyond which the surroundings begin, from the middle of the box. */
const SKIN = 0.3;
const SURROUNDINGS = 0.75;

/** Holds the memory of the measurements; one for each pipeline. */
export class PresentationMeter {
  readonly #addon: Pick<Addon, 'warp' | 'findBorder'>;
  readonly #around = new Uint8Array(BORDER_VIEW_PX * BORDER_VIEW_PX * 3);
  readonly #aroundGrey = new Uint8Array(BORDER_VIEW_PX * BORDER_VIEW_PX);
  readonly #inside = new Uint8Array(BORDER_VIEW_PX * BORDER_VIEW_PX);
  readonly #face = new Uint8Array(PATTERN_VIEW_PX * PATTERN_VIEW_PX * 3);
  readonly #faceGrey = new Uint8Array(PATTERN_VIEW_PX * PATTERN_VIEW_PX);
  readonly #meter = new PeriodicityMeter();

  constructor(addon: Pick<Addon, 'warp' | 'findBorder'>) {
    this.#addon = addon;
  }

  measure(image: NativeImage, face: Pick<Face, 'boxPx' | 'pose'>): PresentationTraces {
    return { ...this.#measureSurroundings(image, face), periodicity: this.#measurePeriodicity(image, face) };
  }

  #measureSurroundings(
    image: NativeImage,
    { boxPx, pose }: Pick<Face, 'boxPx' | 'pose'>,
  ): Pick<PresentationTraces, 'border' | 'chroma' | 'surroundingChroma'> {
    const side = Math.max(boxWidth(boxPx), boxHeight(boxPx)) * BORDER_VIEW_FACTOR;
    const centre: Point = { x: (boxPx.x0 + boxPx.x1) / 2, y: (boxPx.y0 + boxPx.y1) / 2 };
    const scale = BORDER_VIEW_PX / side;
    const roll = (pose.roll * Math.PI) / 180;
    const [c, s] = [Math.cos(roll) * scale, Math.sin(roll) * scale];
    const middle = (BORDER_VIEW_PX - 1) / 2;
    const matrix = [c, s, middle - c * centre.x - s * centre.y, -s, c, middle + s * centre.x - c * centre.y] as const;
    this.#addon.warp(image, this.#around, {
      widthPx: BORDER_VIEW_PX,
      heightPx: BORDER_VIEW_PX,
      matrix,
      border: 'reflect',
    });
    const toPicture = ({ x, y }: Point): Point => {
      const [u, v] = [(x - middle) / scale ** 2, (y - middle) / scale ** 2];
      return { x: centre.x + c * u - s * v, y: centre.y + s * u + c * v };
    };
    this.#markInside(image, toPicture);
    convertToGrey(this.#around, this.#aroundGrey);
    const found = this.#addon.findBorder(this.#aroundGrey, this.#inside);
    const border = found && {
      coverage: found.coverage,
      cornersPx: found.corners.map(toPicture) as [Point, Point, Point, Point],
    };
    return { ...(border && { border }), ...this.#measureChroma() };
  }

  /** Marks the pixels of the view that are inside the picture. @param toPicture an affine map */
  #markInside({ widthPx, heightPx }: NativeImage, toPicture: (point: Point) => Point): void {
    const origin = toPicture({ x: 0, y: 0 });
    const right = toPicture({ x: 1, y: 0 });
    const down = toPicture({ x: 0, y: 1 });
    const [ux, uy] = [right.x - origin.x, right.y - origin.y];
    const [vx, vy] = [down.x - origin.x, down.y - origin.y];
    for (let y = 0, i = 0; y < BORDER_VIEW_PX; y++) {
      let px = origin.x + vx * y;
      let py = origin.y + vy * y;
      for (let x = 0; x < BORDER_VIEW_PX; x++, i++, px += ux, py += uy) {
        this.#inside[i] = px > 0 && py > 0 && px < widthPx - 1 && py < heightPx - 1 ? 1 : 0;
      }
    }
  }

  #measureChroma(): Pick<PresentationTraces, 'chroma' | 'surroundingChroma'> {
    const face = BORDER_VIEW_PX / BORDER_VIEW_FACTOR;
    const middle = (BORDER_VIEW_PX - 1) / 2;
    let [skin, skinCount, around, aroundCount] = [0, 0, 0, 0];
    for (let y = 1; y < BORDER_VIEW_PX; y += 3) {
      for (let x = 1; x < BORDER_VIEW_PX; x += 3) {
        const distance = Math.max(Math.abs(x - middle), Math.abs(y - middle)) / face;
        const isSkin = distance < SKIN;
        if ((!isSkin && distance < SURROUNDINGS) || this.#inside[y * BORDER_VIEW_PX + x] === 0) continue;
        const i = 3 * (y * BORDER_VIEW_PX + x);
        const [r, g, b] = [this.#around[i]!, this.#around[i + 1]!, this.#around[i + 2]!];
        const chroma = Math.max(r, g, b) - Math.min(r, g, b);
        if (isSkin) {
          skin += chroma;
          skinCount++;
        } else {
          around += chroma;
          aroundCount++;
        }
      }
    }
    return { chroma: skin / Math.max(1, skinCount), surroundingChroma: around / Math.max(1, aroundCount) };
  }

  #measurePeriodicity(image: NativeImage, { boxPx }: Pick<Face, 'boxPx'>): number {
    const isLarge = Math.min(boxWidth(boxPx), boxHeight(boxPx)) >= LARGE_FACE_PX;
    const side = isLarge ? PATTERN_VIEW_PX : WINDOW_PX;
    // Whole pixels: interpolation would blur the pattern.
    const x0 = Math.round((boxPx.x0 + boxPx.x1 - side) / 2);
    const y0 = Math.round((boxPx.y0 + boxPx.y1 - side) / 2);
    const rgb = this.#face.subarray(0, side * side * 3);
    const grey = this.#faceGrey.subarray(0, side * side);
    this.#addon.warp(image, rgb, {
      widthPx: side,
      heightPx: side,
      matrix: [1, 0, -x0, 0, 1, -y0],
      border: 'reflect',
    });
    convertToGrey(rgb, grey);
    this.#meter.reset();
    for (let y = 0; y < side; y += WINDOW_PX) {
      for (let x = 0; x < side; x += WINDOW_PX) this.#meter.add(grey, side, y * side + x);
    }
    return this.#meter.strongestPeak();
  }
}

/** Computes the luma of ITU-R BT.601 in whole numbers. */
function convertToGrey(rgb: Uint8Array, grey: Uint8Array): void {
  for (let i = 0, j = 0; i < grey.length; i++, j += 3) {
    grey[i] = (77 * rgb[j]! + 150 * rgb[j + 1]! + 29 * rgb[j + 2]!) >> 8;
  }
}
