import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { readJpegClaims, readPngClaims } from '../../src/vision/picture-claims.js';
import { exif, png, withClaimedSize, withSegment } from '../hostile/files.js';

const grey = (width: number, height: number): Sharp =>
  sharp({ create: { width, height, channels: 3, background: '#777' } });

describe('the claims of a PNG', () => {
  it.each<[string, Buffer, number, number]>([
    ['row by row', png({ widthPx: 300, heightPx: 200 }), 0, 3],
    ['row by row, RGBA of 16 bits', png({ widthPx: 300, heightPx: 200, colour: 6, bits: 16 }), 0, 8],
    ['interlaced RGB', png({ widthPx: 300, heightPx: 200, interlaced: true }), 3, 3],
    ['interlaced grey of one bit', png({ widthPx: 300, heightPx: 200, interlaced: true, colour: 0, bits: 1 }), 1, 1],
    ['interlaced RGBA of 16 bits', png({ widthPx: 300, heightPx: 200, interlaced: true, colour: 6, bits: 16 }), 8, 8],
    ['an interlaced palette', png({ widthPx: 300, heightPx: 200, interlaced: true, colour: 3 }), 4, 4],
  ])('%s: the size, and the bytes that a decoder holds at once', (_name, bytes, heldPerPixel, perPixel) => {
    expect(readPngClaims(bytes)).toEqual({
      widthPx: 300,
      heightPx: 200,
      heldBytes: 300 * 200 * heldPerPixel,
      pixelBytes: 300 * 200 * perPixel,
    });
  });

  it('are undefined without a header', () => {
    expect(readPngClaims(png({ widthPx: 300, heightPx: 200 }).subarray(0, 20))).toBeUndefined();
    expect(readPngClaims(Buffer.alloc(100, 1))).toBeUndefined();
  });
});

describe('the claims of a JPEG', () => {
  it.each<[string, (image: Sharp) => Sharp, number, number]>([
    ['of one scan', (image) => image.jpeg(), 0, 3],
    ['progressive', (image) => image.jpeg({ progressive: true }), 3, 3],
    ['progressive without subsampling', (image) => image.jpeg({ progressive: true, chromaSubsampling: '4:4:4' }), 6, 3],
    ['progressive grey', (image) => image.toColourspace('b-w').jpeg({ progressive: true }), 2, 1],
  ])('%s: the size, and the bytes that a decoder holds at once', async (_name, encode, heldPerPixel, perPixel) => {
    const bytes = await encode(grey(320, 160)).toBuffer();
    const pixels = 320 * 160;
    const [heldBytes, pixelBytes] = [pixels * heldPerPixel, pixels * perPixel];
    expect(readJpegClaims(bytes)).toEqual({ widthPx: 320, heightPx: 160, heldBytes, pixelBytes });
  });

  it('are found after other segments, and after random bytes between them', async () => {
    const plain = await grey(320, 160).jpeg().toBuffer();
    const whole = withClaimedSize(plain, 65_500, 65_500);
    const first = 4 + whole.readUInt16BE(4);
    const claims = { widthPx: 65_500, heightPx: 65_500, heldBytes: 0, pixelBytes: 65_500 * 65_500 * 3 };
    expect(readJpegClaims(withSegment(whole, 0xe1, exif(0x0112, 6)))).toEqual(claims);
    const rubbish = Buffer.from([1, 2, 0xff, 0, 0xff, 0xff, 0xd0, 7]);
    expect(readJpegClaims(Buffer.concat([whole.subarray(0, first), rubbish, whole.subarray(first)]))).toEqual(claims);
  });

  it('are undefined without a frame header, wherever the file ends', async () => {
    const bytes = await grey(320, 160).jpeg({ progressive: true }).toBuffer();
    const scan = bytes.indexOf(Buffer.from([0xff, 0xda]));
    for (let length = 4; length < scan; length++) expect(readJpegClaims(bytes.subarray(0, length))).toBeUndefined();
    expect(readJpegClaims(Buffer.concat([bytes.subarray(0, 2), bytes.subarray(scan)]))).toBeUndefined();
  });
});
