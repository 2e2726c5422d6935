// Composes clips frame by frame: people and pictures appear, move and leave in front of a still background.
import type { Pose } from '../../src/domain/face.js';
import { renderBackground } from './background.js';
import type { Expression } from './face-paint.js';
import { buildHead, type FaceTruth, type Head, type Picture } from './head.js';
import { mix } from './random.js';
import { applyCamera, drawHeads, requirePictureSize, type Light } from './render-face.js';
import { drawSheet } from './sheet.js';
import { drawSprite, type SpriteEdge } from './sprite.js';

/** Position of an actor at a moment. Between two keyframes the actor moves smoothly. */
export interface Keyframe {
  atMs: number;
  /** Centre of the face's box (looking straight ahead) or of the pasted picture, in fractions of the frame; outside 0..1 it is out of sight. */
  x: number;
  y: number;
  /** Width of the face's box, of the pasted picture or of the sheet, in pixels. */
  sizePx: number;
  /** Pose in degrees. For a pasted picture only the roll is used. */
  pose?: Partial<Pose>;
}

export interface ClipActor {
  /** A rendered person, a picture that is pasted in, or a flat picture that turns in space (a print, or a screen with a video). */
  who:
    | { seed: number }
    | { picture: Picture; edge: SpriteEdge }
    | { sheet: Picture | ((atMs: number) => Picture); edge: 'plain' | 'oval' };
  /** Keyframes in order of time, at least two. The actor is in the clip from the first to the last. */
  keyframes: readonly Keyframe[];
  /** Slow swaying that is added to the pose of the keyframes: amplitudes in degrees, and the period in milliseconds (default 3000). */
  sway?: Partial<Pose> & { periodMs?: number };
  /** False keeps the eyes of a rendered person open. Default: the person blinks from time to time. */
  blinks?: boolean;
}

export interface ClipScript {
  widthPx: number;
  heightPx: number;
  /** Frames per second, 1..60. */
  fps: number;
  durationMs: number;
  /** Seed of the background. */
  background: number;
  /** Actors in drawing order: the last one is in front. */
  actors: readonly ClipActor[];
  light?: Partial<Light>;
  /**
   * Brightness of the whole frame over time, as factors of the linear light: below 1 the room is dark. It is interpolated between two
   * moments, and constant before the first and after the last. Default: 1.
   */
  brightness?: readonly { atMs: number; factor: number }[];
  /** Samples per pixel and direction for rendered people: 1 is rough and quick, 2 (the default) smooth. */
  samples?: number;
  /** Standard deviation of the camera's noise in grey levels; each frame has its own pattern. Default: 2. */
  noise?: number;
}

export interface ClipFrame {
  index: number;
  atMs: number;
  /** Pixels of the frame; the caller owns them. */
  picture: Picture;
  /** Faces of the rendered people, in the order of the actors; their boxes may lie outside the picture. */
  faces: FaceTruth[];
}

const BLINK_EVERY_MS = 2_700;
const BLINK_MS = 140;

export function countFrames(script: ClipScript): number {
  return Math.round((script.durationMs * script.fps) / 1_000);
}

/**
 * Renders the frames of a clip one at a time. The same script gives the same frames.
 * @throws RangeError for an invalid script
 */
export function* renderFrames(script: ClipScript): Generator<ClipFrame, void, undefined> {
  checkScript(script);
  const { widthPx, heightPx, actors } = script;
  const background = renderBackground(script.background, widthPx, heightPx);
  const heads = new Map<number, Head>();
  for (const { who } of actors) {
    if ('seed' in who && !heads.has(who.seed)) heads.set(who.seed, buildHead(who.seed));
  }
  const count = countFrames(script);
  for (let index = 0; index < count; index++) {
    const atMs = (index * 1_000) / script.fps;
    const picture: Picture = { widthPx, heightPx, rgb: background.slice() };
    const faces: FaceTruth[] = [];
    actors.forEach((actor, order) => {
      const place = placeAt(actor, atMs, order);
      if (!place) return;
      const { sizePx, pose } = place;
      const centre = { centreX: place.x * widthPx, centreY: place.y * heightPx };
      const { who } = actor;
      if ('seed' in who) {
        const head = heads.get(who.seed) ?? who.seed;
        const expression = expressionAt(actor, atMs, pose, order);
        const placement = { head, ...centre, facePx: sizePx, pose, expression };
        faces.push(...drawHeads(picture, [placement], script.light, script.samples));
      } else if ('sheet' in who) {
        const sheet = typeof who.sheet === 'function' ? who.sheet(atMs) : who.sheet;
        drawSheet(picture, sheet, { ...centre, widthPx: sizePx, pose, edge: who.edge });
      } else {
        drawSprite(picture, who.picture, { ...centre, widthPx: sizePx, roll: pose.roll, edge: who.edge });
      }
    });
    if (script.brightness) dim(picture, brightnessAt(script.brightness, atMs));
    applyCamera(picture, { noise: script.noise ?? 2, noiseSeed: index });
    yield { index, atMs, picture, faces };
  }
}

