// What the header of a PNG or JPEG claims, read before anything is decoded: how much memory the decoder would have to hold.

export interface PictureClaims {
  widthPx: number;
  heightPx: number;
  /**
   * Bytes that a decoder holds all at once: the pixels of an interlaced PNG, the coefficients of a JPEG of several scans. 0 where it
   * works row by row.
   */
  heldBytes: number;
}

/** Channels by the colour type of a PNG; a palette is decoded to RGBA at most. */
const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 4, 4: 2, 6: 4 };
const IHDR = 0x49484452;
const COEFFICIENT_BYTES = 2;

/** Of a file that begins with the signature of PNG. @returns undefined where the header is not one */
export function pngClaims(bytes: Uint8Array): PictureClaims | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 29 || view.getUint32(8) !== 13 || view.getUint32(12) !== IHDR) return undefined;
  const widthPx = view.getUint32(16);
  const heightPx = view.getUint32(20);
  const channels = PNG_CHANNELS[bytes[25]] ?? 4;
  const bytesPerPixel = channels * (bytes[24] > 8 ? 2 : 1);
  return { widthPx, heightPx, heldBytes: bytes[28] === 0 ? 0 : widthPx * heightPx * bytesPerPixel };
}

/**
 * Of a file that begins with the signature of JPEG. Walks over the segments as libjpeg does, which skips whatever lies between them.
 * @returns undefined where there is no frame header before the first scan
 */
export function jpegClaims(bytes: Uint8Array): PictureClaims | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: (PictureClaims & { components: number; progressive: boolean }) | undefined;
  for (let at = 2; ;) {
    while (at + 1 < bytes.length && (bytes[at] !== 0xff || bytes[at + 1] === 0xff || bytes[at + 1] === 0)) at++;
    // A marker, the length of its segment, and of a frame or a scan at least the count of its components.
    if (at + 9 >= bytes.length) return undefined;
    const marker = bytes[at + 1];
    if (hasNoSegment(marker)) {
      at += 2;
      continue;
    }
    if (isFrame(marker)) {
      const components = bytes[at + 9];
      if (at + 10 + 3 * components > bytes.length) return undefined;
      const heightPx = view.getUint16(at + 5);
      const widthPx = view.getUint16(at + 7);
      const samples = samplesPerPixel(bytes.subarray(at + 10, at + 10 + 3 * components));
      const heldBytes = widthPx * heightPx * samples * COEFFICIENT_BYTES;
      frame = { widthPx, heightPx, heldBytes, components, progressive: (marker & 3) === 2 };
    }
    if (marker === 0xda) {
      if (!frame) return undefined;
      const severalScans = frame.progressive || bytes[at + 4] < frame.components;
      return { widthPx: frame.widthPx, heightPx: frame.heightPx, heldBytes: severalScans ? frame.heldBytes : 0 };
    }
    at += 2 + view.getUint16(at + 2);
  }
}

/** SOF0 to SOF15, without the three other markers among them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** TEM, RST0 to RST7, SOI, EOI. */
function hasNoSegment(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd9);
}

/** @param components of a frame header, three bytes each: id, sampling (4 bits across, 4 down), table */
function samplesPerPixel(components: Uint8Array): number {
  const across: number[] = [];
  const down: number[] = [];
  for (let i = 1; i < components.length; i += 3) {
    across.push(components[i] >> 4);
    down.push(components[i] & 15);
  }
  const blocks = across.reduce((sum, value, i) => sum + value * down[i], 0);
  return blocks / Math.max(1, Math.max(...across) * Math.max(...down));
}
