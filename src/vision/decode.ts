// The one door to sharp: bytes that somebody uploaded become an upright RGB picture, or a clear refusal.
import sharp from 'sharp';
import { clientError } from '../errors.js';

/** Interleaved 8-bit RGB, upright. */
export interface RgbPicture {
  data: Uint8Array;
  widthPx: number;
  heightPx: number;
}

export const MAX_PIXELS = 50_000_000;
export const MIN_SIDE_PX = 80;
export const MAX_SIDE_PX = 2048;

// One picture at a time in each worker; libvips keeps nothing between pictures.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Decodes PNG or JPEG, told by content. EXIF orientation is applied; alpha is laid over grey; a picture wider or higher than 2048 px
 * is scaled down, ratio kept.
 * @throws AppError INVALID_IMAGE_FORMAT, IMAGE_TOO_LARGE (more than 50 megapixels), INVALID_IMAGE_FILE (truncated, corrupt, too small)
 */
export async function decodePicture(bytes: Uint8Array): Promise<RgbPicture> {
  if (!isJpeg(bytes) && !isPng(bytes)) throw clientError('INVALID_IMAGE_FORMAT', 'the image is neither PNG nor JPEG');
  const input = sharp(bytes, { failOn: 'truncated', limitInputPixels: false, pages: 1 });
  const header = await input.metadata().catch((cause: unknown) => {
    throw clientError('INVALID_IMAGE_FILE', 'the image is truncated or corrupt', cause);
  });
  if (header.format !== 'jpeg' && header.format !== 'png') {
    throw clientError('INVALID_IMAGE_FORMAT', 'the image is neither PNG nor JPEG');
  }
  if (header.width * header.height > MAX_PIXELS) {
    throw clientError('IMAGE_TOO_LARGE', 'the image has more than 50 megapixels');
  }
  if (Math.min(header.width, header.height) < MIN_SIDE_PX) {
    throw clientError('INVALID_IMAGE_FILE', 'the image is smaller than 80 x 80 px');
  }
  if (Math.max(header.width, header.height) > MAX_SIDE_PX) {
    input.resize({ width: MAX_SIDE_PX, height: MAX_SIDE_PX, fit: 'inside' });
  }
  if (header.orientation !== undefined && header.orientation !== 1) input.autoOrient();
  if (header.hasAlpha) input.flatten({ background: '#808080' });
  try {
    const { data, info } = await input
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`${info.channels} channels after conversion to sRGB`);
    return { data, widthPx: info.width, heightPx: info.height };
  } catch (cause) {
    throw clientError('INVALID_IMAGE_FILE', 'the image is truncated or corrupt', cause);
  }
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes.length > 3 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function isPng(bytes: Uint8Array): boolean {
  return PNG_MAGIC.every((value, i) => bytes[i] === value);
}

const PNG_MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
