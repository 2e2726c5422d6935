// Damaged and hostile photos for the bulk enrolment: each is answered in time, and at worst its decoder process ends.
import { existsSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { DecoderProcess } from '../../src/vision/decoder-process.js';
import { describeError } from '../../src/errors.js';
import { lacksHeicEncoder, makeHeic } from '../support/heic.js';
import { DECODER_FILE } from '../support/service.js';
import { missing } from '../support/shared.js';
import { seedRandom } from './files.js';

const DAMAGED_FILES = 60;
const built = existsSync(DECODER_FILE) ? DECODER_FILE.pathname : undefined;

const picture = sharp({
  create: {
    width: 320,
    height: 240,
    channels: 3,
    background: 'tan',
    noise: { type: 'gaussian', mean: 128, sigma: 40 },
  },
});

/** Returns the file with some bytes changed, a piece removed or repeated, or its end cut off. */
function damage(file: Buffer, seed: number): Buffer {
  const random = seedRandom(seed);
  const place = (): number => Math.floor(random() ** 2 * file.length);
  const kind = random();
  if (kind < 0.1) return file.subarray(0, place());
  if (kind < 0.2) return Buffer.concat([file.subarray(0, place()), file.subarray(place())]);
  const damaged = Buffer.from(file);
  for (let i = 0; i <= random() * 8; i++) damaged[place()] = random() < 0.3 ? 255 : random() * 256;
  return damaged;
}

describe.skipIf(missing('hostile photos', built))('a photo that is', () => {
  const decoder = new DecoderProcess(DECODER_FILE);
  afterAll(() => decoder.abandon());

  /** Decodes a photo. @returns the problem; undefined where it was decoded @throws where the decoder hangs or gives too many pixels */
  async function decode(file: Buffer): Promise<string | undefined> {
    let isOverdue = false;
    const timer = setTimeout(() => {
      isOverdue = true;
      decoder.abandon();
    }, 20_000);
    try {
      const { rgb, widthPx, heightPx } = await decoder.decodePhoto(file);
      expect(Math.max(widthPx, heightPx)).toBeLessThanOrEqual(2_048);
      expect(rgb).toHaveLength(widthPx * heightPx * 3);
      return undefined;
    } catch (error) {
      return describeError(error);
    } finally {
      clearTimeout(timer);
      expect(isOverdue).toBe(false);
    }
  }

  async function decodeDamaged(file: Buffer): Promise<void> {
    expect(await decode(file)).toBeUndefined();
    let refused = 0;
    for (let seed = 1; seed <= DAMAGED_FILES; seed++) if ((await decode(damage(file, seed))) !== undefined) refused++;
    expect(refused).toBeGreaterThan(0);
    expect(await decode(file)).toBeUndefined();
  }

  it.each(['webp', 'avif', 'gif', 'tiff'] as const)('damaged %s is decoded or refused', async (format) => {
    await decodeDamaged(await picture.clone().toFormat(format).toBuffer());
  });

  describe.skipIf(lacksHeicEncoder('hostile HEIC photos'))('HEIC', () => {
    it.each([
      ['of one picture', {}],
      ['of tiles', { tiles: { columns: 2, rows: 2 }, quarterTurns: 1 }],
    ] as const)('and damaged, %s, is decoded or refused', async (_name, options) => {
      await decodeDamaged(makeHeic(await picture.clone().png().toBuffer(), options));
    });

    it('and claims to be a giant is refused', async () => {
      const file = makeHeic(await picture.clone().png().toBuffer(), { tiles: { columns: 2, rows: 2 } });
      // The last size is that of the whole picture.
      const at = file.lastIndexOf('ispe') + 8;
      for (const [widthPx, heightPx] of [
        [60_000, 60_000],
        [0xffffffff, 0xffffffff],
        [0x10000, 0x10000],
      ] as const) {
        file.writeUInt32BE(widthPx, at);
        file.writeUInt32BE(heightPx, at + 4);
        expect(await decode(file)).toMatch(/pixel limit|libheif: /);
      }
    });
  });

  it('a giant of another format is refused', async () => {
    const giant = sharp({ create: { width: 9_000, height: 9_000, channels: 3, background: 'tan' } });
    expect(await decode(await giant.clone().tiff({ compression: 'deflate' }).toBuffer())).toMatch(/pixel limit/);
    expect(await decode(await giant.clone().webp({ effort: 0 }).toBuffer())).toMatch(/pixel limit/);
  });
});
