// Decoding of an uploaded picture, as PictureDecoder describes it: by sharp, after the addon's check where that is wanted.
import { loadAddon } from '../native/addon.js';
import type { DecodedPixels, FailOn } from './picture-decoder.js';
import { decodeBySharp } from './sharp-decoder.js';

/** Does the work of PictureDecoder.decode. @throws Error */
export async function decodeUpload(bytes: Uint8Array, failOn: FailOn): Promise<DecodedPixels> {
  if (failOn !== 'damage') return decodeBySharp(bytes, failOn);
  // The addon with its libraries is loaded for this alone.
  if (!loadAddon().isWholeJpeg(bytes)) throw new Error('the data of the JPEG are damaged');
  return decodeBySharp(bytes, 'none');
}
