// The committed clip and pictures are the same as the renderer makes them, and small.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { decodeCrop } from '../../src/cli/models/decode-crop.js';
import { MOST_BYTES, renderCommittedFiles } from '../../tools/rendered-people/committed-files.js';
import { loadAddon } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';

const addon = loadAddon();
/** Greatest mean difference of two decoded pictures, in grey levels. Encoders and decoders of other versions round differently. */
const MOST_DIFFERENCE = 2;

function pathInRepository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** Returns the JPEG frames of a motion-JPEG AVI: each is a chunk `00dc` with its length. */
function readFrames(avi: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  const end = avi.indexOf('idx1');
  for (let at = avi.indexOf('00dc'); at >= 0 && at < end;) {
    const length = avi.readUInt32LE(at + 4);
    frames.push(avi.subarray(at + 8, at + 8 + length));
    at += 8 + length + (length % 2);
  }
  return frames;
}

async function measureDifference(a: Buffer, b: Buffer): Promise<number> {
  if (a.equals(b)) return 0;
  const [one, other] = [await decodeCrop(a, addon), await decodeCrop(b, addon)];
  expect([one.widthPx, one.heightPx]).toEqual([other.widthPx, other.heightPx]);
  return one.rgb.reduce((sum, value, i) => sum + Math.abs(value - (other.rgb[i] ?? 0)), 0) / one.rgb.length;
}

it('the committed clip and pictures equal those of the renderer, and have at most 1.5 MB together', async () => {
  const rendered = await renderCommittedFiles(addon, tempDir());
  expect([...rendered.keys()].filter((path) => !existsSync(pathInRepository(path)))).toEqual([]);
  const bytes = [...rendered.keys()].reduce((sum, path) => sum + statSync(pathInRepository(path)).size, 0);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
  for (const [path, made] of rendered) {
    const committed = readFileSync(pathInRepository(path));
    const isClip = path.endsWith('.avi');
    const pairs = isClip ? readFrames(committed) : [committed];
    const expected = isClip ? readFrames(made) : [made];
    expect([path, pairs.length]).toEqual([path, expected.length]);
    for (const [i, frame] of pairs.entries()) {
      expect(await measureDifference(frame, expected[i] ?? Buffer.alloc(0)), `${path} ${i}`).toBeLessThan(
        MOST_DIFFERENCE,
      );
    }
  }
});

it('the comparison finds a picture that the renderer does not make', async () => {
  const guest = readFileSync(pathInRepository('demo/guest-1.jpg'));
  const stranger = readFileSync(pathInRepository('demo/stranger.jpg'));
  expect(await measureDifference(guest, stranger)).toBeGreaterThan(MOST_DIFFERENCE * 4);
});
