import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { decodePicture as decode } from '../../src/vision/decode.js';

const addon = loadAddon();

/** Decodes a picture. @returns its pixels as interleaved RGB */
async function decodePicture(bytes: Uint8Array): Promise<{ data: Uint8Array; widthPx: number; heightPx: number }> {
  const image = await decode(bytes, addon);
  const { widthPx, heightPx } = image;
  const data = new Uint8Array(widthPx * heightPx * 3);
  addon.warp(image, data, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
  return { data, widthPx, heightPx };
}

/** Makes a picture whose left half is red, right half blue and top quarter green. */
function picture(width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const channel = y < height / 4 ? 1 : x < width / 2 ? 0 : 2;
      data[(y * width + x) * 3 + channel] = 220;
    }
  }
  return data;
}
const raw = (width: number, height: number): Sharp =>
  sharp(picture(width, height), { raw: { width, height, channels: 3 } });

const pixel = ({ data, widthPx }: { data: Uint8Array; widthPx: number }, x: number, y: number): number[] => [
  ...data.subarray((y * widthPx + x) * 3, (y * widthPx + x) * 3 + 3),
];

const near = (actual: number[], expected: number[], tolerance = 25): void => {
  actual.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(tolerance));
};

describe('decodePicture', () => {
  it.each<[string, (image: Sharp) => Sharp]>([
    ['JPEG', (image) => image.jpeg({ quality: 95 })],
    ['progressive JPEG', (image) => image.jpeg({ quality: 95, progressive: true })],
    ['PNG', (image) => image.png()],
    ['interlaced PNG', (image) => image.png({ progressive: true })],
    ['palette PNG', (image) => image.png({ palette: true })],
    ['16-bit PNG', (image) => image.toColourspace('rgb16').png()],
    ['CMYK JPEG', (image) => image.toColourspace('cmyk').jpeg({ quality: 95 })],
  ])('decodes %s to RGB', async (_name, encode) => {
    const decoded = await decodePicture(await encode(raw(200, 160)).toBuffer());
    expect([decoded.widthPx, decoded.heightPx, decoded.data.length]).toEqual([200, 160, 200 * 160 * 3]);
    // CMYK cannot represent pure RGB colours: only the strongest channel is compared.
    expect(pixel(decoded, 50, 100).indexOf(Math.max(...pixel(decoded, 50, 100)))).toBe(0);
    expect(pixel(decoded, 150, 100).indexOf(Math.max(...pixel(decoded, 150, 100)))).toBe(2);
    expect(pixel(decoded, 100, 10).indexOf(Math.max(...pixel(decoded, 100, 10)))).toBe(1);
  });

  it.each<[string, (image: Sharp) => Sharp]>([
    ['grey JPEG', (image) => image.greyscale().jpeg()],
    ['grey PNG', (image) => image.greyscale().png()],
    ['grey PNG with alpha', (image) => image.greyscale().ensureAlpha(1).png()],
  ])('decodes %s to three equal channels', async (_name, encode) => {
    const { data } = await decodePicture(await encode(raw(100, 100)).toBuffer());
    expect(data.length).toBe(100 * 100 * 3);
    for (let i = 0; i < data.length; i += 3) expect(data[i] === data[i + 1] && data[i] === data[i + 2]).toBe(true);
  });

  it('shows transparent pixels as grey, whatever colour they have', async () => {
    const data = new Uint8Array(100 * 100 * 4).fill(255).map((value, i) => (i % 4 === 3 ? 0 : value));
    const png = await sharp(data, { raw: { width: 100, height: 100, channels: 4 } })
      .png()
      .toBuffer();
    expect(pixel(await decodePicture(png), 50, 50)).toEqual([128, 128, 128]);
  });

  it.each([
    [1, 'green above', (w: number, h: number) => [w / 2, h / 8]],
    [2, 'mirrored, green above', (w: number, h: number) => [w / 2, h / 8]],
    [3, 'green below', (w: number, h: number) => [w / 2, (7 * h) / 8]],
    [4, 'mirrored, green below', (w: number, h: number) => [w / 2, (7 * h) / 8]],
    [5, 'transposed, green left', (w: number, h: number) => [w / 8, h / 2]],
    [6, 'green right', (w: number, h: number) => [(7 * w) / 8, h / 2]],
    [7, 'transversed, green right', (w: number, h: number) => [(7 * w) / 8, h / 2]],
    [8, 'green left', (w: number, h: number) => [w / 8, h / 2]],
  ])('turns EXIF orientation %d upright (%s)', async (orientation, _name, greenAt) => {
    const jpeg = await raw(240, 160).withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
    const decoded = await decodePicture(jpeg);
    const isTurned = orientation >= 5;
    expect([decoded.widthPx, decoded.heightPx]).toEqual(isTurned ? [160, 240] : [240, 160]);
    const [x, y] = greenAt(decoded.widthPx, decoded.heightPx).map(Math.round);
    near(pixel(decoded, x!, y!), [0, 220, 0]);
  });

  it.each([
    [2049, 1000, 2048, 1000],
    [1000, 4096, 500, 2048],
    [3000, 1500, 2048, 1024],
    [2048, 2048, 2048, 2048],
  ])('scales %d x %d to at most 2048 px', async (width, height, toWidth, toHeight) => {
    const jpeg = await sharp({ create: { width, height, channels: 3, background: '#808080' } })
      .jpeg()
      .toBuffer();
    const decoded = await decodePicture(jpeg);
    expect([decoded.widthPx, decoded.heightPx]).toEqual([toWidth, toHeight]);
  });

  const jpeg = (): Promise<Buffer> => raw(320, 240).jpeg({ quality: 95 }).toBuffer();
  const png = (): Promise<Buffer> => raw(320, 240).png().toBuffer();

  it.each<[string, () => Promise<Uint8Array>, string]>([
    ['nothing', async () => new Uint8Array(0), 'INVALID_IMAGE_FORMAT'],
    ['a text', async () => Buffer.from('face'.repeat(100)), 'INVALID_IMAGE_FORMAT'],
    [
      'SVG',
      async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"/>'),
      'INVALID_IMAGE_FORMAT',
    ],
    ['WebP', () => raw(200, 200).webp().toBuffer(), 'INVALID_IMAGE_FORMAT'],
    ['GIF', () => raw(200, 200).gif().toBuffer(), 'INVALID_IMAGE_FORMAT'],
    ['TIFF', () => raw(200, 200).tiff().toBuffer(), 'INVALID_IMAGE_FORMAT'],
    ['only the magic of a JPEG', async () => Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'INVALID_IMAGE_FILE'],
    ['only the magic of a PNG', async () => (await png()).subarray(0, 8), 'INVALID_IMAGE_FILE'],
    ['half a JPEG', async () => (await jpeg()).subarray(0, (await jpeg()).length / 2), 'INVALID_IMAGE_FILE'],
    [
      'a JPEG without its last tenth',
      async () => (await jpeg()).subarray(0, (await jpeg()).length * 0.9),
      'INVALID_IMAGE_FILE',
    ],
    ['half a PNG', async () => (await png()).subarray(0, (await png()).length / 2), 'INVALID_IMAGE_FILE'],
    ['79 px', () => raw(79, 200).jpeg().toBuffer(), 'INVALID_IMAGE_FILE'],
    [
      'a picture of more than 50 megapixels',
      () =>
        sharp({ create: { width: 10_000, height: 5_001, channels: 3, background: '#000' } })
          .png()
          .toBuffer(),
      'IMAGE_TOO_LARGE',
    ],
  ])('refuses %s', async (_name, make, code) => {
    await expect(decodePicture(await make())).rejects.toMatchObject({ code, detail: expect.any(String) as string });
  });
});
