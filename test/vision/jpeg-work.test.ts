// The work that a JPEG asks of a decoder, counted from its markers.
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { decodePicture } from '../../src/vision/decode.js';
import { countJpegWork } from '../../src/vision/jpeg-work.js';
import { withClaimedSize, withSegment } from '../hostile/files.js';
import { progressiveJpeg } from '../hostile/progressive.js';

const addon = loadAddon();
const grey = (width: number, height: number): Sharp =>
  sharp({ create: { width, height, channels: 3, background: '#777' } });
const decode = async (bytes: Uint8Array): Promise<string> => {
  const image = await decodePicture(bytes, addon).catch((error: unknown) => error as { detail: string });
  if ('detail' in image) return image.detail;
  image.release();
  return 'decoded';
};

describe('the work of a JPEG', () => {
  it.each<[string, (image: Sharp) => Sharp, number, number]>([
    ['of one scan', (image) => image.jpeg(), 1, 1.5],
    ['of one scan without subsampling', (image) => image.jpeg({ chromaSubsampling: '4:4:4' }), 1, 3],
    ['of one grey scan', (image) => image.toColourspace('b-w').jpeg(), 1, 1],
    ['progressive', (image) => image.jpeg({ progressive: true }), 10, 8],
    [
      'progressive without subsampling',
      (image) => image.jpeg({ progressive: true, chromaSubsampling: '4:4:4' }),
      10,
      14,
    ],
  ])('%s: its scans, and the samples that they pass over', async (_name, encode, scans, perPixel) => {
    const work = countJpegWork(await encode(grey(320, 160)).toBuffer());
    expect([work.scans, work.samples / (320 * 160)]).toEqual([scans, perPixel]);
  });

  it('counts every scan that libjpeg reads, also behind rubbish and restart markers, and none behind the end', () => {
    const bytes = progressiveJpeg({ widthPx: 160, heightPx: 160, scans: 40 });
    expect(countJpegWork(bytes)).toEqual({ scans: 40, segments: 44, samples: 40 * 160 * 160 });
    const scan = bytes.lastIndexOf(Buffer.from([0xff, 0xda]));
    const rubbish = Buffer.from([1, 2, 0xff, 0, 0xff, 0xff, 0xd0, 0xff, 0xd7, 9]);
    const odd = Buffer.concat([bytes.subarray(0, scan), rubbish, bytes.subarray(scan), bytes]);
    expect(countJpegWork(odd).scans).toBe(40);
  });

  it('is what was found before the file ends, wherever that is', () => {
    const bytes = progressiveJpeg({ widthPx: 160, heightPx: 160, scans: 3 });
    let scans = 0;
    for (let length = 3; length <= bytes.length; length++) {
      const work = countJpegWork(bytes.subarray(0, length));
      expect(work.scans).toBeGreaterThanOrEqual(scans);
      ({ scans } = work);
    }
    expect(scans).toBe(3);
  });
});

describe('a JPEG', () => {
  it('is refused, before it is decoded, when its scans are too many for its size', async () => {
    const large = progressiveJpeg({ widthPx: 7_000, heightPx: 7_000, scans: 11 });
    const started = process.cpuUsage();
    expect(await decode(large)).toBe('The image has 11 scans, which is too many for its size.');
    expect(await decode(progressiveJpeg({ widthPx: 7_000, heightPx: 7_000, scans: 2_000 }))).toMatch(/has 2000 scans/);
    expect(await decode(progressiveJpeg({ widthPx: 80, heightPx: 80, scans: 1_001 }))).toMatch(/has 1001 scans/);
    // Decoding the first two takes 6 s of processor time and more.
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(1.5);
  });

  it('is accepted with many scans when it is small', async () => {
    expect(await decode(progressiveJpeg({ widthPx: 400, heightPx: 400, scans: 800 }))).toBe('decoded');
  });

  it('is refused when it has thousands of segments', async () => {
    const jpeg = await grey(200, 200).jpeg({ progressive: true }).toBuffer();
    const comment = Buffer.from([0xff, 0xfe, 0, 2]);
    const commented = (count: number): Buffer =>
      Buffer.concat([jpeg.subarray(0, 2), ...new Array<Buffer>(count).fill(comment), jpeg.subarray(2)]);
    expect(await decode(commented(2_000))).toBe('decoded');
    expect(await decode(commented(3_000))).toBe('The image has more than 3000 segments.');
    expect(await decode(withSegment(withClaimedSize(jpeg, 200, 200), 0xfe, comment))).toBe('decoded');
  });
});
