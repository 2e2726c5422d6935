// The untrusted files: more than sixty pictures and other files that claim to be pictures, each with the allowed result codes.
import { deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import {
  animated,
  exif,
  flipped,
  png,
  pngChunk,
  pngChunks,
  buildPng,
  seedRandom,
  withClaimedSize,
  withManyScans,
  withSegment,
} from './files.js';
import { progressiveJpeg } from './progressive.js';

export interface HostileFile {
  name: string;
  bytes: Buffer;
  /** Allowed result codes: one, except where the result depends on the damaged bit. */
  codes: readonly number[];
}

export const SUCCESS = 0;
export const TOO_LARGE = -45020;
export const NO_BYTES = -45030;
export const WRONG_FORMAT = -45040;
export const BROKEN = -45080;

export async function hostileFiles(): Promise<HostileFile[]> {
  const jpeg = await picture(320, 240).jpeg({ quality: 85 }).toBuffer();
  const plainPng = await picture(320, 240).png().toBuffer();
  return [
    ...truncated('JPEG', jpeg),
    ...truncated('PNG', plainPng),
    ...damaged(jpeg, plainPng),
    ...(await otherFormats(jpeg, plainPng)),
    ...sizes(jpeg),
    ...(await wide()),
    ...(await large()),
    ...(await forms()),
    ...metadata(jpeg, plainPng),
    ...structure(jpeg, plainPng),
  ];
}

function picture(width: number, height: number): Sharp {
  const next = seedRandom(width);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => ((i / 50) & 127) + next() * 64);
  return sharp(data, { raw: { width, height, channels: 3 } });
}

function file(name: string, bytes: Uint8Array, ...codes: number[]): HostileFile {
  return { name, bytes: Buffer.from(bytes), codes };
}

function truncated(kind: string, bytes: Buffer): HostileFile[] {
  return Array.from({ length: 10 }, (_, tenth) =>
    file(
      `${kind} truncated at ${tenth} tenths`,
      bytes.subarray(0, Math.floor((bytes.length * tenth) / 10)),
      tenth === 0 ? NO_BYTES : BROKEN,
    ),
  );
}

function damaged(jpeg: Buffer, plainPng: Buffer): HostileFile[] {
  const files: HostileFile[] = [];
  for (let seed = 1; seed <= 8; seed++) {
    // Damage after the signature may give any code of a picture, success included: a flipped bit may change only a colour.
    files.push(
      file(`JPEG with a flipped bit, ${seed}`, flipped(jpeg, seed, { from: 20, count: 1 }), SUCCESS, BROKEN, TOO_LARGE),
      file(
        `JPEG with 200 flipped bits, ${seed}`,
        flipped(jpeg, seed, { from: 20, count: 200 }),
        SUCCESS,
        BROKEN,
        TOO_LARGE,
      ),
      file(
        `PNG with a flipped bit, ${seed}`,
        flipped(plainPng, seed, { from: 8, count: 1 }),
        SUCCESS,
        BROKEN,
        TOO_LARGE,
      ),
      file(
        `PNG with 200 flipped bits, ${seed}`,
        flipped(plainPng, seed, { from: 8, count: 200 }),
        SUCCESS,
        BROKEN,
        TOO_LARGE,
      ),
    );
  }
  return files;
}

async function otherFormats(jpeg: Buffer, plainPng: Buffer): Promise<HostileFile[]> {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><rect width="400" height="400"/></svg>';
  const entity = `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]>${svg}`;
  return [
    file('SVG named .jpg', Buffer.from(svg), WRONG_FORMAT),
    file('SVG with an external entity', Buffer.from(entity), WRONG_FORMAT),
    file('HTML named .jpg', Buffer.from('<!doctype html><title>404</title><p>Not found'), WRONG_FORMAT),
    file('GIF', await picture(200, 200).gif().toBuffer(), WRONG_FORMAT),
    file('WebP', await picture(200, 200).webp().toBuffer(), WRONG_FORMAT),
    file('TIFF', await picture(200, 200).tiff().toBuffer(), WRONG_FORMAT),
    file('PDF', Buffer.from('%PDF-1.7\n%%EOF\n'), WRONG_FORMAT),
    file('ZIP', Buffer.from('504b0506000000000000000000000000000000000000', 'hex'), WRONG_FORMAT),
    file('zeros', Buffer.alloc(10_000), WRONG_FORMAT),
    file('one byte', Buffer.from([0xff]), WRONG_FORMAT),
    file('JPEG behind a byte', Buffer.concat([Buffer.from([0]), jpeg]), WRONG_FORMAT),
    file('PNG with a wrong first byte', Buffer.concat([Buffer.from([0x88]), plainPng.subarray(1)]), WRONG_FORMAT),
    file(
      'PNG whose line ends were changed',
      Buffer.from(plainPng.toString('latin1').replace('\r\n', '\n'), 'latin1'),
      WRONG_FORMAT,
    ),
    file('PNG under the signature of JPEG', Buffer.concat([jpeg.subarray(0, 4), plainPng]), BROKEN),
    file('the signature of JPEG and noise', Buffer.concat([jpeg.subarray(0, 4), noise(5_000)]), BROKEN),
    file('the signature of PNG and noise', Buffer.concat([plainPng.subarray(0, 8), noise(5_000)]), BROKEN),
    file('the signature of JPEG alone', jpeg.subarray(0, 4), BROKEN),
    file('the signature of PNG alone', plainPng.subarray(0, 8), BROKEN),
    file('a JPEG of start and end alone', Buffer.from([0xff, 0xd8, 0xff, 0xd9]), BROKEN),
  ];
}

