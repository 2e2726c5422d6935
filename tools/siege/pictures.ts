// The pictures of the attacks: bombs, the slowest files that are accepted, and a small ordinary one.
import { deflateSync } from 'node:zlib';
import { png, pngChunk } from '../../test/hostile/files.js';
import { progressiveJpeg } from '../../test/hostile/progressive.js';

/** Content of one zTXt chunk when it is decompressed. */
const TEXT_BYTES = 50_000_000;

/** Side of a picture of 49 megapixels: about as many as allowed. */
const SIDE = 7_000;

/** Makes pictures that no camera makes: decoding one as it is takes 15 to 20 s. */
export function makePictureBombs(): Buffer[] {
  const text = pngChunk('zTXt', Buffer.concat([Buffer.from('a\0\0'), deflateSync(Buffer.alloc(TEXT_BYTES))]));
  return [
    progressiveJpeg({ widthPx: SIDE, heightPx: SIDE, scans: 2_000 }),
    png({ widthPx: 400, heightPx: 400, before: Array.from({ length: 55 }, () => text) }),
  ];
}

/** Makes the slowest pictures that are accepted: as many pixels, bits and scans as allowed. The slowest one comes first. */
export function makeSlowPictures(): Buffer[] {
  return [
    png({ widthPx: 4_300, heightPx: 4_300, bits: 16, colour: 6, interlaced: true }),
    progressiveJpeg({ widthPx: SIDE, heightPx: SIDE, scans: 10, band: 'all' }),
    png({ widthPx: 5_000, heightPx: 5_000, bits: 16, colour: 6 }),
    png({ widthPx: SIDE, heightPx: SIDE, interlaced: true }),
  ];
}

/** Makes a small picture without a face. */
export function renderSmallPicture(): Buffer {
  return png({ widthPx: 160, heightPx: 160 });
}
