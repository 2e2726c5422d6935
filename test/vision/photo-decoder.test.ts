// Photos of every format that the bulk enrolment reads: upright, in sRGB, without transparency, and nothing else.
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DecoderProcess } from '../../src/vision/decoder-process.js';
import { decodePhoto } from '../../src/vision/photo-decoder.js';
import type { DecodedPixels } from '../../src/vision/picture-decoder.js';
import { lacksHeicEncoder, makeHeic } from '../support/heic.js';
import { DECODER_FILE } from '../support/service.js';

const plain = sharp({ create: { width: 320, height: 240, channels: 3, background: { r: 200, g: 60, b: 30 } } });
const middle = ({ rgb, widthPx, heightPx }: DecodedPixels): number[] => {
  const at = (Math.floor(heightPx / 2) * widthPx + Math.floor(widthPx / 2)) * 3;
  return [...rgb.subarray(at, at + 3)];
};
const expectNear = (pixel: number[], wanted: number[], tolerance: number): void => {
  const isNear = pixel.every((value, i) => Math.abs(value - wanted[i]!) <= tolerance);
  expect(isNear, `${pixel.join()} for ${wanted.join()}`).toBe(true);
};

describe('decodePhoto', () => {
  it.each(['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const)('reads %s', async (format) => {
    const photo = await decodePhoto(await plain.clone().toFormat(format).toBuffer());
    expect(photo).toMatchObject({ widthPx: 320, heightPx: 240 });
    expectNear(middle(photo), [200, 60, 30], 6);
  });

  it('turns a photo upright, and scales it down', async () => {
    const turned = await plain.clone().resize(3_000, 300).withMetadata({ orientation: 6 }).tiff().toBuffer();
    expect(await decodePhoto(turned)).toMatchObject({ widthPx: 205, heightPx: 2_048 });
  });

  it('lays transparent pixels over grey, and takes 16 bits, CMYK and the first frame of an animation', async () => {
    const clear = sharp({
      create: { width: 100, height: 100, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    });
    for (const photo of [
      clear.clone().webp(),
      clear.clone().avif(),
      clear.clone().gif(),
      clear.clone().tiff({ compression: 'lzw' }),
    ]) {
      expectNear(middle(await decodePhoto(await photo.toBuffer())), [128, 128, 128], 2);
    }
    const deep = await plain.clone().toColourspace('rgb16').tiff().toBuffer();
    expectNear(middle(await decodePhoto(deep)), [200, 60, 30], 2);
    const ink = await plain.clone().toColourspace('cmyk').tiff().toBuffer();
    expect(await decodePhoto(ink)).toMatchObject({ widthPx: 320, heightPx: 240 });
    const frames = await sharp([await plain.clone().png().toBuffer(), await plain.clone().negate().png().toBuffer()], {
      join: { animated: true },
    })
      .gif()
      .toBuffer();
    expectNear(middle(await decodePhoto(frames)), [200, 60, 30], 6);
  });

  it.each([
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"/>'],
    ['PDF', '%PDF-1.4'],
    ['text', 'P3 100 100 255'],
    ['nothing', ''],
  ])('refuses %s', async (_name, text) => {
    await expect(decodePhoto(Buffer.from(text))).rejects.toThrow('no photo in a known format');
  });

  it('refuses a bomb by its header, and a file that is cut short', async () => {
    const whole = await plain.clone().webp({ lossless: true }).toBuffer();
    await expect(decodePhoto(whole.subarray(0, whole.length / 2))).rejects.toThrow();
    const giant = await sharp({ create: { width: 8_000, height: 8_000, channels: 3, background: 'red' } })
      .tiff({ compression: 'deflate' })
      .toBuffer();
    await expect(decodePhoto(giant)).rejects.toThrow(/pixel limit/);
  });

  describe.skipIf(lacksHeicEncoder('HEIC photos'))('of HEIC', () => {
    it('converts the wide gamut of a phone to sRGB', async () => {
      // sRGB's (200, 60, 30) has these coordinates in Display P3.
      const wide = plain.clone().withIccProfile('p3');
      const profile = (await sharp(await wide.clone().png().toBuffer()).metadata()).icc!;
      const { data, info } = await wide.clone().raw().toBuffer({ resolveWithObject: true });
      expectNear([...data.subarray(0, 3)], [186, 70, 43], 2);
      const bare = await sharp(data, { raw: info }).png().toBuffer();
      expectNear(middle(await decodePhoto(makeHeic(bare, { profile }))), [200, 60, 30], 8);
      expectNear(middle(await decodePhoto(makeHeic(bare))), [186, 70, 43], 8);
    });

    it('is upright, and scaled down', async () => {
      const png = await plain.clone().resize(2_400, 200).png().toBuffer();
      expect(await decodePhoto(makeHeic(png, { quarterTurns: 1 }))).toMatchObject({ widthPx: 171, heightPx: 2_048 });
    });
  });

  it('does the same in the decoder process, where uploaded pictures get none of it', async () => {
    const decoder = new DecoderProcess(DECODER_FILE);
    onTestFinished(() => decoder.abandon());
    const webp = await plain.clone().webp().toBuffer();
    expectNear(middle(await decoder.decodePhoto(webp)), [200, 60, 30], 6);
    await expect(decoder.decodePhoto(Buffer.from('no photo'))).rejects.toThrow('no photo in a known format');
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"/>');
    await expect(decoder.decode(svg, 'none')).rejects.toThrow(/unsupported image format/);
  });
});