function noise(length: number): Buffer {
  const next = seedRandom(length);
  return Buffer.from(Uint8Array.from({ length }, () => next() * 256));
}

function sizes(jpeg: Buffer): HostileFile[] {
  const small = (widthPx: number, heightPx: number, code: number): HostileFile =>
    file(`PNG of ${widthPx} x ${heightPx} px`, png({ widthPx, heightPx }), code);
  return [
    file('JPEG of no width', withClaimedSize(jpeg, 0, 240), BROKEN),
    file('JPEG of no height', withClaimedSize(jpeg, 320, 0), BROKEN),
    file('JPEG that claims 65,500 x 65,500 px', withClaimedSize(jpeg, 65_500, 65_500), TOO_LARGE),
    file('JPEG that claims 7,000 x 7,000 px', withClaimedSize(jpeg, 7_000, 7_000), BROKEN),
    file('PNG of no width', png({ widthPx: 0, heightPx: 100 }), BROKEN),
    file('PNG of no height', png({ widthPx: 100, heightPx: 0 }), BROKEN),
    file(
      'PNG that claims 2,147,483,647 px a side',
      png({ widthPx: 2 ** 31 - 1, heightPx: 2 ** 31 - 1, data: noise(50) }),
      TOO_LARGE,
      BROKEN,
    ),
    small(1, 1, BROKEN),
    small(79, 200, BROKEN),
    small(200, 79, BROKEN),
    small(80, 80, SUCCESS),
  ];
}

async function wide(): Promise<HostileFile[]> {
  const long = (width: number, height: number): Sharp =>
    sharp({ create: { width, height, channels: 3, background: '#654' } });
  return [
    file('JPEG, 65,500 px wide', await long(65_500, 80).jpeg().toBuffer(), SUCCESS),
    file('JPEG, 65,500 px high', await long(80, 65_500).jpeg().toBuffer(), SUCCESS),
    file('JPEG, 65,500 px wide and too low', await long(65_500, 79).jpeg().toBuffer(), BROKEN),
    file('PNG, 65,500 px wide', png({ widthPx: 65_500, heightPx: 100 }), SUCCESS),
    file('PNG, 65,500 px high', png({ widthPx: 100, heightPx: 65_500 }), SUCCESS),
    file('PNG, 600,000 px wide', png({ widthPx: 600_000, heightPx: 80 }), TOO_LARGE),
  ];
}

