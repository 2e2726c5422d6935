// Makes and breaks picture files byte by byte: PNG chunks, JPEG segments, EXIF, and seeded damage.
import { crc32, deflateSync } from 'node:zlib';

const PNG_MAGIC = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Creates a generator of numbers 0..1. The same seed gives the same numbers. */
export function seedRandom(seed: number): () => number {
  let state = (seed * 2654435761) % 2147483647 || 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

export function pngChunk(type: string, data: Uint8Array = new Uint8Array()): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

export interface PngOptions {
  widthPx: number;
  heightPx: number;
  bits?: 1 | 8 | 16;
  /** Colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA. */
  colour?: 0 | 2 | 3 | 4 | 6;
  interlaced?: boolean | undefined;
  /** Content of IDAT. Default: black pixels. */
  data?: Uint8Array;
  /** Chunks between IHDR and IDAT. */
  before?: readonly Uint8Array[];
}

/** Makes a PNG of black pixels in a few kB, of any size. The declared size and form may be false. */
export function png({ widthPx, heightPx, bits = 8, colour = 2, interlaced, data, before = [] }: PngOptions): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header.set([bits, colour, 0, 0, interlaced ? 1 : 0], 8);
  return Buffer.concat([
    PNG_MAGIC,
    pngChunk('IHDR', header),
    ...before,
    pngChunk('IDAT', data ?? zeroRows({ widthPx, heightPx, bits, colour, interlaced })),
    pngChunk('IEND'),
  ]);
}

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as const;
/** Adam7: first column, first row, step of columns, step of rows. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function zeroRows({ widthPx, heightPx, bits = 8, colour = 2, interlaced }: PngOptions): Buffer {
  const rowBytes = (columns: number): number => 1 + Math.ceil((columns * CHANNELS[colour] * bits) / 8);
  let length = heightPx * rowBytes(widthPx);
  if (interlaced) {
    length = 0;
    for (const [x, y, dx, dy] of PASSES) {
      const columns = Math.ceil((widthPx - x) / dx);
      if (columns > 0) length += Math.max(0, Math.ceil((heightPx - y) / dy)) * rowBytes(columns);
    }
  }
  return deflateSync(Buffer.alloc(length));
}

/** Reads the chunks of a PNG, header first. */
export function pngChunks(bytes: Buffer): { type: string; data: Buffer }[] {
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = PNG_MAGIC.length; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return chunks;
}

export function buildPng(chunks: readonly { type: string; data?: Uint8Array }[]): Buffer {
  return Buffer.concat([PNG_MAGIC, ...chunks.map(({ type, data }) => pngChunk(type, data))]);
}

/** Turns a PNG into an animation that shows its picture twice. */
export function animated(bytes: Buffer): Buffer {
  const chunks = pngChunks(bytes);
  const header = chunks[0]!.data;
  const control = (sequence: number): Buffer => {
    const data = Buffer.alloc(26);
    data.writeUInt32BE(sequence, 0);
    header.copy(data, 4, 0, 8);
    data.writeUInt16BE(1, 20);
    data.writeUInt16BE(10, 22);
    return data;
  };
  const frames = Buffer.alloc(8);
  frames.writeUInt32BE(2, 0);
  const picture = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  return buildPng([
    chunks[0]!,
    { type: 'acTL', data: frames },
    { type: 'fcTL', data: control(0) },
    { type: 'IDAT', data: picture },
    { type: 'fcTL', data: control(1) },
    { type: 'fdAT', data: Buffer.concat([Buffer.from([0, 0, 0, 2]), picture]) },
    { type: 'IEND' },
  ]);
}

/** Puts a segment behind the SOI of a JPEG. @param marker such as 0xe1 */
export function withSegment(jpeg: Buffer, marker: number, data: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, data, jpeg.subarray(2)]);
}

/** Rewrites the size in the frame header of a JPEG. */
export function withClaimedSize(jpeg: Buffer, widthPx: number, heightPx: number): Buffer {
  const copy = Buffer.from(jpeg);
  for (let at = 2; at + 9 < copy.length;) {
    const marker = copy[at + 1];
    if (marker! >= 0xc0 && marker! <= 0xc2) {
      copy.writeUInt16BE(heightPx, at + 5);
      copy.writeUInt16BE(widthPx, at + 7);
      return copy;
    }
    at += 2 + copy.readUInt16BE(at + 2);
  }
  throw new TypeError('a JPEG without a frame header');
}

/** Makes an EXIF block, big-endian, with one IFD of one entry. @param next offset of the next IFD; 8 is the same IFD again */
export function exif(tag: number, value: number, next = 0): Buffer {
  const tiff = Buffer.alloc(26);
  tiff.write('MM', 'latin1');
  tiff.writeUInt16BE(42, 2);
  tiff.writeUInt32BE(8, 4);
  tiff.writeUInt16BE(1, 8);
  tiff.writeUInt16BE(tag, 10);
  tiff.writeUInt16BE(3, 12);
  tiff.writeUInt32BE(1, 14);
  tiff.writeUInt16BE(value, 18);
  tiff.writeUInt32BE(next, 22);
  return Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]);
}

/** Repeats the last scan of a progressive JPEG. The decoder has to process the whole picture for each scan. */
export function withManyScans(jpeg: Buffer, times: number): Buffer {
  const start = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
  const end = jpeg.length - 2;
  const scan = jpeg.subarray(start, end);
  return Buffer.concat([jpeg.subarray(0, end), ...Array.from({ length: times }, () => scan), jpeg.subarray(end)]);
}

/** Flips single bits after the first `from` bytes. */
export function flipped(bytes: Buffer, seed: number, { from, count }: { from: number; count: number }): Buffer {
  const copy = Buffer.from(bytes);
  const next = seedRandom(seed);
  for (let i = 0; i < count; i++) {
    const at = from + Math.floor(next() * (copy.length - from));
    copy[Math.min(at, copy.length - 1)]! ^= 1 << Math.floor(next() * 8);
  }
  return copy;
}
