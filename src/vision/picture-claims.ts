// Header checks of PNG and JPEG before decoding: the size that a file claims, and the memory that a decoder would have to hold.

export interface PictureClaims {
  widthPx: number;
  heightPx: number;
  /**
   * Bytes that a decoder has to hold at the same time: the pixels of an interlaced PNG, the coefficients of a JPEG of several scans.
   * 0 where the decoder works row by row.
   */
  heldBytes: number;
  /** Bytes of all pixels as the file has them, before they are converted to 8-bit RGB. */
  pixelBytes: number;
}

/** Channels by the colour type of a PNG. A palette (3) is decoded to RGBA at most. */
const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 4, 4: 2, 6: 4 };
/** Length of signature and header chunk up to the interlace method. */
const PNG_HEADER_BYTES = 29;
const IHDR = 0x49484452;
/** Start of scan, the JPEG marker after which the compressed pixels follow. */
const START_OF_SCAN = 0xda;
const COEFFICIENT_BYTES = 2;

/**
 * Reads the header of a file that begins with the signature of PNG.
 * @returns undefined where the header is missing or cut short
 */
export function readPngClaims(bytes: Uint8Array): PictureClaims | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < PNG_HEADER_BYTES || view.getUint32(8) !== 13 || view.getUint32(12) !== IHDR) return undefined;
  const widthPx = view.getUint32(16);
  const heightPx = view.getUint32(20);
  const channels = PNG_CHANNELS[view.getUint8(25)] ?? 4;
  const bytesPerPixel = channels * (view.getUint8(24) > 8 ? 2 : 1);
  const isInterlaced = view.getUint8(28) !== 0;
  const pixelBytes = widthPx * heightPx * bytesPerPixel;
  return { widthPx, heightPx, heldBytes: isInterlaced ? pixelBytes : 0, pixelBytes };
}

/**
 * Reads the headers of a file that begins with the signature of JPEG. Like libjpeg, it walks over the segments and skips any bytes
 * between them.
 * @returns undefined where no frame header comes before the first scan
 */
export function readJpegClaims(bytes: Uint8Array): PictureClaims | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: (PictureClaims & { components: number; isProgressive: boolean }) | undefined;
  for (let at = 2; ;) {
    while (at + 1 < bytes.length && (bytes[at] !== 0xff || bytes[at + 1] === 0xff || bytes[at + 1] === 0)) at++;
    // The next steps read a marker, the length of its segment and, for a frame or scan, its number of components.
    if (at + 9 >= bytes.length) return undefined;
    const marker = view.getUint8(at + 1);
    if (hasNoSegment(marker)) {
      at += 2;
      continue;
    }
    if (isFrame(marker)) {
      const components = view.getUint8(at + 9);
      if (at + 10 + 3 * components > bytes.length) return undefined;
      const heightPx = view.getUint16(at + 5);
      const widthPx = view.getUint16(at + 7);
      const samples = countSamplesPerPixel(bytes.subarray(at + 10, at + 10 + 3 * components));
      const heldBytes = widthPx * heightPx * samples * COEFFICIENT_BYTES;
      const pixelBytes = widthPx * heightPx * components;
      frame = { widthPx, heightPx, heldBytes, pixelBytes, components, isProgressive: (marker & 3) === 2 };
    }
    if (marker === START_OF_SCAN) {
      if (!frame) return undefined;
      const hasSeveralScans = frame.isProgressive || view.getUint8(at + 4) < frame.components;
      const { widthPx, heightPx, heldBytes, pixelBytes } = frame;
      return { widthPx, heightPx, heldBytes: hasSeveralScans ? heldBytes : 0, pixelBytes };
    }
    at += 2 + view.getUint16(at + 2);
  }
}

/** SOF0 to SOF15, without the three other markers in that range. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** TEM, RST0 to RST7, SOI and EOI are markers without a segment. */
function hasNoSegment(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd9);
}

/** @param components components of a frame header, three bytes each: id, sampling (4 bits across, 4 bits down), table */
function countSamplesPerPixel(components: Uint8Array): number {
  let blocks = 0;
  let mostAcross = 0;
  let mostDown = 0;
  for (let i = 1; i < components.length; i += 3) {
    const sampling = components[i]!;
    const across = sampling >> 4;
    const down = sampling & 15;
    blocks += across * down;
    mostAcross = Math.max(mostAcross, across);
    mostDown = Math.max(mostDown, down);
  }
  return blocks / Math.max(1, mostAcross * mostDown);
}
