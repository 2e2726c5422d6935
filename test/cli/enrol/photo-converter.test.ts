// Photos that become JPEGs for the REST API: which, one at a time, within a deadline and a size.
import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { PhotoConverter, type PhotoProcess } from '../../../src/cli/enrol/photo-converter.js';
import type { DecodedPixels } from '../../../src/vision/picture-decoder.js';
import { loadAddon } from '../../../src/native/addon.js';
import { localDecoder } from '../../../src/vision/local-decoder.js';
import { decodePhoto } from '../../../src/vision/photo-decoder.js';
import { ManualTimers } from '../../camera/manual-timers.js';

const addon = loadAddon();
const noise = sharp(randomBytes(400 * 300 * 3), { raw: { width: 400, height: 300, channels: 3 } });

/** A decoder within this process that notes what it does; `hold` makes it wait until it is abandoned. */
class NotingDecoder implements PhotoProcess {
  readonly notes: string[] = [];
  hold = false;
  #abandon: ((error: Error) => void) | undefined;

  decode: PhotoProcess['decode'] = (bytes, failOn) => this.#note(() => localDecoder.decode(bytes, failOn));
  decodePhoto: PhotoProcess['decodePhoto'] = (bytes) => this.#note(() => decodePhoto(bytes));

  abandon(): void {
    this.notes.push('abandoned');
    this.#abandon?.(new Error('the decoding was abandoned'));
  }

  async #note(decode: () => Promise<DecodedPixels>): Promise<DecodedPixels> {
    this.notes.push('begin');
    if (this.hold) await new Promise((_resolve, reject) => (this.#abandon = reject));
    const pixels = await decode();
    this.notes.push('end');
    return pixels;
  }
}

function create(maxImageBytes = 3_000_000) {
  const decoder = new NotingDecoder();
  const timers = new ManualTimers();
  return { decoder, timers, converter: new PhotoConverter({ addon, maxImageBytes, timers, decoder }) };
}

describe('a photo', () => {
  it('that the API takes stays as it is, byte for byte, damaged or not', async () => {
    const { converter, decoder } = create();
    for (const format of ['jpeg', 'png'] as const) {
      const file = await noise.clone().toFormat(format).toBuffer();
      expect(await converter.prepare(file)).toBe(file);
      expect(await converter.prepare(file.subarray(0, 1_000))).toHaveLength(1_000);
    }
    expect(decoder.notes).toEqual([]);
  });

  it('in another format, or too large, becomes a JPEG of the same size in pixels', async () => {
    const { converter } = create();
    const webp = await converter.prepare(await noise.clone().webp().toBuffer());
    expect(await sharp(webp).metadata()).toMatchObject({ format: 'jpeg', width: 400, height: 300 });
    const png = await noise.clone().png().toBuffer();
    const small = await create(png.length - 1).converter.prepare(png);
    expect(await sharp(small).metadata()).toMatchObject({ format: 'jpeg', width: 400, height: 300 });
  });

  it('is compressed more where it must be, and refused where that is not enough', async () => {
    const tiff = await noise.clone().tiff({ compression: 'none' }).toBuffer();
    const best = (await create().converter.prepare(tiff)).length;
    const less = await create(best - 1).converter.prepare(tiff);
    expect(less.length).toBeLessThan(best);
    await expect(create(20_000).converter.prepare(tiff)).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      message: `the file has ${tiff.length} bytes; at most 20000 are allowed`,
    });
  });

  it('is decoded one at a time', async () => {
    const { converter, decoder } = create();
    const webp = await noise.clone().webp().toBuffer();
    await Promise.all([converter.prepare(webp), converter.prepare(webp), converter.prepare(webp)]);
    expect(decoder.notes).toEqual(['begin', 'end', 'begin', 'end', 'begin', 'end']);
  });

  it('that takes too long is refused, and the next one is decoded', async () => {
    const { converter, decoder, timers } = create();
    const webp = await noise.clone().webp().toBuffer();
    decoder.hold = true;
    const slow = converter.prepare(webp);
    await expect.poll(() => decoder.notes).toEqual(['begin']);
    decoder.hold = false;
    const refused = expect(slow).rejects.toMatchObject({
      code: 'INVALID_IMAGE_FILE',
      message: 'the WebP picture cannot be decoded: it takes longer than 60 s; you can save it as JPEG or PNG',
    });
    await timers.advance(60_000);
    await refused;
    expect(await converter.prepare(webp)).toBeInstanceOf(Buffer);
    converter.close();
    expect(decoder.notes).toEqual(['begin', 'abandoned', 'begin', 'end', 'abandoned']);
  });

  it.each<[string, Buffer, string, string]>([
    [
      'a PDF',
      Buffer.from('%PDF-1.7'),
      'INVALID_IMAGE_FORMAT',
      'the file is a PDF document; save the picture as JPEG or PNG',
    ],
    [
      'a text',
      Buffer.from('hello'),
      'INVALID_IMAGE_FORMAT',
      'the file is no picture in a known format; save the picture as JPEG or PNG',
    ],
    ['a damaged one', Buffer.from('GIF89a'), 'INVALID_IMAGE_FILE', 'the GIF picture cannot be decoded: '],
  ])('%s is refused with what it is', async (_name, file, code, message) => {
    await expect(create().converter.prepare(file)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  it('that is smaller than a picture may be is refused', async () => {
    const tiny = await noise.clone().resize(79, 200).webp().toBuffer();
    await expect(create().converter.prepare(tiny)).rejects.toThrow('the picture is smaller than 80 x 80 px');
  });
});
