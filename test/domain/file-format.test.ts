// Formats of files by their first bytes.
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { describeFormat, detectFormat, type FileFormat } from '../../src/domain/file-format.js';

const picture = sharp({ create: { width: 90, height: 80, channels: 3, background: '#a83' } });
const text = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');
const media = (...brands: string[]): Buffer => {
  const box = text(`\0\0\0\0ftyp${brands[0]}\0\0\0\0${brands.join('')}`);
  box.writeUInt32BE(box.length);
  return Buffer.concat([box, text('\0\0\0\x08mdat')]);
};

describe('detectFormat', () => {
  it.each(['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const)('tells a real file: %s', async (format) => {
    const bytes = await picture.clone().toFormat(format).toBuffer();
    expect(detectFormat(bytes)).toBe(format === 'webp' ? 'WebP' : format.toUpperCase());
  });

  it.each<[FileFormat | undefined, Buffer]>([
    ['HEIC', media('heic', 'mif1')],
    ['HEIC', media('mif1', 'heic', 'hevc')],
    ['HEIC', media('msf1')],
    ['AVIF', media('mif1', 'avif', 'miaf')],
    ['video', media('qt  ')],
    ['video', media('isom', 'mp42')],
    ['video', text('\x1aE\xdf\xa3\x01')],
    ['BMP', text('BM\x36\x10\0\0\0\0\0\0\x36\0')],
    ['TIFF', text('MM\0*\0\0\0\x08')],
    ['JPEG XL', text('\xff\x0a\xfa')],
    ['JPEG 2000', text('\0\0\0\x0cjP  \r\n\x87\n')],
    ['PSD', text('8BPS\0\x01')],
    ['PDF', text('%PDF-1.4')],
    ['SVG', text('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">')],
    ['HTML', text(' \n<!doctype HTML>')],
    ['XML', text('<?xml version="1.0"?><error/>')],
    ['JSON', text('{ "error": 1 }')],
    ['gzip', gzipSync('x')],
    ['ZIP', text('PK\x03\x04')],
    ['base64', text('/9j/4AAQ')],
    ['base64', text('iVBORw0KGgoAAAA')],
    ['data URL', text('data:image/jpeg;base64,/9j/')],
    ['hexadecimal', text('FFD8FFE0')],
    ['hexadecimal', Buffer.from('ffd8ffe000104a464946', 'base64')],
    ['hexadecimal', Buffer.from('0x89504E470D0A1A0A00', 'base64')],
    [undefined, text('')],
    [undefined, text('hello')],
    [undefined, text('BM it is a text')],
    [undefined, Buffer.alloc(300)],
  ])('%s', (format, bytes) => {
    expect(detectFormat(bytes)).toBe(format);
    if (format) expect(describeFormat(format)).toMatch(/^(an? )?\S/);
  });

  it('looks at the bytes of a view alone', () => {
    const bytes = Buffer.concat([text('xxxx'), makePngSignature(), text('yyyy')]);
    expect(detectFormat(bytes.subarray(4, 12))).toBe('PNG');
    expect(detectFormat(bytes.subarray(4, 11))).toBeUndefined();
  });
});

function makePngSignature(): Buffer {
  return text('\x89PNG\r\n\x1a\n');
}
