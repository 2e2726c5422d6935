// Renders pictures of people who do not exist, one face or a scene of several, for the demonstration and for tests.
import type { Pose } from '../../src/domain/face.js';
import { renderBackground } from './background.js';
import type { Expression } from './face-paint.js';
import { buildHead, type FaceTruth, type Head, type Picture } from './head.js';
import { linear, mixRgb, scaleRgb } from './palette.js';
import { seededRandom } from './random.js';
import type { Lighting } from './rasterise.js';

/** The lamp and the ambient light. */
export interface Light {
  /** Horizontal direction of the lamp in degrees; positive is the picture's right. */
  azimuth: number;
  /** Height of the lamp in degrees above the horizon. */
  elevation: number;
  /** Brightness of the lamp; 1 is normal. */
  strength: number;
  /** Brightness of the ambient light; 1 is normal. */
  ambient: number;
  /** Colour of the light: -1 bluish .. 1 yellowish. */
  warmth: number;
}

/** Noise and blur of the camera. */
export interface CameraFlaws {
  /** Standard deviation of the noise, in grey levels. */
  noise: number;
  /** Standard deviation of the blur, in pixels. */
  blurPx: number;
  /** Seed of the noise. */
  noiseSeed: number;
}

export interface ActorOptions {
  pose?: Partial<Pose> | undefined;
  expression?: Partial<Expression> | undefined;
}

export interface HeadPlacement extends ActorOptions {
  /** Seed of a head, which is built then (some tens of milliseconds), or a head that was built before. */
  head: number | Head;
  /** Centre of the face's box when the face looks straight ahead, in pixels. */
  centreX: number;
  centreY: number;
  /** Width of the face's box when the face looks straight ahead, in pixels: 8 or more. */
  facePx: number;
}

export interface SceneOptions {
  widthPx: number;
  heightPx: number;
  /** Heads in drawing order: the last one is in front. */
  heads: readonly HeadPlacement[];
  background?: number;
  light?: Partial<Light>;
  camera?: Partial<CameraFlaws>;
  /** Samples per pixel and direction, 1..4. */
  samples?: number;
}

export interface RenderedScene extends Picture {
  faces: FaceTruth[];
}

export interface FaceOptions extends ActorOptions {
  widthPx?: number;
  heightPx?: number;
  facePx?: number;
  centreX?: number;
  centreY?: number;
  background?: number;
  light?: Partial<Light>;
  camera?: Partial<CameraFlaws>;
  samples?: number;
}

export interface RenderedFace extends Picture, FaceTruth {}

const MAX_SIDE_PX = 8192;

/** Renders several heads before one background. @throws RangeError for sizes or values out of range */
export function renderScene(options: SceneOptions): RenderedScene {
  const { widthPx, heightPx } = options;
  requirePictureSize(widthPx, heightPx);
  const picture: Picture = { widthPx, heightPx, rgb: renderBackground(options.background ?? 1, widthPx, heightPx) };
  const faces = drawHeads(picture, options.heads, options.light, options.samples);
  applyCamera(picture, options.camera);
  return { ...picture, faces };
}

/** Checks the size of a picture. @throws RangeError where a side is out of range */
export function requirePictureSize(widthPx: number, heightPx: number): void {
  for (const side of [widthPx, heightPx]) {
    if (!Number.isInteger(side) || side < 16 || side > MAX_SIDE_PX) {
      throw new RangeError(`a picture's side must be 16..${MAX_SIDE_PX} px, not ${side}`);
    }
  }
}

/** Renders one head before a background. Default: in the middle of 320 x 320 px, with a face 120 px wide. @throws RangeError as renderScene */
export function renderFace(head: number | Head, options: FaceOptions = {}): RenderedFace {
  const widthPx = options.widthPx ?? 320;
  const heightPx = options.heightPx ?? 320;
  const facePx = options.facePx ?? 120;
  const placement: HeadPlacement = {
    head,
    centreX: options.centreX ?? widthPx / 2,
    centreY: options.centreY ?? heightPx / 2,
    facePx,
    pose: options.pose,
    expression: options.expression,
  };
  const { faces, ...picture } = renderScene({ ...options, widthPx, heightPx, heads: [placement] });
  return { ...picture, ...faces[0]! };
}

