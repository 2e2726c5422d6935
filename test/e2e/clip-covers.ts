// Things that come between a face and the camera in scripted clips: a mask, a hand, and a phone that shows a portrait.
import type { ClipActor, Keyframe } from '../../tools/rendered-people/clip.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import type { Path } from './clip-door.js';

/** Size of the frame that the offsets below are converted to. */
const FRAME = { widthPx: 640, heightPx: 480 };

/** Where a cover is, relative to the face: offsets of its centre from the centre of the face, and its width, in widths of the face. */
export interface CoverPlace {
  atMs: number;
  right?: number;
  down: number;
}

interface Cover {
  picture: Picture;
  /** In widths of the face. */
  width: number;
}

function draw(widthPx: number, heightPx: number, colour: (x: number, y: number) => readonly number[]): Picture {
  const rgb = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) for (let x = 0; x < widthPx; x++) rgb.set(colour(x, y), (y * widthPx + x) * 3);
  return { widthPx, heightPx, rgb };
}

/** A surgical mask with pleats. */
export const mask: Cover = {
  width: 0.94,
  picture: draw(120, 72, (_, y) => (y % 18 < 3 ? [120, 160, 185] : [165, 200, 220 - (y % 18)])),
};

/** A hand with four fingers that point upwards. */
export const hand: Cover = {
  width: 1.1,
  picture: draw(120, 150, (x, y) => (y < 90 && x % 30 < 3 ? [120, 80, 65] : [205 - (x % 30), 160 - (x % 30), 135])),
};

/**
 * Returns an actor that covers a face.
 * @param at position of the person, who stands still
 * @param places positions of the cover over time; beyond the last one it is out of sight
 */
export function cover(at: Keyframe, { picture, width }: Cover, places: readonly CoverPlace[]): ClipActor {
  const { x, y, sizePx } = at;
  const keyframes = places.map(({ atMs, right = 0, down }) => ({
    atMs,
    x: x + (right * sizePx) / FRAME.widthPx,
    y: y + (down * sizePx) / FRAME.heightPx,
    sizePx: width * sizePx,
  }));
  return { who: { picture, edge: 'oval' }, keyframes };
}

/** Returns an actor that is a phone with a portrait on its screen. @param roll in degrees; 180: upside down */
export function phone(portrait: Picture, path: Path, roll: number): ClipActor {
  const rim = Math.round(portrait.widthPx * 0.06);
  const screen = draw(portrait.widthPx + 2 * rim, portrait.heightPx + 4 * rim, (x, y) => {
    const [u, v] = [x - rim, y - 2 * rim];
    if (u < 0 || v < 0 || u >= portrait.widthPx || v >= portrait.heightPx) return [18, 18, 20];
    const at = (v * portrait.widthPx + u) * 3;
    return [...portrait.rgb.subarray(at, at + 3)];
  });
  return {
    who: { picture: screen, edge: 'plain' },
    keyframes: path.map((place) => ({ ...place, pose: { roll } })),
  };
}
