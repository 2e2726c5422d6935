// Clips of one presentation to a camera: a living head that moves in space, or a flat picture that is held and moved.
import type { ClipActor, ClipScript, Keyframe } from './clip.js';
import type { Picture } from './head.js';
import { between, seededRandom } from './random.js';

/** How the presentation moves: `still` as on a stand, `held` by a hand or a neck, `turning` to one side and back, `coming` nearer. */
export const MOTIONS = ['still', 'held', 'turning', 'coming'] as const;

export type Motion = (typeof MOTIONS)[number];

export type Presented =
  /** A rendered person. */
  | { seed: number }
  /** A flat picture, or a film on a flat screen; `facePerWidth`: width of the face in widths of the sheet. */
  | { sheet: Picture | ((atMs: number) => Picture); edge: 'plain' | 'oval'; facePerWidth: number };

export interface PresentationClip {
  presented: Presented;
  motion: Motion;
  /** Seed of place, size, background and the exact movement. */
  seed: number;
  durationMs?: number;
  /** Degrees of the turn to one side and back. Default: 25. */
  turnDegrees?: number;
}

/** Makes the script of a clip of 640 x 480 px with 10 frames per second. */
export function createPresentationScript({
  presented,
  motion,
  seed,
  durationMs = 3_000,
  turnDegrees = 25,
}: PresentationClip): ClipScript {
  const random = seededRandom(seed, 9);
  const facePx = between(random, 78, 110);
  const scale = 'seed' in presented ? 1 : 1 / presented.facePerWidth;
  const x = between(random, 0.42, 0.58);
  const y = between(random, 0.46, 0.54);
  const side = random() < 0.5 ? -1 : 1;
  const rest = { yaw: between(random, -5, 5), pitch: between(random, -4, 4), roll: between(random, -4, 4) };
  const at = (atMs: number, more: Partial<Keyframe> = {}): Keyframe => {
    const wander = motion === 'still' ? 0 : 1;
    return {
      atMs,
      x: x + wander * between(random, -0.03, 0.03),
      y: y + wander * between(random, -0.02, 0.02),
      sizePx: facePx * scale,
      pose: rest,
      ...more,
    };
  };
  const turned = { ...rest, yaw: rest.yaw + side * turnDegrees, pitch: rest.pitch + between(random, -8, 8) };
  const end = durationMs + 100;
  const keyframes: Record<Motion, () => Keyframe[]> = {
    still: () => [at(0), at(end)],
    held: () => Array.from({ length: Math.ceil(end / 500) + 1 }, (_, i) => at(i * 500)),
    turning: () => [at(0), at(0.4 * end, { pose: turned }), at(0.55 * end, { pose: turned }), at(end)],
    coming: () => [at(0, { sizePx: 0.75 * facePx * scale }), at(end, { sizePx: 1.1 * facePx * scale })],
  };
  const who: ClipActor['who'] = 'seed' in presented ? presented : { sheet: presented.sheet, edge: presented.edge };
  const sway =
    motion === 'still'
      ? {}
      : {
          sway: {
            yaw: between(random, 1, 4),
            pitch: between(random, 1, 3),
            roll: 2,
            periodMs: between(random, 2_000, 4_000),
          },
        };
  return {
    widthPx: 640,
    heightPx: 480,
    fps: 10,
    durationMs,
    background: Math.floor(random() * 10_000),
    actors: [{ who, keyframes: keyframes[motion](), ...sway }],
    samples: 1,
  };
}
