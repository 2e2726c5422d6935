// The interfaces of the decoders for pictures that the addon does not decode itself.
import type { FileFormat } from '../domain/file-format.js';

/** Decoded pixels: interleaved 8-bit RGB, widthPx * heightPx * 3 bytes. */
export interface DecodedPixels {
  rgb: Uint8Array;
  widthPx: number;
  heightPx: number;
}

/** Longest side of decoded pixels. */
export const MAX_SIDE_PX = 2048;

/** Faults of the data from which decoding fails. `damage`: damaged data of a JPEG, by Addon.isWholeJpeg, and no other fault. */
export type FailOn = 'none' | 'damage' | 'warning' | 'error';

export interface PictureDecoder {
  /**
   * Decodes a JPEG or PNG. The EXIF orientation is applied, transparent pixels are laid over grey (#808080), and a picture that is wider or
   * higher than MAX_SIDE_PX is scaled down with its ratio kept.
   * @throws Error, whose message says what is wrong with the picture; AppError WORKER_FAILED where decoding could not even begin
   */
  decode(bytes: Uint8Array, failOn: FailOn): Promise<DecodedPixels>;
}

/** Formats of photos. */
export const PHOTO_FORMATS: readonly FileFormat[] = ['JPEG', 'PNG', 'WebP', 'AVIF', 'HEIC', 'GIF', 'TIFF'];

/** A decoder of photos as people have them on their phones: for commands of the operator, and never for what a client uploads. */
export interface PhotoDecoder {
  /**
   * Decodes a photo in one of the PHOTO_FORMATS, told by its content; of several pictures in a file the primary or the first one. Otherwise it
   * does the same as PictureDecoder.decode.
   */
  decodePhoto(bytes: Uint8Array): Promise<DecodedPixels>;
}
