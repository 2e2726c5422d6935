// Large stills of many shapes, as phones and terminals send them: one face each, as JPEG, progressive JPEG and PNG.
import sharp from 'sharp';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { loadAddon } from '../../src/native/addon.js';

/** Shorter side over longer side. */
const RATIOS = [0.45, 9 / 16, 2 / 3, 3 / 4, 0.9, 1] as const;

/** Makes stills with longer sides of 1,000 to 3,950 px, no two of one shape; the same in every run. @param count at most 60 */
export async function makeLargeStills(count: number): Promise<Buffer[]> {
  const addon = loadAddon();
  const portraits = DISTINCT_SEEDS.map((seed) => encodePicture(renderPortrait(seed), addon));
  const stills: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const longPx = 1_000 + ((i * 37) % 60) * 50;
    const shortPx = Math.round(longPx * RATIOS[i % RATIOS.length]!);
    const [width, height] = i % 2 === 0 ? [longPx, shortPx] : [shortPx, longPx];
    const facePx = Math.round(shortPx * (0.2 + 0.03 * ((i * 7) % 10)));
    const face = await sharp(portraits[i % portraits.length])
      .resize(facePx, facePx)
      .toBuffer();
    const left = Math.floor(((width - facePx) * ((i * 13) % 17)) / 17);
    const top = Math.floor(((height - facePx) * ((i * 5) % 11)) / 11);
    const still = sharp({ create: { width, height, channels: 3, background: '#667788' } }).composite([
      { input: face, left, top },
    ]);
    stills.push(
      await (i % 5 === 4 ? still.png({ compressionLevel: 6 }) : still.jpeg({ progressive: i % 5 === 2 })).toBuffer(),
    );
  }
  return stills;
}
