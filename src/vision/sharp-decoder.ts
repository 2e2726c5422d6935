// Decoding of any JPEG or PNG by sharp: upright, at most 2048 px a side, without transparency, in sRGB. The one file that uses sharp.
import sharp from 'sharp';
import { MAX_SIDE_PX, type DecodedPixels, type FailOn } from './picture-decoder.js';

const MAX_PIXELS = 50_000_000;

// One picture at a time; libvips keeps nothing between pictures.
sharp.cache(false);
sharp.concurrency(1);
// Formats beside those of pictures and photos, such as SVG, are never parsed, whatever a caller lets through.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Heif', 'Nsgif', 'Tiff'].map((format) => `VipsForeignLoad${format}`),
});

/**
 * Does the work of PictureDecoder.decode, on a thread of libuv's pool, in one pass over the bytes: reading the header first would cost a tenth
 * more. It cannot be interrupted.
 * @throws Error of sharp; its message contains `pixel limit` for a picture of more than 50 megapixels
 */
export async function decodeBySharp(bytes: Uint8Array, failOn: Exclude<FailOn, 'damage'>): Promise<DecodedPixels> {
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