/** Draws heads over a picture. @throws RangeError for values out of range */
export function drawHeads(
  onto: Picture,
  heads: readonly HeadPlacement[],
  light: Partial<Light> = {},
  samples = 2,
): FaceTruth[] {
  if (!Number.isInteger(samples) || samples < 1 || samples > 4) throw new RangeError('samples must be 1..4');
  const lighting = makeLighting(light);
  return heads.map((placement) => {
    const { centreX, centreY, facePx } = placement;
    if (!Number.isFinite(centreX) || !Number.isFinite(centreY)) throw new RangeError('a head must be somewhere');
    if (!(facePx >= 8 && facePx <= MAX_SIDE_PX))
      throw new RangeError(`facePx must be 8..${MAX_SIDE_PX}, not ${facePx}`);
    const pose: Pose = { yaw: 0, pitch: 0, roll: 0, ...placement.pose };
    for (const [name, degrees] of Object.entries(pose)) {
      if (!(Math.abs(degrees as number) <= 90)) throw new RangeError(`${name} must be -90..90 degrees`);
    }
    const head = typeof placement.head === 'number' ? buildHead(placement.head) : placement.head;
    const expression = { blink: 0, gazeX: 0, gazeY: 0, mouthOpen: 0, smile: 0, ...placement.expression };
    return head.draw(onto, { centreX, centreY, facePx, pose, expression, lighting, samples });
  });
}

function makeLighting(light: Partial<Light>): Lighting {
  const { azimuth, elevation, strength, ambient, warmth } = {
    azimuth: -25,
    elevation: 35,
    strength: 1,
    ambient: 1,
    warmth: 0,
    ...light,
  };
  const a = (azimuth * Math.PI) / 180;
  const e = (elevation * Math.PI) / 180;
  const white = linear(255, 250, 244);
  const tint = warmth > 0 ? linear(255, 214, 160) : linear(196, 220, 255);
  const colour = mixRgb(white, tint, Math.min(1, Math.abs(warmth)));
  return {
    direction: [Math.sin(a) * Math.cos(e), Math.sin(e), Math.cos(a) * Math.cos(e)],
    key: scaleRgb(colour, 0.78 * strength),
    ambient: scaleRgb(mixRgb(colour, linear(232, 240, 255), 0.5), 0.42 * ambient),
  };
}

/** Blurs a picture and adds noise, in place. @throws RangeError for values out of range */
export function applyCamera(picture: Picture, flaws: Partial<CameraFlaws> = {}): void {
  const { noise, blurPx, noiseSeed } = { noise: 0, blurPx: 0, noiseSeed: 1, ...flaws };
  if (!(noise >= 0) || !(blurPx >= 0 && blurPx <= 20)) throw new RangeError('noise and blurPx must not be negative');
  if (blurPx > 0) blur(picture, blurPx);
  if (noise > 0) addNoise(picture.rgb, noise, noiseSeed);
}

function blur(picture: Picture, sigma: number): void {
  const { widthPx, heightPx, rgb } = picture;
  const reach = Math.ceil(sigma * 2.5);
  const kernel = Float32Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const sum = kernel.reduce((a, b) => a + b, 0);
  for (let i = 0; i < kernel.length; i++) kernel[i]! /= sum;
  const half = new Float32Array(rgb.length);
  const pass = (
    from: ArrayLike<number>,
    to: Float32Array | Uint8Array,
    length: number,
    step: number,
    start: number,
  ): void => {
    for (let i = 0; i < length; i++) {
      let total = 0;
      for (let k = -reach; k <= reach; k++) {
        const j = Math.min(length - 1, Math.max(0, i + k));
        total += kernel[k + reach]! * from[start + j * step]!;
      }
      to[start + i * step] = to instanceof Uint8Array ? Math.round(total) : total;
    }
  };
  for (let row = 0; row < heightPx; row++) {
    for (let k = 0; k < 3; k++) pass(rgb, half, widthPx, 3, row * widthPx * 3 + k);
  }
  for (let column = 0; column < widthPx; column++) {
    for (let k = 0; k < 3; k++) pass(half, rgb, heightPx, widthPx * 3, column * 3 + k);
  }
}

/** Adds noise of a bell-shaped distribution. It is read from random places of a table: a generator call for each byte would take most of a frame's time. */
function addNoise(rgb: Uint8Array, deviation: number, seed: number): void {
  const random = seededRandom(seed, 4);
  const table = Float32Array.from({ length: 4096 }, () => (random() + random() + random() - 1.5) * 2 * deviation);
  let state = Math.floor(random() * 0xffffffff) | 1;
  for (let at = 0; at < rgb.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const value = rgb[at]! + table[state & 4095]!;
    rgb[at] = value < 0 ? 0 : value > 255 ? 255 : value + 0.5;
  }
}
