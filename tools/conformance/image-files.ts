// Makes picture files for the cases: PNGs of any size, JPEGs with an orientation or of an exact length.
import { crc32, deflateSync } from 'node:zlib';

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(type: string, data: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(typed.length + 8);
  out.writeUInt32BE(data.length, 0);
  typed.copy(out, 4);
  out.writeUInt32BE(crc32(typed), typed.length + 4);
  return out;
}

/** Makes a white PNG with one bit per pixel, which has many pixels in few bytes. */
export function makeBlankPng(widthPx: number, heightPx: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header[8] = 1;
  const rowBytes = 1 + Math.ceil(widthPx / 8);
  const rows = Buffer.alloc(rowBytes * heightPx, 0xff);
  for (let y = 0; y < heightPx; y++) rows[y * rowBytes] = 0;
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Inserts a segment after the start marker of a JPEG. */
function withSegment(jpeg: Uint8Array, marker: number, data: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, data, jpeg.subarray(2)]);
}

/** Adds an Exif orientation to a JPEG. @param orientation 1..8, as in Exif */
export function withOrientation(jpeg: Uint8Array, orientation: number): Buffer {
  const tiff = Buffer.alloc(26);
  tiff.write('II*\0', 0, 'latin1');
  tiff.writeUInt32LE(8, 4);
  tiff.writeUInt16LE(1, 8);
  tiff.writeUInt16LE(0x0112, 10); // tag Orientation
  tiff.writeUInt16LE(3, 12); // type short
  tiff.writeUInt32LE(1, 14); // count
  tiff.writeUInt16LE(orientation, 18);
  return withSegment(jpeg, 0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff]));
}

/** Pads a JPEG with comments to an exact length. @param bytes length, at least 4 more than the JPEG has */
export function padJpeg(jpeg: Uint8Array, bytes: number): Buffer {
  let padded: Buffer = Buffer.from(jpeg);
  while (padded.length < bytes) {
    const left = bytes - padded.length;
    // The rest must be 0 or large enough for another comment.
    const size = left <= 65_000 ? left : Math.min(65_000, left - 4);
    padded = withSegment(padded, 0xfe, Buffer.alloc(size - 4, 0x20));
  }
  return padded;
}

export interface Rgb {
  rgb: Uint8Array;
  widthPx: number;
  heightPx: number;
}

/** Rearranges the pixels as a camera in this orientation stores them: applying the orientation gives the original picture. */
export function storedAs({ rgb, widthPx: w, heightPx: h }: Rgb, orientation: number): Rgb {
  const places: ((x: number, y: number) => [number, number])[] = [
    (x, y) => [x, y],
    (x, y) => [w - 1 - x, y],
    (x, y) => [w - 1 - x, h - 1 - y],
    (x, y) => [x, h - 1 - y],
    (x, y) => [y, x],
    (x, y) => [y, w - 1 - x],
    (x, y) => [h - 1 - y, w - 1 - x],
    (x, y) => [h - 1 - y, x],
  ];
  const turned = orientation > 4;
  const widthPx = turned ? h : w;
  const stored = new Uint8Array(rgb.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [sx, sy] = places[orientation - 1]!(x, y);
      const from = (y * w + x) * 3;
      stored.set(rgb.subarray(from, from + 3), (sy * widthPx + sx) * 3);
    }
  }
  return { rgb: stored, widthPx, heightPx: turned ? w : h };
}
