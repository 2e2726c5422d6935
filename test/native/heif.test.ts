// HEIC pictures through the libheif of the platform: turned and mirrored as the file has it, with their profile, and bounded.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { lacksHeicEncoder, makeHeic } from '../support/heic.js';

const addon = loadAddon();
const MAX_PIXELS = 50_000_000;

function hasLibrary(): boolean {
  try {
    addon.decodeHeif(new Uint8Array(16), MAX_PIXELS);
  } catch (error) {
    if (!String(error).includes('not installed')) return true;
  }
  console.warn('skipped: HEIC pictures: libheif is not installed');
  return false;
}

type Colour = 'red' | 'green' | 'blue' | 'white';
const COLOURS: Record<Colour, [number, number, number]> = {
  red: [255, 0, 0],
  green: [0, 255, 0],
  blue: [0, 0, 255],
  white: [255, 255, 255],
};

/** A picture of 320 x 240 px with a colour in each quarter: top left, top right, bottom left, bottom right. */
async function paintQuarters(...quarters: Colour[]): Promise<Buffer> {
  const rgb = Buffer.alloc(320 * 240 * 3);
  for (let y = 0; y < 240; y++) {
    for (let x = 0; x < 320; x++) {
      rgb.set(COLOURS[quarters[(y < 120 ? 0 : 2) + (x < 160 ? 0 : 1)]!], (y * 320 + x) * 3);
    }
  }
  return sharp(rgb, { raw: { width: 320, height: 240, channels: 3 } })
    .png()
    .toBuffer();
}

/** Returns the size and the nearest colour of each quarter. */
function look({ data, widthPx, heightPx, channels }: ReturnType<typeof addon.decodeHeif>): unknown[] {
  const name = (x: number, y: number): Colour | undefined => {
    const at = (Math.round(y * heightPx) * widthPx + Math.round(x * widthPx)) * channels;
    return (Object.keys(COLOURS) as Colour[]).find((colour) =>
      COLOURS[colour].every((value, i) => Math.abs(value - data[at + i]!) < 30),
    );
  };
  return [`${widthPx} x ${heightPx}`, name(0.25, 0.25), name(0.75, 0.25), name(0.25, 0.75), name(0.75, 0.75)];
}

describe.skipIf(!hasLibrary())('decodeHeif', () => {
  describe.skipIf(lacksHeicEncoder('HEIC pictures made with ffmpeg'))('decodes', () => {
    it.each([
      ['as it is', {}, ['320 x 240', 'red', 'green', 'blue', 'white']],
      ['turned once', { quarterTurns: 1 }, ['240 x 320', 'green', 'white', 'red', 'blue']],
      ['turned twice', { quarterTurns: 2 }, ['320 x 240', 'white', 'blue', 'green', 'red']],
      ['turned three times', { quarterTurns: 3 }, ['240 x 320', 'blue', 'red', 'white', 'green']],
      ['of tiles', { tiles: { columns: 2, rows: 2 } }, ['320 x 240', 'red', 'green', 'blue', 'white']],
      [
        'of tiles, turned',
        { tiles: { columns: 5, rows: 1 }, quarterTurns: 3 },
        ['240 x 320', 'blue', 'red', 'white', 'green'],
      ],
      ['mirrored', { mirror: 'left-right' }, ['320 x 240', 'green', 'red', 'white', 'blue']],
      ['mirrored top down', { mirror: 'top-down' }, ['320 x 240', 'blue', 'white', 'red', 'green']],
    ] as const)('a picture %s', async (_name, options, seen) => {
      const heic = makeHeic(await paintQuarters('red', 'green', 'blue', 'white'), options);
      const picture = addon.decodeHeif(heic, MAX_PIXELS);
      expect(look(picture)).toEqual(seen);
      expect([picture.channels, picture.profile, picture.data.length]).toEqual([3, undefined, 320 * 240 * 3]);
    });

    it('the primary picture of several', async () => {
      const before = [await paintQuarters('white', 'white', 'white', 'white')];
      const heic = makeHeic(await paintQuarters('red', 'green', 'blue', 'white'), { before });
      expect(look(addon.decodeHeif(heic, MAX_PIXELS))).toEqual(['320 x 240', 'red', 'green', 'blue', 'white']);
    });

    it('the colour profile', async () => {
      const profile = Buffer.from('a profile of a display, as far as the decoder is concerned');
      const heic = makeHeic(await paintQuarters('red', 'green', 'blue', 'white'), { profile });
      expect(Buffer.from(addon.decodeHeif(heic, MAX_PIXELS).profile ?? []).equals(profile)).toBe(true);
    });

    it('nothing beyond the limit of pixels', async () => {
      const heic = makeHeic(await paintQuarters('red', 'green', 'blue', 'white'));
      expect(addon.decodeHeif(heic, 320 * 240)).toMatchObject({ widthPx: 320 });
      expect(() => addon.decodeHeif(heic, 320 * 240 - 1)).toThrow('pixel limit');
    });

    it('no file that is cut short, wherever', async () => {
      const heic = makeHeic(await paintQuarters('red', 'green', 'blue', 'white'));
      for (const length of [0, 8, 20, 40, 100, 300, Math.round(heic.length / 2), heic.length - 1]) {
        expect(() => addon.decodeHeif(heic.subarray(0, length), MAX_PIXELS), `${length}`).toThrow(/^libheif: /);
      }
    });
  });

  it('refuses what is no HEIC, and other arguments', () => {
    expect(() => addon.decodeHeif(Buffer.from('hello, this is a text'), MAX_PIXELS)).toThrow(/^libheif: /);
    expect(() => addon.decodeHeif('text' as unknown as Uint8Array, MAX_PIXELS)).toThrow(TypeError);
    expect(() => addon.decodeHeif(new Uint8Array(9), NaN)).toThrow(RangeError);
  });
});
