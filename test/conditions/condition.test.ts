// Pictures of faces in known conditions: they follow from their text and seed, and keep the face where nothing is changed.
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { parseCondition, PictureMaker } from '../../tools/conditions/condition.js';
import { CROP_PX, PORTRAIT_PX } from '../../tools/conditions/portrait.js';
import { seededRandom } from '../../tools/rendered-people/random.js';
import type { Picture } from '../../tools/rendered-people/head.js';

const random = seededRandom(5);
const crop: Picture = {
  widthPx: CROP_PX,
  heightPx: CROP_PX,
  rgb: Uint8Array.from({ length: CROP_PX * CROP_PX * 3 }, () => 60 + 120 * random()),
};
const maker = new PictureMaker(loadAddon());
const draw = (id: string, seed = 1): Promise<Picture> => maker.draw(crop, parseCondition(id), seed);

/** Finds the crop in a portrait. @returns true where its pixels are there unchanged */
function contains(portrait: Picture, wanted: Picture): boolean {
  const line = CROP_PX * 3;
  const first = Buffer.from(wanted.rgb.subarray(0, line));
  const rgb = Buffer.from(portrait.rgb);
  for (let at = rgb.indexOf(first); at >= 0; at = rgb.indexOf(first, at + 1)) {
    const isRow = (row: number): boolean =>
      rgb
        .subarray(at + row * PORTRAIT_PX * 3, at + row * PORTRAIT_PX * 3 + line)
        .equals(wanted.rgb.subarray(row * line, (row + 1) * line));
    if (Array.from({ length: CROP_PX }, (_, row) => row).every(isRow)) return true;
  }
  return false;
}

describe('parseCondition', () => {
  it('reads steps with numbers, ranges and words', () => {
    expect(parseCondition('mirror+blur:1.5..3+mask:any')).toEqual({
      id: 'mirror+blur:1.5..3+mask:any',
      mirrored: true,
      numbers: { blur: [1.5, 3] },
      words: { mask: 'any' },
    });
  });

  it.each([
    '',
    'fog:3',
    'blur',
    'blur:',
    'blur:90',
    'blur:3..1',
    'turn:0..10..20',
    'mask:paper',
    'lower:dark',
    'mirror:1',
  ])('refuses %j', (id) => {
    expect(() => parseCondition(id)).toThrow(/no condition|not between/);
  });
});

describe('PictureMaker', () => {
  it('keeps the pixels of a clear face', async () => {
    expect(contains(await draw('clear'), crop)).toBe(true);
  });

  it.each(['blur:1', 'small:40', 'turn:10', 'mask:cloth', 'glasses:dark', 'lower:flat', 'upper:textured', 'dark:0.5'])(
    'changes the face for %s',
    async (id) => {
      expect(contains(await draw(id), crop)).toBe(false);
    },
  );

  it('draws the same picture again, and another one for another seed', async () => {
    const id = 'turn:0..180+mask:any+noise:10';
    const first = await draw(id);
    expect(Buffer.from((await draw(id)).rgb).equals(first.rgb)).toBe(true);
    expect(Buffer.from((await draw(id, 2)).rgb).equals(first.rgb)).toBe(false);
  });

  it('turns by half a turn as two mirrors do', async () => {
    const turned = await draw('turn:180', 3);
    const { rgb } = turned;
    const back = new Uint8Array(rgb.length);
    for (let i = 0; i < rgb.length; i += 3) back.set(rgb.subarray(i, i + 3), rgb.length - 3 - i);
    expect(contains({ ...turned, rgb: back }, crop)).toBe(true);
  });

  it('writes a PNG, or a JPEG where the condition has a quality', async () => {
    const png = await maker.make(crop, parseCondition('clear'), 1);
    const jpeg = await maker.make(crop, parseCondition('jpeg:10'), 1);
    expect([...png.subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47]);
    expect([...jpeg.subarray(0, 2)]).toEqual([0xff, 0xd8]);
    expect(jpeg.length).toBeLessThan(png.length / 4);
  });

  it('refuses a crop of another size', async () => {
    const wrong = { widthPx: 10, heightPx: 10, rgb: new Uint8Array(300) };
    await expect(maker.draw(wrong, parseCondition('clear'), 1)).rejects.toThrow(/112/);
  });
});
