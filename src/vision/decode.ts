// Decoding of uploaded pictures: checks the bytes and turns them into an upright native image.
import { describeFormat, detectFormat } from '../domain/file-format.js';
import { AppError, clientError, describeError } from '../errors.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { countJpegWork } from './jpeg-work.js';
import { localDecoder } from './local-decoder.js';
import { readJpegClaims, readPngClaims, type PictureClaims } from './picture-claims.js';
import type { DecodedPixels, PictureDecoder } from './picture-decoder.js';
import { dropUnneededChunks } from './png-chunks.js';

export const MAX_PIXELS = 50_000_000;
export const MIN_SIDE_PX = 80;
/** Longest side that the header may claim. No JPEG has a longer one; sharp took 450 MB to scale down a PNG of 600,000 x 80 px. */
const MAX_CLAIMED_SIDE_PX = 65_535;
/**
 * Most bytes that a decoder may hold at once: 50 megapixels of 8-bit RGB. Interlaced PNGs and progressive JPEGs can need several
 * times that.
 */
const MAX_HELD_BYTES = 3 * MAX_PIXELS;
/**
 * Most bytes of pixels before their conversion: 50 megapixels with transparency, or 25 of them with 16 bits. Twice as many took 1.6 s of
 * processor time (AMD EPYC, November 2026).
 */
const MAX_PIXEL_BYTES = 4 * MAX_PIXELS;
/**
 * Most samples that all scans of a JPEG together may pass over: ten times the largest picture. libjpeg's own progressive JPEGs need 8 times
 * their pixels, and 14 times without subsampling, where MAX_HELD_BYTES allows half of the pixels. A sample costs up to 1.6 ns, so that the
 * scans of an accepted picture take 0.8 s at most (AMD EPYC, November 2026).
 */
const MAX_SCAN_SAMPLES = 10 * MAX_PIXELS;
/** Most scans and most segments of a JPEG, whatever its size: each one has a cost of its own. Real files have 10 and 100. */
const MAX_SCANS = 1_000;
const MAX_SEGMENTS = 3_000;

type DecodingAddon = Pick<Addon, 'decodeJpeg' | 'isWholeJpeg' | 'wrapRgb'>;

export interface DecodeOptions {
  /** Decoder of the pictures that are no plain JPEG. Default: sharp in this process. */
  decoder?: PictureDecoder;
  /** See Addon.isWholeJpeg. */
  cancelled?: Int32Array;
}

/**
 * Decodes a PNG or JPEG; the content decides which it is. The EXIF orientation is applied, transparent pixels are laid over grey
 * (#808080), and a picture that is wider or higher than 2048 px is scaled down with its ratio kept.
 *
 * The addon decodes plain JPEGs, which is what terminals send, on this thread. sharp decodes each picture on another thread: with cold
 * caches, between two runs of the models, that costs 2.5 ms instead of 0.6 ms for 640 x 480 (AMD EPYC, November 2026). Every picture that
 * is not a plain and undamaged JPEG goes through the other decoder; for JPEGs, the addon decides which data are damaged.
 * @returns an image of 80 to 2048 px a side, which the caller must release
 * @throws AppError INVALID_IMAGE_FORMAT (neither PNG nor JPEG), IMAGE_TOO_LARGE (more than 50 megapixels, or too much memory to decode),
 * INVALID_IMAGE_FILE (truncated, corrupt, too small, or too many scans), WORKER_FAILED (the decoder could not be started)
 */
export async function decodePicture(
  bytes: Uint8Array,
  addon: DecodingAddon,
  { decoder = localDecoder, cancelled }: DecodeOptions = {},
): Promise<NativeImage> {
  const plain = addon.decodeJpeg(bytes);
  if (plain) return plain;
  if (!isJpeg(bytes) && !isPng(bytes)) throw clientError('INVALID_IMAGE_FORMAT', describeForeign(bytes));
  const claims = isPng(bytes) ? readPngClaims(bytes) : readJpegClaims(bytes);
  if (!claims) throw clientError('INVALID_IMAGE_FILE', BROKEN);
  refuseGiants(claims);
  if (isJpeg(bytes)) refuseSlowJpegs(bytes);
  const decoding = isPng(bytes)
    ? decoder.decode(dropUnneededChunks(bytes), 'error')
    : decodeJpeg(bytes, { hasSeveralScans: claims.heldBytes > 0, addon, decoder, cancelled });
  const pixels = await decoding.catch((cause: unknown) => {
    if (cause instanceof AppError) throw cause;
    if (/pixel limit/i.test(describeError(cause))) {
      throw clientError('IMAGE_TOO_LARGE', 'The image has more than 50 megapixels.', cause);
    }
    throw clientError('INVALID_IMAGE_FILE', BROKEN, cause);
  });
  // A long and narrow picture may fall below the smallest side by scaling alone.
  const isSmall = Math.min(pixels.widthPx, pixels.heightPx) < MIN_SIDE_PX;
  if (isSmall && Math.min(claims.widthPx, claims.heightPx) < MIN_SIDE_PX) {
    throw clientError('INVALID_IMAGE_FILE', 'The image is smaller than 80 x 80 px.');
  }
  // Last: no error can follow that would leave the image unreleased.
  return addon.wrapRgb(pixels.rgb, pixels.widthPx, pixels.heightPx);
}

