// The pictures of the attacks: bombs, the slowest files that are accepted, and a small ordinary one.
import { deflateSync } from 'node:zlib';
import { png, pngChunk } from '../../test/hostile/files.js';

/** Content of one zTXt chunk when it is decompressed. */
const TEXT_BYTES = 50_000_000;

/** Makes pictures that no camera makes and that must be refused before they are decoded. */
export function makePictureBombs(): Buffer[] {
  const text = pngChunk('zTXt', Buffer.concat([Buffer.from('a\0\0'), deflateSync(Buffer.alloc(TEXT_BYTES))]));
  return [png({ widthPx: 400, heightPx: 400, before: Array.from({ length: 55 }, () => text) })];
}

/** Makes the slowest pictures that are accepted: as many pixels as allowed, interlaced. */
export function makeSlowPictures(): Buffer[] {
  return [png({ widthPx: 5_000, heightPx: 5_000, interlaced: true }), png({ widthPx: 7_000, heightPx: 7_000 })];
}

/** Makes a small picture without a face. */
export function renderSmallPicture(): Buffer {
  return png({ widthPx: 160, heightPx: 160 });
}