/** Returns the position and pose of an actor at a time; undefined while the actor is not in the clip. */
function placeAt(actor: ClipActor, atMs: number, order: number): (Keyframe & { pose: Pose }) | undefined {
  const { keyframes, sway } = actor;
  const next = keyframes.findIndex((keyframe) => keyframe.atMs > atMs);
  if (next < 1) return undefined;
  const a = keyframes[next - 1];
  const b = keyframes[next];
  const linear = (atMs - a!.atMs) / (b!.atMs - a!.atMs);
  const t = linear * linear * (3 - 2 * linear);
  const phase = (2 * Math.PI * atMs) / (sway?.periodMs ?? 3_000) + order;
  // The three rates have no common divisor, so that the movement of the head does not repeat as an ellipse.
  const angle = (name: keyof Pose, rate: number): number =>
    mix(a!.pose?.[name] ?? 0, b!.pose?.[name] ?? 0, t) + (sway?.[name] ?? 0) * Math.sin(phase * rate);
  return {
    atMs,
    x: mix(a!.x, b!.x, t),
    y: mix(a!.y, b!.y, t),
    sizePx: mix(a!.sizePx, b!.sizePx, t),
    pose: { yaw: angle('yaw', 1), pitch: angle('pitch', 1.37), roll: angle('roll', 0.71) },
  };
}

function brightnessAt(moments: NonNullable<ClipScript['brightness']>, atMs: number): number {
  const next = moments.findIndex((moment) => moment.atMs > atMs);
  const [a, b] = next === 0 ? [moments[0], undefined] : [moments.at(next < 0 ? -1 : next - 1), moments[next]];
  if (!a) return 1;
  return b ? mix(a.factor, b.factor, (atMs - a.atMs) / (b.atMs - a.atMs)) : a.factor;
}

/** Multiplies the light of a picture, in place. A pixel value is the root 2.2 of the light. */
function dim({ rgb }: Picture, factor: number): void {
  const table = Uint8Array.from({ length: 256 }, (_, value) => Math.min(255, Math.round(value * factor ** (1 / 2.2))));
  for (let i = 0; i < rgb.length; i++) rgb[i] = table[rgb[i]!]!;
}

function expressionAt(actor: ClipActor, atMs: number, pose: Pose, order: number): Partial<Expression> {
  const sinceBlink = (atMs + 900 + order * 700) % BLINK_EVERY_MS;
  const blink = actor.blinks !== false && sinceBlink < BLINK_MS ? Math.sin((Math.PI * sinceBlink) / BLINK_MS) : 0;
  // The eyes look slightly ahead of the head's movement. They move in steps, because each new direction must be painted.
  return { blink: Math.round(blink * 4) / 4, gazeX: Math.round(pose.yaw / 12) * 0.25 };
}

function checkScript(script: ClipScript): void {
  requirePictureSize(script.widthPx, script.heightPx);
  if (!(script.fps >= 1 && script.fps <= 60)) throw new RangeError('fps must be 1..60');
  if (!(countFrames(script) >= 1)) throw new RangeError('a clip must last for a frame at least');
  script.brightness?.forEach(({ atMs, factor }, i, all) => {
    if (i > 0 && !(atMs > all[i - 1]!.atMs)) throw new RangeError('moments of brightness must rise in time');
    if (!(factor >= 0 && factor <= 10)) throw new RangeError('a brightness must be 0..10');
  });
  for (const { who, keyframes } of script.actors) {
    if (keyframes.length < 2) throw new RangeError('an actor needs two keyframes at least');
    keyframes.forEach((keyframe, i) => {
      if (i > 0 && !(keyframe.atMs > keyframes[i - 1]!.atMs)) throw new RangeError('keyframes must rise in time');
      if (!(keyframe.sizePx >= 8)) throw new RangeError('sizePx must be 8 or more');
      if (!Number.isFinite(keyframe.x) || !Number.isFinite(keyframe.y)) throw new RangeError('x and y must be numbers');
    });
    if ('picture' in who) {
      const { widthPx, heightPx, rgb } = who.picture;
      if (!(widthPx >= 1 && heightPx >= 1) || rgb.length !== widthPx * heightPx * 3) {
        throw new RangeError('a picture must have widthPx * heightPx * 3 bytes');
      }
    }
  }
}
