// The one door to sharp: bytes that somebody uploaded become an upright picture, or a clear refusal.
import sharp from 'sharp';
import { clientError, describeError } from '../errors.js';
import type { Addon, NativeImage } from '../native/addon.js';
import { jpegClaims, pngClaims } from './picture-claims.js';

export const MAX_PIXELS = 50_000_000;
export const MIN_SIDE_PX = 80;
export const MAX_SIDE_PX = 2048;
/** No JPEG has a longer side; a PNG of 600,000 x 80 px took sharp 450 MB to scale down. */
const MAX_CLAIMED_SIDE_PX = 65_535;
/** Of what a decoder holds at once: 50 megapixels of 8-bit RGB. Interlaced PNGs and progressive JPEGs can want several times that. */
const MAX_HELD_BYTES = 3 * MAX_PIXELS;

// One picture at a time in each worker; libvips keeps nothing between pictures.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Plain JPEGs, which is what terminals send, are decoded by the addon on this thread: sharp takes another thread to a picture, and
 * with cold caches, between two runs of the models, that costs 2.5 ms instead of 0.6 for 640 x 480 (AMD EPYC, November 2026). Whatever is
 * not plain and clean goes through sharp, which alone says what is refused and why.
 *
 * Decodes PNG or JPEG, told by content. EXIF orientation is applied; alpha is laid over grey; a picture wider or higher than 2048 px
 * is scaled down, ratio kept.
 * @throws AppError INVALID_IMAGE_FORMAT, IMAGE_TOO_LARGE (more than 50 megapixels, or too much memory to decode), INVALID_IMAGE_FILE (truncated, corrupt, too small)
 */
export async function decodePicture(
  bytes: Uint8Array,
  addon: Pick<Addon, 'decodeJpeg' | 'wrapRgb'>,
): Promise<NativeImage> {
  const plain = addon.decodeJpeg(bytes);
  if (plain) return plain;
  if (!isJpeg(bytes) && !isPng(bytes)) throw clientError('INVALID_IMAGE_FORMAT', 'the image is neither PNG nor JPEG');
  refuseGiants(bytes);
  const picture = await decode(bytes, addon).catch((cause: unknown) => {
    if (/pixel limit/i.test(describeError(cause))) {
      throw clientError('IMAGE_TOO_LARGE', 'the image has more than 50 megapixels', cause);
    }
    throw clientError('INVALID_IMAGE_FILE', 'the image is truncated or corrupt', cause);
  });
  if (Math.min(picture.widthPx, picture.heightPx) < MIN_SIDE_PX && !(await isScaledDown(bytes))) {
    throw clientError('INVALID_IMAGE_FILE', 'the image is smaller than 80 x 80 px');
  }
  return picture;
}

/** Before anything is decoded. @throws AppError IMAGE_TOO_LARGE */
function refuseGiants(bytes: Uint8Array): void {
  const claims = isPng(bytes) ? pngClaims(bytes) : jpegClaims(bytes);
  if (!claims) return;
  const { widthPx, heightPx, heldBytes } = claims;
  if (Math.max(widthPx, heightPx) > MAX_CLAIMED_SIDE_PX) {
    throw clientError('IMAGE_TOO_LARGE', `the image has a side of more than ${MAX_CLAIMED_SIDE_PX} px`);
  }
  if (widthPx * heightPx > MAX_PIXELS) throw clientError('IMAGE_TOO_LARGE', 'the image has more than 50 megapixels');
  if (heldBytes > MAX_HELD_BYTES) {
    throw clientError('IMAGE_TOO_LARGE', 'the image is interlaced or progressive, and too large for that');
  }
}

/** One pass over the bytes: a look at the header before it would cost a tenth more. */
async function decode(bytes: Uint8Array, addon: Pick<Addon, 'wrapRgb'>): Promise<NativeImage> {
  const { data, info } = await sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS, pages: 1 })
    .autoOrient()
    .resize({ width: MAX_SIDE_PX, height: MAX_SIDE_PX, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#808080' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${info.channels} channels after conversion to sRGB`);
  return addon.wrapRgb(data, info.width, info.height);
}

/** A long and narrow picture may be large enough, and only its scaled form is below the smallest side. */
async function isScaledDown(bytes: Uint8Array): Promise<boolean> {
  const { width, height } = await sharp(bytes, { limitInputPixels: MAX_PIXELS, pages: 1 }).metadata();
  return Math.min(width, height) >= MIN_SIDE_PX;
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function isPng(bytes: Uint8Array): boolean {
  return PNG_MAGIC.every((value, i) => bytes[i] === value);
}

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