async function large(): Promise<HostileFile[]> {
  const square = sharp({ create: { width: 7_000, height: 7_000, channels: 3, background: '#654' } });
  const progressive = await square.clone().jpeg({ progressive: true }).toBuffer();
  // These files are refused because of what they claim, before their pixels are decoded.
  const claiming = async (small: Sharp): Promise<Buffer> =>
    withClaimedSize(await small.jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer(), 7_000, 7_000);
  const whole = await claiming(picture(300, 300));
  const cmyk = await claiming(picture(300, 300).toColourspace('cmyk'));
  const behindFirst = 4 + whole.readUInt16BE(4);
  const side = { widthPx: 7_000, heightPx: 7_000 };
  const small = { widthPx: 400, heightPx: 500 };
  const slowest = progressiveJpeg({ ...side, scans: 10, band: 'all' });
  return [
    file('PNG of 60 megapixels', png({ widthPx: 10_000, heightPx: 6_000, bits: 1, colour: 0 }), TOO_LARGE),
    file('PNG of 49 megapixels', png(side), SUCCESS),
    file('interlaced PNG of 49 megapixels', png({ ...side, interlaced: true }), SUCCESS),
    file(
      'interlaced PNG of 49 megapixels, 16 bits, RGBA',
      png({ ...side, interlaced: true, bits: 16, colour: 6, data: noise(1_000) }),
      TOO_LARGE,
    ),
    file(
      'interlaced PNG of 16 megapixels, 16 bits, RGBA',
      png({ widthPx: 4_000, heightPx: 4_000, interlaced: true, bits: 16, colour: 6 }),
      SUCCESS,
    ),
    file('JPEG of 49 megapixels', await square.clone().jpeg().toBuffer(), SUCCESS),
    file('progressive JPEG of 49 megapixels', progressive, SUCCESS),
    file('progressive JPEG of 49 megapixels and 50 scans', withManyScans(progressive, 40), BROKEN),
    file('progressive JPEG of 49 megapixels and 500 scans', withManyScans(progressive, 500), BROKEN),
    file('progressive JPEG of 49 megapixels and 2,000 legal scans', progressiveJpeg({ ...side, scans: 2_000 }), BROKEN),
    file('grey progressive JPEG of 49 megapixels and 10 scans', slowest, SUCCESS),
    file('progressive JPEG of 0.2 megapixels and 800 scans', progressiveJpeg({ ...small, scans: 800 }), SUCCESS),
    file('progressive JPEG of 0.2 megapixels and 100,000 scans', progressiveJpeg({ ...small, scans: 1e5 }), BROKEN),
    file('PNG of 49 megapixels, 16 bits, RGBA', png({ ...side, bits: 16, colour: 6 }), TOO_LARGE),
    file('PNG of 25 megapixels, 16 bits, RGBA', png({ widthPx: 5_000, heightPx: 5_000, bits: 16, colour: 6 }), SUCCESS),
    file('progressive JPEG of 49 megapixels without subsampling', whole, TOO_LARGE),
    file(
      'the same with rubbish between its segments',
      Buffer.concat([whole.subarray(0, behindFirst), Buffer.alloc(40, 7), whole.subarray(behindFirst)]),
      TOO_LARGE,
    ),
    file('progressive CMYK JPEG of 49 megapixels', cmyk, TOO_LARGE),
  ];
}

async function forms(): Promise<HostileFile[]> {
  const base = (): Sharp => picture(200, 160);
  const forms: Record<string, Sharp> = {
    'CMYK JPEG': base().toColourspace('cmyk').jpeg(),
    'grey JPEG': base().toColourspace('b-w').jpeg(),
    'progressive JPEG': base().jpeg({ progressive: true }),
    'JPEG without subsampling': base().jpeg({ chromaSubsampling: '4:4:4' }),
    '16-bit PNG': base().toColourspace('rgb16').png(),
    'PNG with alpha': base().ensureAlpha(0.5).png(),
    'grey PNG with alpha': base().toColourspace('b-w').ensureAlpha(0.5).png(),
    '16-bit grey PNG': base().toColourspace('grey16').png(),
    'palette PNG': base().png({ palette: true, colours: 16 }),
    'palette PNG with alpha': base().ensureAlpha(0.5).png({ palette: true }),
    'interlaced PNG': base().png({ progressive: true }),
  };
  const files = await Promise.all(
    Object.entries(forms).map(async ([name, form]) => file(name, await form.toBuffer(), SUCCESS)),
  );
  return [
    ...files,
    file('1-bit PNG', png({ widthPx: 200, heightPx: 160, bits: 1, colour: 0 }), SUCCESS),
    file('palette PNG without a palette', png({ widthPx: 200, heightPx: 160, colour: 3 }), BROKEN),
    file('animated PNG', animated(await base().png().toBuffer()), SUCCESS),
  ];
}

function metadata(jpeg: Buffer, plainPng: Buffer): HostileFile[] {
  const ORIENTATION = 0x0112;
  const withExif = (data: Uint8Array): Buffer => withSegment(jpeg, 0xe1, data);
  // The chunk holds 100 MB of text in 100 kB.
  const bomb = Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), deflateSync(Buffer.alloc(100_000_000))]);
  const profile = Buffer.concat([Buffer.from('icc\0\0', 'latin1'), deflateSync(Buffer.alloc(100_000_000))]);
  const behindHeader = (chunk: Uint8Array): Buffer =>
    Buffer.concat([plainPng.subarray(0, 33), chunk, plainPng.subarray(33)]);
  return [
    ...Array.from({ length: 8 }, (_, i) =>
      file(`JPEG with EXIF orientation ${i + 1}`, withExif(exif(ORIENTATION, i + 1)), SUCCESS),
    ),
    file('JPEG with EXIF orientation 99', withExif(exif(ORIENTATION, 99)), SUCCESS),
    file('JPEG whose EXIF goes in circles', withExif(exif(ORIENTATION, 1, 8)), SUCCESS),
    file('JPEG whose EXIF points beyond its end', withExif(exif(ORIENTATION, 6, 0x7fffffff)), SUCCESS),
    file('JPEG with EXIF of noise', withExif(Buffer.concat([Buffer.from('Exif\0\0'), noise(2_000)])), SUCCESS),
    file(
      'JPEG with a colour profile of noise',
      withSegment(jpeg, 0xe2, Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), noise(3_000)])),
      SUCCESS,
    ),
    file('PNG with a text that inflates to 100 MB', behindHeader(pngChunk('zTXt', bomb)), SUCCESS, BROKEN),
    file('PNG with a colour profile that inflates to 100 MB', behindHeader(pngChunk('iCCP', profile)), SUCCESS, BROKEN),
  ];
}

