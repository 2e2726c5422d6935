// Damaged pictures are refused, and harmless oddities are accepted with the same pixels: on the addon's path and on sharp's.
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../src/errors.js';
import { loadAddon } from '../../src/native/addon.js';
import { decodePicture } from '../../src/vision/decode.js';
import { buildPng, exif, pngChunks, seedRandom, withClaimedSize, withSegment } from '../hostile/files.js';
import { findMarkers, greyJpeg, isRestart, markerAt, splice } from './jpeg-bytes.js';

const addon = loadAddon();
const ORIENTATION = 0x0112;
const [DHT, RST0, EOI, SOS, DRI] = [0xc4, 0xd0, 0xd9, 0xda, 0xdd];

function picture(): Sharp {
  const [width, height] = [160, 120];
  const next = seedRandom(3);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => ((i / 40) & 127) + next() * 60);
  return sharp(data, { raw: { width, height, channels: 3 } });
}

const plain = await picture().jpeg({ quality: 85 }).toBuffer();
const restarting = greyJpeg({ blocksAcross: 20, blocksDown: 15, blocksPerInterval: 7 });
/** Exif data take a JPEG away from the addon's decoder. */
const withExif = (jpeg: Buffer): Buffer => withSegment(jpeg, 0xe1, exif(ORIENTATION, 1));

const jpegs: [string, Buffer][] = [
  ['baseline', plain],
  ['baseline with Exif', withExif(plain)],
  ['grey', await picture().greyscale().jpeg().toBuffer()],
  ['grey with Exif', withExif(await picture().greyscale().jpeg().toBuffer())],
  ['restart intervals', restarting],
  ['restart intervals with Exif', withExif(restarting)],
  ['CMYK', await picture().toColourspace('cmyk').jpeg().toBuffer()],
  ['progressive', await picture().jpeg({ progressive: true }).toBuffer()],
  ['larger than 2048 px', await picture().resize(2100, 90, { fit: 'fill' }).jpeg().toBuffer()],
];
const restartJpegs = jpegs.filter(([name]) => name.startsWith('restart'));
const isProgressive = (jpeg: Buffer): boolean => findMarkers(jpeg, SOS).length > 1;

