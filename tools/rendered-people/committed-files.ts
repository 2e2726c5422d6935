// Renders the files that the repository holds: the demonstration's clip, the pictures of the README's commands and the README's picture.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Addon } from '../../src/native/addon.js';
import { renderFrames, type ClipFrame } from './clip.js';
import { encodePicture } from './clip-file.js';
import { createDemoScript, GUEST_SEED, renderDemoClip, renderPortrait, STRANGER_SEED } from './demo-clip.js';
import type { Picture } from './head.js';

/** Most bytes of all files together. A test checks this limit. */
export const MOST_BYTES = 1_500_000;

const CLIP_QUALITY = 70;
/** Times of the clip at which the guest and the stranger look into the camera. */
const SHOWN_MS = { guest: 5_250, stranger: 8_875 };
/** Margin of the drawn box above the forehead and below the chin, as a fraction of the face's height. */
const MARGIN = 0.1;

/**
 * Renders the committed files. Rendering is deterministic; JPEG encoders of different versions may differ by a grey level or two.
 * @param folder for temporary files
 * @returns paths below the root of the repository, and the bytes of each file
 */
export async function renderCommittedFiles(addon: Addon, folder: string): Promise<Map<string, Buffer>> {
  const clip = join(folder, 'clip.avi');
  await renderDemoClip(clip, { addon, quality: CLIP_QUALITY });
  return new Map([
    ['demo/clip.avi', await readFile(clip)],
    ['demo/guest-1.jpg', encodePicture(renderPortrait(GUEST_SEED), addon)],
    ['demo/guest-2.jpg', encodePicture(renderPortrait(GUEST_SEED, OTHER_VIEW), addon)],
    ['demo/stranger.jpg', encodePicture(renderPortrait(STRANGER_SEED), addon)],
    ['docs/pictures/door.jpg', renderDoorPicture(addon)],
  ]);
}

const OTHER_VIEW = { pose: { yaw: -12, pitch: 4 }, background: 5, facePx: 150 };

/** Draws two frames of the clip side by side: the guest in a green box, the stranger in a red one. */
function renderDoorPicture(addon: Addon): Buffer {
  const script = createDemoScript();
  const frames = [...renderFrames(script)];
  const [guest, stranger] = [SHOWN_MS.guest, SHOWN_MS.stranger].map((atMs) => frames.find((f) => f.atMs === atMs));
  if (!guest || !stranger) throw new TypeError('the clip has no frame at one of the moments to be shown');
  const { widthPx, heightPx } = script;
  const picture = placeSideBySide(guest.picture, stranger.picture);
  const image = addon.wrapRgb(picture.rgb, picture.widthPx, heightPx);
  try {
    const boxes = [
      { ...findBox(guest, 0), colour: 'green' as const },
      { ...findBox(stranger, widthPx), colour: 'red' as const },
    ];
    return addon.encodeJpeg(image, 88, { boxes });
  } finally {
    image.release();
  }
}

/** Returns the box of the frame's face in pixels, moved to the right by `offsetPx`. */
function findBox({ faces }: ClipFrame, offsetPx: number): { x0: number; y0: number; x1: number; y1: number } {
  const [face] = faces;
  if (!face) throw new TypeError('the frame to be shown has no face');
  const { x0, y0, x1, y1 } = face.boxPx;
  const margin = (y1 - y0) * MARGIN;
  return { x0: x0 - margin + offsetPx, y0: y0 - margin, x1: x1 + margin + offsetPx, y1: y1 + margin };
}

function placeSideBySide(left: Picture, right: Picture): Picture {
  const { widthPx, heightPx } = left;
  const rgb = new Uint8Array(2 * widthPx * heightPx * 3);
  const row = widthPx * 3;
  for (let y = 0; y < heightPx; y++) {
    rgb.set(left.rgb.subarray(y * row, (y + 1) * row), 2 * y * row);
    rgb.set(right.rgb.subarray(y * row, (y + 1) * row), (2 * y + 1) * row);
  }
  return { widthPx: 2 * widthPx, heightPx, rgb };
}