function structure(jpeg: Buffer, plainPng: Buffer): HostileFile[] {
  const chunks = pngChunks(plainPng);
  const without = (type: string): Buffer => buildPng(chunks.filter((chunk) => chunk.type !== type));
  const badSum = Buffer.from(plainPng);
  badSum[29]! ^= 1;
  const size = { widthPx: 400, heightPx: 400 };
  const bomb = pngChunk('zTXt', Buffer.concat([Buffer.from('a\0\0', 'latin1'), deflateSync(Buffer.alloc(50_000_000))]));
  const empty = (count: number): Buffer[] => new Array<Buffer>(count).fill(Buffer.from([0xff, 0xfe, 0, 2]));
  let comments = jpeg;
  let manyProfiles = jpeg;
  for (let i = 60; i >= 1; i--) {
    const head = Buffer.from(`ICC_PROFILE\0${String.fromCharCode(i, 60)}`, 'latin1');
    manyProfiles = withSegment(manyProfiles, 0xe2, Buffer.concat([head, Buffer.alloc(40_000, i)]));
  }
  const [pngHead, ...pngRest] = pngChunks(png(size));
  const emptyPieces = buildPng([pngHead!, ...new Array<{ type: string }>(200_000).fill({ type: 'IDAT' }), ...pngRest]);
  for (let i = 0; i < 30; i++) comments = withSegment(comments, 0xfe, Buffer.alloc(65_000, 32));
  return [
    file('PNG without pixels', without('IDAT'), BROKEN),
    file('PNG without a header', without('IHDR'), BROKEN),
    file('PNG without an end', without('IEND'), SUCCESS),
    file('JPEG without an end', jpeg.subarray(0, -2), SUCCESS),
    file(
      'JPEG with bytes before its end',
      Buffer.concat([jpeg.subarray(0, -2), Buffer.alloc(9), jpeg.subarray(-2)]),
      SUCCESS,
    ),
    file('PNG with a wrong sum of its header', badSum, BROKEN),
    file(
      'PNG with an unknown critical chunk',
      buildPng([chunks[0]!, { type: 'EVIL' }, ...chunks.slice(1)]),
      SUCCESS,
      BROKEN,
    ),
    file('PNG with fewer rows than it claims', png({ ...size, data: deflateSync(Buffer.alloc(5_000)) }), BROKEN),
    file(
      'PNG with 50 MB more than it claims',
      png({ ...size, data: deflateSync(Buffer.alloc(50_000_000)) }),
      SUCCESS,
      BROKEN,
    ),
    file('PNG whose pixels are not deflated', png({ ...size, data: noise(5_000) }), BROKEN),
    file('JPEG with 2 MB of comments', comments, SUCCESS),
    file(
      'JPEG with half a million comments',
      Buffer.concat([jpeg.subarray(0, 2), ...empty(500_000), jpeg.subarray(2)]),
      SUCCESS,
      BROKEN,
    ),
    file('JPEG with 60 profiles', manyProfiles, SUCCESS, BROKEN),
    file(
      'PNG with 55 texts that inflate to 50 MB each',
      png({ ...size, before: new Array<Buffer>(55).fill(bomb) }),
      SUCCESS,
    ),
    file(
      'PNG with 200,000 empty chunks',
      png({ ...size, before: [Buffer.concat(new Array<Buffer>(200_000).fill(pngChunk('tEXt')))] }),
      SUCCESS,
    ),
    file('PNG with 200,000 empty pieces of pixels', emptyPieces, SUCCESS, BROKEN),
    file('JPEG with rubbish behind its end', Buffer.concat([jpeg, noise(50_000)]), SUCCESS),
    file('two JPEGs in one file', Buffer.concat([jpeg, jpeg]), SUCCESS),
    file(
      'JPEG with a segment of no length',
      Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe0, 0, 0]), jpeg.subarray(2)]),
      SUCCESS,
      BROKEN,
    ),
  ];
}
