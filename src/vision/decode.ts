// Decoding of uploaded pictures: checks the bytes and turns them into an upright native image. The one file that uses sharp.
import sharp, { type FailOnOptions } from 'sharp';
import { clientError, describeError } from '../errors.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { readJpegClaims, readPngClaims, type PictureClaims } from './picture-claims.js';

export const MAX_PIXELS = 50_000_000;
export const MIN_SIDE_PX = 80;
export const MAX_SIDE_PX = 2048;
/** Longest side that the header may claim. No JPEG has a longer one; sharp took 450 MB to scale down a PNG of 600,000 x 80 px. */
const MAX_CLAIMED_SIDE_PX = 65_535;
/**
 * Most bytes that a decoder may hold at once: 50 megapixels of 8-bit RGB. Interlaced PNGs and progressive JPEGs can need several
 * times that.
 */
const MAX_HELD_BYTES = 3 * MAX_PIXELS;

// One picture at a time in each worker; libvips keeps nothing between pictures.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Decodes a PNG or JPEG; the content decides which it is. The EXIF orientation is applied, transparent pixels are laid over grey
 * (#808080), and a picture that is wider or higher than 2048 px is scaled down with its ratio kept.
 *
 * The addon decodes plain JPEGs, which is what terminals send, on this thread. sharp decodes each picture on another thread: with cold
 * caches, between two runs of the models, that costs 2.5 ms instead of 0.6 ms for 640 x 480 (AMD EPYC, November 2026). Every picture that
 * is not a plain and undamaged JPEG goes through sharp; for JPEGs, the addon decides which data are damaged.
 * @returns an image of 80 to 2048 px a side, which the caller must release
 * @throws AppError INVALID_IMAGE_FORMAT (neither PNG nor JPEG), IMAGE_TOO_LARGE (more than 50 megapixels, or too much memory to decode),
 * INVALID_IMAGE_FILE (truncated, corrupt or too small)
 */
export async function decodePicture(
  bytes: Uint8Array,
  addon: Pick<Addon, 'decodeJpeg' | 'isWholeJpeg' | 'wrapRgb'>,
): Promise<NativeImage> {
  const plain = addon.decodeJpeg(bytes);
  if (plain) return plain;
  if (!isJpeg(bytes) && !isPng(bytes)) throw clientError('INVALID_IMAGE_FORMAT', 'The image is neither PNG nor JPEG.');
  const claims = isPng(bytes) ? readPngClaims(bytes) : readJpegClaims(bytes);
  if (claims) refuseGiants(claims);
  const decoding = isPng(bytes)
    ? decodeBySharp(bytes, 'error')
    : decodeJpegBySharp(bytes, (claims?.heldBytes ?? 0) > 0, addon);
  const pixels = await decoding.catch((cause: unknown) => {
    if (/pixel limit/i.test(describeError(cause))) {
      throw clientError('IMAGE_TOO_LARGE', 'The image has more than 50 megapixels.', cause);
    }
    throw clientError('INVALID_IMAGE_FILE', 'The image is truncated or corrupt.', cause);
  });
  if (Math.min(pixels.widthPx, pixels.heightPx) < MIN_SIDE_PX && !(await isScaledDown(bytes))) {
    throw clientError('INVALID_IMAGE_FILE', 'The image is smaller than 80 x 80 px.');
  }
  // Last: no error can follow that would leave the image unreleased.
  return addon.wrapRgb(pixels.rgb, pixels.widthPx, pixels.heightPx);
}

/** Refuses a picture by its header, before anything is decoded. @throws AppError IMAGE_TOO_LARGE */
function refuseGiants({ widthPx, heightPx, heldBytes }: PictureClaims): void {
  if (Math.max(widthPx, heightPx) > MAX_CLAIMED_SIDE_PX) {
    throw clientError('IMAGE_TOO_LARGE', `The image has a side of more than ${MAX_CLAIMED_SIDE_PX} px.`);
  }
  if (widthPx * heightPx > MAX_PIXELS) throw clientError('IMAGE_TOO_LARGE', 'The image has more than 50 megapixels.');
  if (heldBytes > MAX_HELD_BYTES) {
    throw clientError(
      'IMAGE_TOO_LARGE',
      `The image is interlaced or progressive, and decoding it needs more than ${MAX_HELD_BYTES / 1e6} MB.`,
    );
  }
}

/** Decoded pixels: interleaved 8-bit RGB, widthPx * heightPx * 3 bytes. */
interface DecodedPixels {
  rgb: Uint8Array;
  widthPx: number;
  heightPx: number;
}

/** Decodes a JPEG that is not plain. Only damage counts: warnings of libjpeg about harmless oddities do not. */
async function decodeJpegBySharp(
  bytes: Uint8Array,
  hasSeveralScans: boolean,
  addon: Pick<Addon, 'isWholeJpeg'>,
): Promise<DecodedPixels> {
  if (hasSeveralScans) {
    // All scans are read before the first row of pixels, so that sharp itself sees each warning: only odd files are read again.
    return decodeBySharp(bytes, 'warning').catch((cause: unknown) => {
      if (!addon.isWholeJpeg(bytes)) throw cause;
      return decodeBySharp(bytes, 'none');
    });
  }
  // sharp misses warnings about the last rows. The addon reads the data on this thread while sharp decodes on another one: that takes
  // 0.5 ms for 640 x 480 and 19 ms for 12 megapixels, where sharp takes 4 ms and 140 ms (AMD EPYC, November 2026).
  const decoding = decodeBySharp(bytes, 'none');
  const isWhole = addon.isWholeJpeg(bytes);
  const pixels = await decoding;
  if (!isWhole) throw new Error('the data of the JPEG are damaged');
  return pixels;
}

/** Decodes in one pass over the bytes: reading the header first would cost a tenth more. */
async function decodeBySharp(bytes: Uint8Array, failOn: FailOnOptions): Promise<DecodedPixels> {
  const { data, info } = await sharp(bytes, { failOn, limitInputPixels: MAX_PIXELS, pages: 1 })
    .autoOrient()
    .resize({ width: MAX_SIDE_PX, height: MAX_SIDE_PX, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#808080' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`the picture has ${info.channels} channels after the conversion to sRGB`);
  return { rgb: data, widthPx: info.width, heightPx: info.height };
}

/** Returns true where the picture itself is large enough: a long and narrow one falls below the smallest side by scaling alone. */
async function isScaledDown(bytes: Uint8Array): Promise<boolean> {
  const { width, height } = await sharp(bytes, { failOn: 'none', limitInputPixels: MAX_PIXELS, pages: 1 }).metadata();
  return Math.min(width, height) >= MIN_SIDE_PX;
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function isPng(bytes: Uint8Array): boolean {
  return PNG_MAGIC.every((value, i) => bytes[i] === value);
}

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
