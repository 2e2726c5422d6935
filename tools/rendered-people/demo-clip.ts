// The clip of the demonstration: a guest, who is enrolled before, comes to the door and leaves, then a stranger does the same.
import type { ClipScript } from './clip.js';
import { renderClip, type ClipFile, type ClipFileOptions } from './clip-file.js';
import { DISTINCT_SEEDS } from './distinct-seeds.js';
import { renderFace, type FaceOptions, type RenderedFace } from './render-face.js';

export const GUEST_SEED = DISTINCT_SEEDS[6];
export const STRANGER_SEED = DISTINCT_SEEDS[7];
/** Time of the clip at which the guest looks into the camera with open eyes. */
export const ENROLMENT_MS = 5_300;

/**
 * Returns the script of the demonstration's clip, twelve seconds: an empty room while the guest is enrolled, the guest from 2.3 to
 * 6.4 s, the stranger from 7.2 to 10 s, and an empty room again. Size and rate are small because the clip is committed.
 */
export function createDemoScript(): ClipScript {
  return {
    widthPx: 480,
    heightPx: 360,
    fps: 8,
    durationMs: 12_000,
    background: 12,
    light: { azimuth: -30, elevation: 40 },
    actors: [
      {
        who: { seed: GUEST_SEED },
        sway: { yaw: 3, pitch: 3, roll: 2 },
        keyframes: [
          { atMs: 2_300, x: -0.32, y: 0.47, sizePx: 72, pose: { yaw: 25 } },
          { atMs: 3_400, x: 0.42, y: 0.44, sizePx: 88, pose: { yaw: 6 } },
          { atMs: 4_000, x: 0.45, y: 0.44, sizePx: 93, pose: { yaw: -16 } },
          { atMs: 4_700, x: 0.48, y: 0.44, sizePx: 94, pose: { yaw: 12, pitch: 6 } },
          { atMs: 5_300, x: 0.5, y: 0.44, sizePx: 94 },
          { atMs: 6_400, x: 1.34, y: 0.47, sizePx: 75, pose: { yaw: 25 } },
        ],
      },
      {
        who: { seed: STRANGER_SEED },
        sway: { yaw: 4, pitch: 2, roll: 3, periodMs: 2_600 },
        keyframes: [
          { atMs: 7_200, x: -0.34, y: 0.5, sizePx: 69, pose: { yaw: 22 } },
          { atMs: 8_200, x: 0.5, y: 0.47, sizePx: 84 },
          { atMs: 8_900, x: 0.54, y: 0.46, sizePx: 88, pose: { pitch: -5 } },
          { atMs: 10_000, x: -0.34, y: 0.5, sizePx: 72, pose: { yaw: -24 } },
        ],
      },
    ],
  };
}

/** Writes the demonstration's clip. renderClip describes the two kinds of file and the errors. */
export async function renderDemoClip(path: string, options: ClipFileOptions): Promise<ClipFile> {
  return renderClip(createDemoScript(), path, options);
}

/** Renders a picture for enrolment: the person looks straight ahead, in good light, before a background other than the clip's. */
export function renderPortrait(seed: number, options: FaceOptions = {}): RenderedFace {
  return renderFace(seed, {
    widthPx: 480,
    heightPx: 600,
    facePx: 190,
    centreY: 280,
    background: seed + 1_000,
    light: { azimuth: 15, elevation: 45 },
    camera: { noise: 1.5, noiseSeed: seed },
    ...options,
  });
}
