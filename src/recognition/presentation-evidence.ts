// Evidence of a print or a screen over the frames of one face: what contradicts a liveness score that looks alive.
import type { Face } from '../domain/face.js';
import type { EvidenceName } from '../events/event.js';
import { judgeBorder, readBorderFrame, type BorderFrame } from './border-motion.js';
import { describeShape, measureSpread, type FaceShape } from './landmark-motion.js';

/**
 * Limit of frames that are kept, and the time that they cover at least: at the default rate 64 frames are 6 s. At a higher rate they are
 * thinned out, because at 30 frames per second 64 of them are 2 s, in which nobody can be seen to stand still for 3 s.
 */
const MAX_FRAMES = 64;
const COVERED_MS = 6_000;
/** Least number of frames for evidence, so that one unlucky frame accuses nobody. */
const MIN_FRAMES = 3;
/**
 * Periodicity from which a frame counts for a pattern. Of 409 faces in photographs, 96 of them masked, 24.6 was the highest and 12.9 the
 * 95th percentile of the masked ones; 47 of 48 composed halftones and moirés had 28 to 1207 (November 2026).
 */
const PATTERN = 27;
/** Colour of a face, in grey levels, below which it has none; colour of the surroundings from which that is strange. */
const GREY_FACE = 3;
const COLOURED_SURROUNDINGS = 5;
/** Share of the frames that must show a pattern, or no colour. */
const MOST = 0.6;
/**
 * Foreshortening, in ln(width / height), of a face that has turned so far (30 degrees) that its nose must have moved; and the most that
 * the nose of a flat picture moves meanwhile, across and down. Measured on 15 sheets and 5 heads that turned by 45 degrees, and 24 and 6
 * that turned by 25 (November 2026): sheets move it by 0.17 and 0.11 at most; heads with this foreshortening by at least 0.29.
 */
const FORESHORTENING = 0.15;
const FLAT_ACROSS = 0.2;
const FLAT_DOWN = 0.13;
/** Time, and frames, without any movement that nobody alive keeps up while standing. */
const STILL_MS = 3_000;
const STILL_FRAMES = 12;
/**
 * Movement of the face's centre below which it stands still, as a share of the eye distance. Noise alone moves the centre of a picture on a
 * stand by 0.010 to 0.034 (24 clips, November 2026); this finds about half of them, and spares people who sway by a millimetre or two.
 */
const STILL_SHARE = 0.02;
/** Greatest mean difference of two aligned crops, in grey levels, that noise alone explains. */
const STILL_CROP = 4;

const CROP_PX = 112;
const BLOCK_PX = 8;

/** Evidence against a face: `attack` decides; `doubts` only forbid the verdict `live`, until more frames clear or confirm them. */
export interface Evidence {
  attack: readonly EvidenceName[];
  doubts: readonly EvidenceName[];
}

export const NO_EVIDENCE: Evidence = { attack: [], doubts: [] };

interface Frame {
  atMs: number;
  x: number;
  y: number;
  eyesPx: number;
  shape: FaceShape | undefined;
  border: BorderFrame | undefined;
  periodicity: number | undefined;
  isGrey: boolean | undefined;
}

/** Collects the frames of one face. Evidence of an attack, once found, stays: a picture does not become a person by moving. */
export class PresentationEvidence {
  #frames: Frame[] = [];
  readonly #found = new Set<EvidenceName>();
  /** Downscaled crop at the beginning of the stillness, and the greatest difference from it since. */
  #firstCrop: Uint8Array | undefined;
  #cropDifference = 0;
  /** Frames since the doubt, with their downscaled crops; undefined while there is no doubt. */
  #held: { frame: Frame; crop: Uint8Array | undefined }[] | undefined;

