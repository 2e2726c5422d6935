// Decoding of photos in the formats of phones and scanners, HEIC among them. It runs in the decoder process alone.
import { detectFormat } from '../domain/file-format.js';
import { loadAddon, type HeifPicture } from '../native/addon.js';
import { PHOTO_FORMATS, type DecodedPixels } from './picture-decoder.js';
import { decodeBySharp } from './sharp-decoder.js';

const MAX_PIXELS = 50_000_000;

/**
 * Does the work of PhotoDecoder.decodePhoto. sharp reads all formats but HEIC, whose HEVC its libraries leave out; that takes the libheif of the
 * platform.
 * @throws Error
 */
export async function decodePhoto(bytes: Uint8Array): Promise<DecodedPixels> {
  const format = detectFormat(bytes);
  if (!format || !PHOTO_FORMATS.includes(format)) throw new Error('the file is no photo in a known format');
  if (format !== 'HEIC') return decodeBySharp(bytes, 'error');
  return decodeBySharp(wrapInTiff(loadAddon().decodeHeif(bytes, MAX_PIXELS)), 'error');
}

/** Types of the fields of a TIFF (TIFF 6.0, section 2). */
const SHORT = 3;
const LONG = 4;
const UNDEFINED = 7;

/**
 * Returns the pixels as an uncompressed TIFF: the only way to hand them to sharp together with their colour profile. Phones have a wider gamut
 * than sRGB, in which the skin would be pale.
 */
function wrapInTiff({ data, widthPx, heightPx, channels, profile }: HeifPicture): Buffer {
  const headerBytes = 8;
  const profileAt = headerBytes + data.length + (data.length % 2);
  const depthsAt = profileAt + (profile?.length ?? 0) + ((profile?.length ?? 0) % 2);
  const directoryAt = depthsAt + 2 * channels;
  const fields: [tag: number, type: number, count: number, value: number][] = [
    [256, LONG, 1, widthPx],
    [257, LONG, 1, heightPx],
    [258, SHORT, channels, depthsAt],
    [259, SHORT, 1, 1], // not compressed
    [262, SHORT, 1, 2], // RGB
    [273, LONG, 1, headerBytes],
    [277, SHORT, 1, channels],
    [278, LONG, 1, heightPx], // all rows in one strip
    [279, LONG, 1, data.length],
    ...(channels === 4 ? [[338, SHORT, 1, 2] satisfies [number, number, number, number]] : []), // alpha, not multiplied
    ...(profile ? [[34_675, UNDEFINED, profile.length, profileAt] satisfies [number, number, number, number]] : []),
  ];
  const file = Buffer.alloc(directoryAt + 2 + 12 * fields.length + 4);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(directoryAt, 4);
  file.set(data, headerBytes);
  if (profile) file.set(profile, profileAt);
  for (let channel = 0; channel < channels; channel++) file.writeUInt16LE(8, depthsAt + 2 * channel);
  file.writeUInt16LE(fields.length, directoryAt);
  fields.forEach(([tag, type, count, value], i) => {
    const at = directoryAt + 2 + 12 * i;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    // A short stands in the first two bytes of the value; the rest is 0.
    file.writeUInt32LE(value, at + 8);
  });
  return file;
}
