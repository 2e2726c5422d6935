// The interface of the decoder for pictures that the addon does not decode itself.

/** Decoded pixels: interleaved 8-bit RGB, widthPx * heightPx * 3 bytes. */
export interface DecodedPixels {
  rgb: Uint8Array;
  widthPx: number;
  heightPx: number;
}

/** Faults of the data from which decoding fails. */
export type FailOn = 'none' | 'warning' | 'error';

export interface PictureDecoder {
  /**
   * Decodes a JPEG or PNG. The EXIF orientation is applied, transparent pixels are laid over grey (#808080), and a picture that is wider or
   * higher than 2048 px is scaled down with its ratio kept.
   * @throws Error, whose message says what is wrong with the picture; AppError WORKER_FAILED where decoding could not even begin
   */
  decode(bytes: Uint8Array, failOn: FailOn): Promise<DecodedPixels>;
}