  /** Takes a frame of the face. @param atMs must not decrease */
  add(face: Face, atMs: number): void {
    const { landmarksPx, presentation, crop } = face;
    const [left, right] = landmarksPx;
    const chroma = presentation && {
      isGrey: presentation.chroma < GREY_FACE && presentation.surroundingChroma > COLOURED_SURROUNDINGS,
    };
    const frame: Frame = {
      atMs,
      x: landmarksPx.reduce((sum, point) => sum + point.x, 0) / 5,
      y: landmarksPx.reduce((sum, point) => sum + point.y, 0) / 5,
      eyesPx: Math.hypot(right.x - left.x, right.y - left.y),
      shape: describeShape(landmarksPx),
      border: readBorderFrame(face),
      periodicity: presentation?.periodicity,
      isGrey: chroma?.isGrey,
    };
    const small = crop && shrinkCrop(crop);
    if (this.#held) this.#held.push({ frame, crop: small });
    else this.#take(frame, small);
    if (this.#held && this.#held.length > MAX_FRAMES) this.#held.shift();
  }

  /**
   * Holds back the next frames, because they may show another face: `confirm` adds them to those before, and the next `hold` drops them.
   * At a slow camera each frame is in doubt until its shot was compared, and the evidence must still add up.
   */
  hold(): void {
    this.#held = [];
  }

  /** Notes that the frames which were held back show the same face. */
  confirm(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { frame, crop } of held) this.#take(frame, crop);
  }

  /** Forgets the frames, because the next ones may show another face. What was found stays. */
  interrupt(): void {
    this.#held = undefined;
    this.#frames = [];
    this.#firstCrop = undefined;
    this.#cropDifference = 0;
  }

  judge(): Evidence {
    const evidence = this.peek();
    for (const name of evidence.attack) this.#found.add(name);
    return evidence;
  }

  /** Returns what `judge` would return, and keeps nothing of it. */
  peek(): Evidence {
    const border = judgeBorder(this.#frames.flatMap((frame) => frame.border ?? []));
    const found = new Set(this.#found);
    if (border === 'tied') found.add('border');
    const hasPattern = this.#isFrequent(
      ({ periodicity }) => periodicity,
      (value) => value >= PATTERN,
    );
    if (hasPattern) found.add('pattern');
    const hasNoColour = this.#isFrequent(
      ({ isGrey }) => isGrey,
      (value) => value,
    );
    if (hasNoColour) found.add('grey');
    if (this.#isFlat()) found.add('flat');
    if (this.#isStill()) found.add('still');
    return { attack: [...found], doubts: border === 'open' && !found.has('border') ? ['border'] : [] };
  }

  #isFrequent<T>(read: (frame: Frame) => T | undefined, counts: (value: T) => boolean): boolean {
    const values = this.#frames.flatMap((frame) => read(frame) ?? []) as T[];
    const hits = values.filter(counts).length;
    return hits >= MIN_FRAMES && hits >= MOST * values.length;
  }

  #isFlat(): boolean {
    const shapes = this.#frames.flatMap(({ shape }) => shape ?? []);
    if (shapes.length < 2 * MIN_FRAMES) return false;
    const turned = measureSpread(shapes.map(({ proportion }) => proportion));
    const across = measureSpread(shapes.map((shape) => shape.across));
    const down = measureSpread(shapes.map((shape) => shape.down));
    return turned >= FORESHORTENING && across < FLAT_ACROSS && down < FLAT_DOWN;
  }

  #isStill(): boolean {
    const frames = this.#frames.filter(({ shape }) => shape !== undefined);
    const [first] = frames;
    const last = frames.at(-1);
    if (!first || !last || frames.length < STILL_FRAMES || last.atMs - first.atMs < STILL_MS) return false;
    const limitPx = STILL_SHARE * last.eyesPx;
    const hasMoved =
      measureSpread(frames.map(({ x }) => x)) > limitPx || measureSpread(frames.map(({ y }) => y)) > limitPx;
    return !hasMoved && this.#firstCrop !== undefined && this.#cropDifference < STILL_CROP;
  }

  #take(frame: Frame, crop: Uint8Array | undefined): void {
    this.#frames.push(frame);
    if (this.#frames.length > MAX_FRAMES) this.#frames.splice(findSpareFrame(this.#frames), 1);
    if (crop) this.#compareCrop(crop);
  }

  /** @param small crop as `shrinkCrop` returns it */
  #compareCrop(small: Uint8Array): void {
    this.#firstCrop ??= small;
    let worst = 0;
    for (let i = 0; i < small.length; i++) worst = Math.max(worst, Math.abs(small[i]! - this.#firstCrop[i]!));
    this.#cropDifference = Math.max(this.#cropDifference, worst);
  }
}

/** Returns the index of the frame to drop: the oldest one, or where all of them cover too little time, the one that adds least to it. */
function findSpareFrame(frames: readonly Frame[]): number {
  const times = frames.map(({ atMs }) => atMs);
  if (times.at(-1)! - times[0]! >= COVERED_MS) return 0;
  // The ends stay. Without a frame, its neighbours are this far apart.
  const gaps = times.slice(2).map((atMs, i) => atMs - times[i]!);
  return 1 + gaps.indexOf(Math.min(...gaps));
}

/** Averages the crop over squares of 8 x 8 pixels. @param crop 112 x 112 px, interleaved 8-bit RGB @returns 14 x 14 grey levels */
function shrinkCrop(crop: Uint8Array): Uint8Array {
  const side = CROP_PX / BLOCK_PX;
  const sums = new Float32Array(side * side);
  for (let y = 0, i = 0; y < CROP_PX; y++) {
    for (let x = 0; x < CROP_PX; x++, i += 3) {
      const block = Math.floor(y / BLOCK_PX) * side + Math.floor(x / BLOCK_PX);
      sums[block]! += 0.3 * crop[i]! + 0.59 * crop[i + 1]! + 0.11 * crop[i + 2]!;
    }
  }
  return Uint8Array.from(sums, (sum) => Math.round(sum / BLOCK_PX ** 2));
}