async function readPixels(bytes: Uint8Array): Promise<Buffer> {
  const image = await decodePicture(bytes, addon);
  const { widthPx, heightPx } = image;
  const data = Buffer.alloc(widthPx * heightPx * 3);
  addon.warp(image, data, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
  image.release();
  return data;
}

/** @returns 'accepted', or the code of the error */
const answerTo = (bytes: Uint8Array): Promise<string> =>
  decodePicture(bytes, addon).then(
    (image) => {
      image.release();
      return 'accepted';
    },
    (error: unknown) => (error as { code: string }).code,
  );

/** The compressed data of the first scan: begin and end. */
function scan(jpeg: Buffer): [from: number, to: number] {
  const start = findMarkers(jpeg, SOS)[0]!;
  const from = start + 2 + jpeg.readUInt16BE(start + 2);
  return [from, markerAt(jpeg, from, (marker) => !isRestart(marker))];
}

const rubbish = Buffer.from([0x00, 0x12, 0x34, 0x00, 0x56]);

describe('a harmless oddity leaves the pixels as they are:', () => {
  const oddities: [string, (jpeg: Buffer) => Buffer][] = [
    ['trailing zeros', (jpeg) => Buffer.concat([jpeg, Buffer.alloc(3_000)])],
    ['trailing rubbish', (jpeg) => Buffer.concat([jpeg, rubbish, plain, rubbish])],
    ['no EOI', (jpeg) => jpeg.subarray(0, -2)],
    ['half an EOI', (jpeg) => jpeg.subarray(0, -1)],
    ['bytes before EOI', (jpeg) => splice(jpeg, jpeg.length - 2, 0, rubbish)],
    ['zeros in place of EOI', (jpeg) => Buffer.concat([jpeg.subarray(0, -2), Buffer.alloc(500)])],
    ['fill bytes before EOI', (jpeg) => splice(jpeg, jpeg.length - 2, 0, Buffer.alloc(9, 0xff))],
    ['bytes before DHT', (jpeg) => splice(jpeg, findMarkers(jpeg, DHT)[0]!, 0, rubbish)],
    ['bytes before SOS', (jpeg) => splice(jpeg, findMarkers(jpeg, SOS)[0]!, 0, rubbish)],
    ['bytes before the last SOS', (jpeg) => splice(jpeg, findMarkers(jpeg, SOS).at(-1)!, 0, rubbish)],
    ['unusual spectral selection', (jpeg) => (isProgressive(jpeg) ? jpeg : splice(jpeg, scan(jpeg)[0] - 2, 1, [0]))],
  ];

  it.each(oddities)('%s', async (_name, make) => {
    for (const [kind, jpeg] of jpegs) {
      const same = (await readPixels(make(jpeg))).equals(await readPixels(jpeg));
      expect({ kind, same }).toEqual({ kind, same: true });
    }
  });

  it.each(restartJpegs)('bytes before a restart marker: %s', async (_name, jpeg) => {
    const odd = splice(jpeg, findMarkers(jpeg, RST0)[0]!, 0, rubbish);
    expect((await readPixels(odd)).equals(await readPixels(jpeg))).toBe(true);
  });
});

describe('damaged data are refused:', () => {
  const middle = (jpeg: Buffer): number => {
    const [from, to] = scan(jpeg);
    return (from + to) >> 1;
  };
  const damages: [string, (jpeg: Buffer) => Buffer][] = [
    ['the file ends in the scan', (jpeg) => jpeg.subarray(0, middle(jpeg))],
    ['the last eight bytes of the scan are missing', (jpeg) => jpeg.subarray(0, scan(jpeg)[1] - 8)],
    ['the last byte of the scan is missing', (jpeg) => splice(jpeg, scan(jpeg)[1] - 2, 2)],
    ['EOI in the scan', (jpeg) => splice(jpeg, middle(jpeg), 0, [0xff, EOI])],
    ['only EOI after SOS', (jpeg) => Buffer.concat([jpeg.subarray(0, scan(jpeg)[0]), Buffer.from([0xff, EOI])])],
    ['nothing after SOS', (jpeg) => jpeg.subarray(0, scan(jpeg)[0])],
    ['a code of ones', (jpeg) => splice(jpeg, middle(jpeg), 0, Array(64).fill([0xff, 0]).flat() as number[])],
    ['more rows claimed than there are', (jpeg) => withClaimedSize(jpeg, 1_000, 1_000)],
    ['a restart marker where none belongs', (jpeg) => splice(jpeg, middle(jpeg), 0, [0xff, RST0 + 5])],
  ];

  it.each(damages)('%s', async (_name, make) => {
    for (const [kind, jpeg] of jpegs) {
      expect({ kind, answer: await answerTo(make(jpeg)) }).toEqual({ kind, answer: 'INVALID_IMAGE_FILE' });
    }
  });

  const intervals: [string, (jpeg: Buffer) => Buffer][] = [
    ['a restart marker is missing', (jpeg) => splice(jpeg, findMarkers(jpeg, RST0 + 2)[0]!, 2)],
    ['a restart marker has a wrong number', (jpeg) => splice(jpeg, findMarkers(jpeg, RST0 + 2)[0]! + 1, 1, [RST0 + 6])],
    [
      'an interval is missing',
      (jpeg) => {
        const [from, to] = [findMarkers(jpeg, RST0 + 2)[0]!, findMarkers(jpeg, RST0 + 3)[0]!];
        return splice(jpeg, from, to - from);
      },
    ],
    [
      'eight intervals are missing',
      (jpeg) => {
        const [from, to] = findMarkers(jpeg, RST0 + 2);
        return splice(jpeg, from!, to! - from!);
      },
    ],
    [
      'the last interval is missing',
      (jpeg) => {
        const from = findMarkers(jpeg, RST0 + 1).at(-1)!;
        return splice(jpeg, from, jpeg.length - 2 - from);
      },
    ],
    ['intervals of another length are declared', (jpeg) => splice(jpeg, findMarkers(jpeg, DRI)[0]! + 5, 1, [9])],
    ['no intervals are declared', (jpeg) => splice(jpeg, findMarkers(jpeg, DRI)[0]!, 6)],
  ];
  it.each(intervals)('%s', async (_name, make) => {
    for (const [, jpeg] of restartJpegs) expect(await answerTo(make(jpeg))).toBe('INVALID_IMAGE_FILE');
  });

  it('scans of a progressive JPEG that ends without EOI', async () => {
    const progressive = jpegs.find(([name]) => name === 'progressive')![1];
    for (const start of findMarkers(progressive, SOS)) {
      expect(await answerTo(progressive.subarray(0, start))).toBe('INVALID_IMAGE_FILE');
    }
  });
});

describe('random damage', () => {
  const harmful = /premature end of data segment|bad (Huffman|arithmetic) code|Inconsistent progression|resync/i;

  it.each(jpegs)('is refused wherever libjpeg warns of damage: %s', async (name, jpeg) => {
    const [from] = scan(jpeg);
    let refused = 0;
    // The conversion of CMYK takes a tenth of a second.
    const seeds = name === 'CMYK' ? 20 : 150;
    for (let seed = 1; seed <= seeds; seed++) {
      const next = seedRandom(seed);
      const damaged = Buffer.from(jpeg);
      for (let count = 0; count <= seed % 4; count++) {
        damaged[from + Math.floor(next() * (damaged.length - 2 - from))]! ^= 1 << Math.floor(next() * 8);
      }
      const said = await sharp(damaged, { failOn: 'warning' })
        .raw()
        .toBuffer()
        .then(() => '', describeError);
      const answer = await answerTo(damaged);
      if (harmful.test(said)) {
        expect({ seed, said, answer }).toMatchObject({ answer: 'INVALID_IMAGE_FILE' });
        refused++;
      } else {
        // sharp says nothing of damage in the last rows, nor of most bad codes.
        expect(['accepted', 'INVALID_IMAGE_FILE']).toContain(answer);
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});

const pngs: [string, Buffer][] = [
  ['plain', await picture().png().toBuffer()],
  ['interlaced', await picture().png({ progressive: true }).toBuffer()],
  ['palette', await picture().png({ palette: true }).toBuffer()],
];

describe('a PNG', () => {
  it.each(pngs)('needs its data, and no IEND: %s', async (_name, png) => {
    const withoutEnd = png.subarray(0, -12);
    expect((await readPixels(withoutEnd)).equals(await readPixels(png))).toBe(true);
    for (let cut = 1; cut <= 60; cut++) {
      expect({ cut, answer: await answerTo(withoutEnd.subarray(0, -cut)) }).toMatchObject({
        answer: 'INVALID_IMAGE_FILE',
      });
    }
    const shorter = pngChunks(png).map((chunk) =>
      chunk.type === 'IDAT' ? { ...chunk, data: chunk.data.subarray(0, -20) } : chunk,
    );
    expect(await answerTo(buildPng(shorter))).toBe('INVALID_IMAGE_FILE');
  });

  it.each(pngs)('is refused with a flipped bit in its data: %s', async (_name, png) => {
    const from = png.indexOf('IDAT') + 4;
    for (let seed = 1; seed <= 60; seed++) {
      const next = seedRandom(seed);
      const damaged = Buffer.from(png);
      damaged[from + Math.floor(next() * (png.length - 12 - from))]! ^= 1 << Math.floor(next() * 8);
      expect({ seed, answer: await answerTo(damaged) }).toEqual({ seed, answer: 'INVALID_IMAGE_FILE' });
    }
  });
});
