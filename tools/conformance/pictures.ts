// The pictures of the suite: rendered people, and one of the pictures in every kind of file.
import sharp, { type Sharp } from 'sharp';
import { encodePicture } from '../rendered-people/clip-file.js';
import { DISTINCT_SEEDS } from '../rendered-people/distinct-seeds.js';
import { buildHead, type Head, type Picture } from '../rendered-people/head.js';
import { applyCamera, renderScene, type HeadPlacement } from '../rendered-people/render-face.js';
import { loadAddon } from '../../src/native/addon.js';
import { makeBlankPng, storedAs, withOrientation } from './image-files.js';

/** Number of people in the picture `throng`. */
export const THRONG = 24;

export type Pictures = Awaited<ReturnType<typeof makePictures>>;

/** Renders all pictures, which takes several seconds. @throws AppError ADDON_MISSING */
export async function makePictures() {
  const addon = loadAddon();
  const heads = DISTINCT_SEEDS.map((seed) => buildHead(seed));
  const [annHead, bobHead, carolHead] = heads;
  const scene = (widthPx: number, heightPx: number, placed: HeadPlacement[], background = 5) =>
    renderScene({ widthPx, heightPx, heads: placed, background, camera: { noise: 1.5, noiseSeed: background } });
  const jpeg = (picture: ReturnType<typeof scene>): Buffer => encodePicture(picture, addon);
  const portrait = (head: Head, more: Partial<HeadPlacement> = {}, background?: number) =>
    scene(320, 400, [{ head, centreX: 160, centreY: 190, facePx: 130, ...more }], background);
  const rows = (count: number, columns: number, facePx: (i: number) => number): HeadPlacement[] =>
    Array.from({ length: count }, (_, i) => ({
      head: heads[i % heads.length]!,
      centreX: 100 + 170 * (i % columns),
      centreY: 110 + 200 * Math.floor(i / columns),
      facePx: facePx(i),
    }));
  const beside = (large: Head, small: Head, more: Partial<HeadPlacement> = {}) =>
    scene(560, 320, [
      { head: large, centreX: 400, centreY: 150, facePx: 130 },
      { head: small, centreX: 130, centreY: 160, facePx: 85, ...more },
    ]);

  const ann = portrait(annHead!);
  const annJpeg = jpeg(ann);
  const blurredAnn: Picture = { ...ann, rgb: ann.rgb.slice() };
  applyCamera(blurredAnn, { blurPx: 9 });
  const annSharp = (): Sharp => sharp(annJpeg);
  const empty = scene(320, 240, []);
  return {
    ann: annJpeg,
    /** Box of the rendered face, fractions of the picture. */
    annBox: {
      x0: ann.faces[0]!.boxPx.x0 / ann.widthPx,
      y0: ann.faces[0]!.boxPx.y0 / ann.heightPx,
      x1: ann.faces[0]!.boxPx.x1 / ann.widthPx,
      y1: ann.faces[0]!.boxPx.y1 / ann.heightPx,
    },
    annAgain: jpeg(portrait(annHead!, { pose: { yaw: -10, pitch: 4 }, centreX: 150 }, 9)),
    annThird: jpeg(portrait(annHead!, { pose: { roll: 8 }, facePx: 110 }, 11)),
    bob: jpeg(portrait(bobHead!, {}, 6)),
    bobAgain: jpeg(portrait(bobHead!, { pose: { yaw: 8 } }, 8)),
    carol: jpeg(portrait(carolHead!, {}, 7)),
    /** Ann, so blurred that a face is found and cannot be recognised. */
    blurred: encodePicture(blurredAnn, addon),
    /** Ann and Bob; Ann is the larger one. */
    annAndSmallBob: jpeg(beside(annHead!, bobHead!)),
    bobAndSmallAnn: jpeg(beside(bobHead!, annHead!)),
    /** Ann, and Bob, who is detected but turned too far away to be recognised. */
    annAndTurned: jpeg(beside(annHead!, bobHead!, { pose: { yaw: 65 }, facePx: 100 })),
    turned: jpeg(portrait(bobHead!, { pose: { yaw: 65 } })),
    /** Eight people, each of another size. */
    crowd: jpeg(
      scene(
        720,
        430,
        rows(8, 4, (i) => 78 + 5 * i),
      ),
    ),
    throng: jpeg(
      scene(
        1_060,
        850,
        rows(THRONG, 6, (i) => 72 + 2 * i),
      ),
    ),
    /** Ann, with a face smaller than 60 px. */
    small: jpeg(scene(320, 240, [{ head: annHead!, centreX: 160, centreY: 120, facePx: 40 }])),
    empty: jpeg(empty),
    towardsRight: jpeg(portrait(annHead!, { pose: { yaw: 25 } })),
    towardsLeft: jpeg(portrait(annHead!, { pose: { yaw: -25 } })),
    up: jpeg(portrait(carolHead!, { pose: { pitch: 20 } })),
    down: jpeg(portrait(carolHead!, { pose: { pitch: -20 } })),
    rolled: jpeg(portrait(annHead!, { pose: { roll: 15 } })),
    /** Ann in every kind of file that is accepted. */
    kinds: {
      'a JPEG of 4:4:4': await annSharp().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer(),
      'a progressive JPEG': await annSharp().jpeg({ progressive: true }).toBuffer(),
      'a grey JPEG': await annSharp().greyscale().jpeg().toBuffer(),
      'a CMYK JPEG': await annSharp().toColourspace('cmyk').jpeg().toBuffer(),
      'a JPEG with a colour profile': await annSharp().withIccProfile('p3').jpeg().toBuffer(),
      'a PNG': await annSharp().png({ compressionLevel: 1 }).toBuffer(),
      'an interlaced PNG': await annSharp().png({ progressive: true, compressionLevel: 1 }).toBuffer(),
      'a grey PNG': await annSharp().toColourspace('b-w').png({ compressionLevel: 1 }).toBuffer(),
      'a palette PNG': await annSharp().png({ palette: true }).toBuffer(),
      'a 16-bit PNG': await annSharp().toColourspace('rgb16').png({ compressionLevel: 1 }).toBuffer(),
      'a 16-bit grey PNG': await annSharp().toColourspace('grey16').png({ compressionLevel: 1 }).toBuffer(),
      'a PNG with alpha': await annSharp().ensureAlpha(0.9).png({ compressionLevel: 1 }).toBuffer(),
      'a grey PNG with alpha': await annSharp()
        .toColourspace('b-w')
        .ensureAlpha(0.9)
        .png({ compressionLevel: 1 })
        .toBuffer(),
    },
    /** Ann, wider than 2048 px. */
    wide: await annSharp().resize({ width: 2_400 }).jpeg().toBuffer(),
    /** Ann, stored in the eight ways of Exif; the first is orientation 1. */
    orientations: [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) =>
      withOrientation(encodePicture(storedAs(ann, orientation), addon), orientation),
    ),
    /** Files that are neither PNG nor JPEG. */
    formats: {
      'a GIF': await sharp(jpeg(empty)).gif().toBuffer(),
      'a WebP': await sharp(jpeg(empty)).webp().toBuffer(),
      'a TIFF': await sharp(jpeg(empty)).tiff().toBuffer(),
      'an SVG': Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"><rect width="9" height="9"/></svg>',
      ),
      'an HTML page': Buffer.from('<!doctype html><title>no picture</title><img src="face.jpg">'),
      'a PDF': Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n'),
      'a BMP header': Buffer.concat([Buffer.from('BM'), Buffer.alloc(200)]),
      'plain text': Buffer.from('Dear Sir or Madam, '.repeat(40)),
      zeros: Buffer.alloc(4_096),
      'one byte': Buffer.from([0xff]),
    },
    /** Files that begin like a PNG or a JPEG. */
    broken: brokenFiles(annJpeg, await annSharp().png({ compressionLevel: 1 }).toBuffer()),
  };
}

function brokenFiles(jpeg: Buffer, png: Buffer): Record<string, Buffer> {
  const flipped = Buffer.from(png);
  flipped[Math.floor(png.length / 2)]! ^= 0x55;
  const files: Record<string, Buffer> = {
    'the first three bytes of a JPEG': jpeg.subarray(0, 3),
    'a JPEG cut at its header': jpeg.subarray(0, 40),
    'a JPEG cut in the middle': jpeg.subarray(0, jpeg.length / 2),
    'a JPEG cut at nine tenths': jpeg.subarray(0, Math.floor(jpeg.length * 0.9)),
    'a PNG signature alone': png.subarray(0, 8),
    'a PNG cut at its header': png.subarray(0, 33),
    'a PNG cut in the middle': png.subarray(0, png.length / 2),
    'a PNG with a flipped byte': flipped,
    'a PNG of 79 x 80 px': makeBlankPng(79, 80),
    'a PNG of 80 x 79 px': makeBlankPng(80, 79),
    'a PNG of 1 x 1 px': makeBlankPng(1, 1),
  };
  return files;
}
