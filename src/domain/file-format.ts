// Formats of files, told by their first bytes: those that pictures have, and those that people send in place of pictures.

/** Names of the formats that Lintel can tell apart, as a person knows them. */
export type FileFormat =
  | 'JPEG'
  | 'PNG'
  | 'WebP'
  | 'AVIF'
  | 'HEIC'
  | 'GIF'
  | 'TIFF'
  | 'BMP'
  | 'JPEG XL'
  | 'JPEG 2000'
  | 'ICO'
  | 'PSD'
  | 'SVG'
  | 'PDF'
  | 'video'
  | 'HTML'
  | 'XML'
  | 'JSON'
  | 'gzip'
  | 'ZIP'
  | 'base64'
  | 'data URL'
  | 'hexadecimal';

/** Number of bytes that are enough to tell any format. */
export const FORMAT_BYTES = 256;

const NAMES: Readonly<Partial<Record<FileFormat, string>>> = {
  AVIF: 'an AVIF picture',
  HEIC: 'a HEIC picture',
  ICO: 'an icon (ICO)',
  PSD: 'a Photoshop file',
  SVG: 'an SVG drawing',
  PDF: 'a PDF document',
  video: 'a video',
  HTML: 'an HTML page',
  XML: 'an XML document',
  JSON: 'JSON',
  gzip: 'gzip data',
  ZIP: 'a ZIP archive',
  base64: 'text in base64, encoded once too often',
  'data URL': 'a data: URL',
  hexadecimal: 'hexadecimal text',
};

/** Returns a format with its article, such as `a WebP picture`. */
export function describeFormat(format: FileFormat): string {
  return NAMES[format] ?? `a ${format} picture`;
}

/** A JPEG or PNG in hexadecimal digits, and the bytes that are enough to tell it where they were read as base64. */
const HEXADECIMAL = /^(0x)?(ffd8ff|89504e47)/i;
const HEXADECIMAL_BYTES = 9;

/** Beginnings of files as Latin-1. The first that fits counts. */
const BEGINNINGS: readonly [RegExp, FileFormat][] = [
  [/^\xff\xd8\xff/, 'JPEG'],
  [/^\x89PNG\r\n\x1a\n/, 'PNG'],
  [/^RIFF[^]{4}WEBP/, 'WebP'],
  [/^RIFF[^]{4}AVI /, 'video'],
  [/^GIF8[79]a/, 'GIF'],
  [/^(II[*+]\0|MM\0[*+])/, 'TIFF'],
  [/^BM[^]{4}\0{4}/, 'BMP'],
  [/^(\xff\x0a|\0{3}\x0cJXL )/, 'JPEG XL'],
  [/^(\xff\x4f\xff\x51|\0{3}\x0cjP {2})/, 'JPEG 2000'],
  [/^\0\0\x01\0[\x01-\x40]\0/, 'ICO'],
  [/^8BPS/, 'PSD'],
  [/^%PDF-/, 'PDF'],
  [/^\x1a\x45\xdf\xa3/, 'video'],
  [/^\x1f\x8b/, 'gzip'],
  [/^PK\x03\x04/, 'ZIP'],
  [/^(\xef\xbb\xbf)?\s*(<!doctype html|<html)/i, 'HTML'],
  [/^(\xef\xbb\xbf)?\s*(<\?xml[^]*)?<svg/i, 'SVG'],
  [/^(\xef\xbb\xbf)?\s*<\?xml/i, 'XML'],
  [/^(\xef\xbb\xbf)?\s*[[{]\s*["[{\]}]/, 'JSON'],
  [/^\s*"?data:[\w/+.-]*[;,]/i, 'data URL'],
  [/^\s*"?(\/9j\/|iVBORw0KGgo)/, 'base64'],
  [HEXADECIMAL, 'hexadecimal'],
];

/** The brands of ISO media files (ftyp) that hold a picture; any other one is a video. */
const HEIC_BRANDS = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1', 'mif2'];
const AVIF_BRANDS = ['avif', 'avis'];

/**
 * Tells the format of a file by its content; its name is not looked at. A file that begins like a format may still be damaged.
 * @param bytes the file, or its first FORMAT_BYTES
 * @returns undefined for an unknown format
 */
export function detectFormat(bytes: Uint8Array): FileFormat | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, FORMAT_BYTES)).toString('latin1');
  if (start.slice(4, 8) === 'ftyp') return detectMediaBrand(start);
  const format = BEGINNINGS.find(([pattern]) => pattern.test(start))?.[1];
  if (format) return format;
  // Hexadecimal digits are digits of base64 as well: who sends them in its place is understood, and gets these bytes.
  const asSent = Buffer.from(start, 'latin1').toString('base64', 0, HEXADECIMAL_BYTES);
  return HEXADECIMAL.test(asSent) ? 'hexadecimal' : undefined;
}

/** @param start beginning of a file whose first box is `ftyp`: its length, its type, the major brand, a version, other brands */
function detectMediaBrand(start: string): FileFormat {
  const end = Math.min(start.length, Buffer.from(start.slice(0, 4), 'latin1').readUInt32BE());
  const brands = [start.slice(8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(start.slice(at, at + 4));
  if (brands.some((brand) => AVIF_BRANDS.includes(brand))) return 'AVIF';
  return brands.some((brand) => HEIC_BRANDS.includes(brand)) ? 'HEIC' : 'video';
}