const BROKEN = 'The image is truncated or corrupt.';

function describeForeign(bytes: Uint8Array): string {
  const format = detectFormat(bytes);
  return format === undefined
    ? 'The image is neither PNG nor JPEG.'
    : `The image is ${describeFormat(format)}; it must be a PNG or JPEG file.`;
}

/** Refuses a picture by its header, before anything is decoded. @throws AppError IMAGE_TOO_LARGE */
function refuseGiants({ widthPx, heightPx, heldBytes, pixelBytes }: PictureClaims): void {
  if (Math.max(widthPx, heightPx) > MAX_CLAIMED_SIDE_PX) {
    throw clientError('IMAGE_TOO_LARGE', `The image has a side of more than ${MAX_CLAIMED_SIDE_PX} px.`);
  }
  if (widthPx * heightPx > MAX_PIXELS) throw clientError('IMAGE_TOO_LARGE', 'The image has more than 50 megapixels.');
  if (pixelBytes > MAX_PIXEL_BYTES) {
    throw clientError('IMAGE_TOO_LARGE', `The image has more than ${MAX_PIXEL_BYTES / 1e6} MB of pixels.`);
  }
  if (heldBytes > MAX_HELD_BYTES) {
    throw clientError(
      'IMAGE_TOO_LARGE',
      `The image is interlaced or progressive, and decoding it needs more than ${MAX_HELD_BYTES / 1e6} MB.`,
    );
  }
}

/** Refuses a JPEG by its markers, before anything is decoded. @throws AppError INVALID_IMAGE_FILE */
function refuseSlowJpegs(bytes: Uint8Array): void {
  const { scans, segments, samples } = countJpegWork(bytes);
  if (scans > MAX_SCANS || samples > MAX_SCAN_SAMPLES) {
    throw clientError('INVALID_IMAGE_FILE', `The image has ${scans} scans, which is too many for its size.`);
  }
  if (segments > MAX_SEGMENTS) {
    throw clientError('INVALID_IMAGE_FILE', `The image has more than ${MAX_SEGMENTS} segments.`);
  }
}

interface JpegDecoding {
  hasSeveralScans: boolean;
  addon: DecodingAddon;
  decoder: PictureDecoder;
  cancelled: Int32Array | undefined;
}

/** Decodes a JPEG that is not plain. Only damage counts: warnings of libjpeg about harmless oddities do not. */
async function decodeJpeg(
  bytes: Uint8Array,
  { hasSeveralScans, addon, decoder, cancelled }: JpegDecoding,
): Promise<DecodedPixels> {
  if (hasSeveralScans) {
    // All scans are read before the first row of pixels, so that sharp itself sees each warning: only odd files are read again.
    // The decoder checks those as well: the check needs 2 bytes for each sample of the whole picture.
    return decoder.decode(bytes, 'warning').catch((cause: unknown) => {
      if (cause instanceof AppError) throw cause;
      return decoder.decode(bytes, 'damage');
    });
  }
  // sharp misses warnings about the last rows. Reading the data here takes 0.5 ms for 640 x 480 and 19 ms for 12 megapixels, where sharp takes
  // 4 ms and 140 ms (AMD EPYC, November 2026).
  if (!addon.isWholeJpeg(bytes, cancelled)) throw new Error('the data of the JPEG are damaged');
  return decoder.decode(bytes, 'none');
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function isPng(bytes: Uint8Array): boolean {
  return PNG_MAGIC.every((value, i) => bytes[i] === value);
}

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
