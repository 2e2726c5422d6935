// What stands before the cameras of the tests: rendered people, in clips that repeat.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderClip } from '../../tools/rendered-people/clip-file.js';
import { GUEST_SEED, STRANGER_SEED } from '../../tools/rendered-people/demo-clip.js';
import { loadAddon } from '../../src/native/addon.js';

export const DEMO_CLIP = fileURLToPath(new URL('../../demo/clip.avi', import.meta.url));
/** Pictures for enrolment, of the people in the clips. */
export const PORTRAITS = {
  guest: fileURLToPath(new URL('../../demo/guest-1.jpg', import.meta.url)),
  guestAgain: fileURLToPath(new URL('../../demo/guest-2.jpg', import.meta.url)),
  stranger: fileURLToPath(new URL('../../demo/stranger.jpg', import.meta.url)),
};

/**
 * What a camera shows. `demo`: the clip of the demonstration, 12 s, the guest and then the stranger. `guest`, `stranger`: one person who stands
 * there for 2.8 of 4 s, long enough to be enrolled. `both`: two persons at once. `nobody`: an empty room.
 */
export type Scene = 'demo' | 'guest' | 'stranger' | 'both' | 'nobody';

const PEOPLE: Readonly<Record<Exclude<Scene, 'demo'>, readonly { seed: number; x: number }[]>> = {
  guest: [{ seed: GUEST_SEED, x: 0.45 }],
  stranger: [{ seed: STRANGER_SEED, x: 0.45 }],
  both: [
    { seed: STRANGER_SEED, x: 0.25 },
    { seed: GUEST_SEED, x: 0.7 },
  ],
  nobody: [],
};

/** Returns the clip of a scene. Rendering one takes about a second. @param folder for the file */
export async function makeClip(scene: Scene, folder: string): Promise<string> {
  if (scene === 'demo') return DEMO_CLIP;
  const path = join(folder, `${scene}.avi`);
  const actors = PEOPLE[scene].map(({ seed, x }) => {
    const place = { x, y: 0.46, sizePx: 120 };
    const keyframes = [
      { atMs: 0, ...place },
      { atMs: 2_800, ...place, x: x + 0.05 },
    ];
    return { who: { seed }, sway: { yaw: 4, pitch: 2 }, blinks: false, keyframes };
  });
  const script = { widthPx: 480, heightPx: 360, fps: 8, durationMs: 4_000, background: 12, samples: 1, actors };
  await renderClip(script, path, { addon: loadAddon() });
  return path;
}
