// The pictures that the addon finds in the body of an MJPEG stream, in all styles and split over reads at every position.
import { describe, expect, it } from 'vitest';
import { join, makeBody, MJPEG_STYLES } from './mjpeg-styles.js';
import { addon, noise, wrap } from './pictures.js';

const PART = '--frame\r\nContent-Type: image/jpeg\r\n\r\n';
const MIXED = 'multipart/x-mixed-replace; boundary=frame';

const jpegs = [40, 60, 90].map((quality) => addon.encodeJpeg(wrap(noise(24, 16)), quality));
const [first, second, third] = jpegs as [Buffer, Buffer, Buffer];

/** Cuts bytes into pieces of a length. */
function cut(bytes: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  );
}

/** Names the pictures that are found: the number of the JPEG, or its length for any other bytes. */
function name(parts: { jpeg: Buffer }[]): (number | string)[] {
  return parts.map(({ jpeg }) => {
    const number = jpegs.findIndex((one) => one.equals(jpeg));
    return number >= 0 ? number : `${jpeg.length} bytes`;
  });
}

/** Splits a body that comes in one piece and in single bytes, which must give the same. */
function split(type: string, ...pieces: (string | Buffer)[]): (number | string)[] {
  const body = join(...pieces);
  const found = name(addon.splitParts(type, [body]));
  expect(name(addon.splitParts(type, cut(body, 1)))).toEqual(found);
  return found;
}

describe('every style of parts gives its pictures', () => {
  it.each(MJPEG_STYLES.map((style) => [style.name, style] as const))('%s', (_, style) => {
    const body = makeBody(style, jpegs);
    for (const length of [body.length, 1, 2, 3, 7, 64, 1_000]) {
      expect(name(addon.splitParts(style.type, cut(body, length)))).toEqual([0, 1, 2]);
    }
    for (let at = 1; at < body.length; at++) {
      const parts = addon.splitParts(style.type, [body.subarray(0, at), body.subarray(at)]);
      if (parts.length !== 3) expect([at, name(parts)]).toEqual([at, [0, 1, 2]]);
    }
  });

  it('as soon as the end of the picture was read, without the beginning of the next part', () => {
    for (const { name: style, type, preamble = '', part } of MJPEG_STYLES) {
      const body = join(preamble, part(first, 0));
      const end = body.indexOf(first) + first.length;
      const parts = addon.splitParts(type, [body.subarray(0, end)]);
      expect([style, name(parts)]).toEqual([style, [0]]);
    }
  });
});

describe('the end of a picture', () => {
  it('is not the end of the thumbnail in its Exif data', () => {
    const segment = join(
      '\xff\xe1',
      Buffer.from([(first.length + 8) >> 8, (first.length + 8) & 255]),
      'Exif\0\0',
      first,
    );
    const jpeg = join(second.subarray(0, 2), segment, second.subarray(2));
    expect(split(MIXED, PART, jpeg, '\r\n', PART, third)).toEqual([`${jpeg.length} bytes`, 2]);
    expect(split('', jpeg, third)).toEqual([`${jpeg.length} bytes`, 2]);
  });

  it('is found without a boundary and a length where scans and restart markers follow each other', () => {
    const scans = join(
      '\xff\xd8\xff\xda\0\x02ab\xff\xd0cd\xff\0\xff\xd7\xff\xff\xc4\0\x04\xff\xd9\xff\xda\0\x02ef\xff\xd9',
    );
    expect(split('', scans, first)).toEqual([`${scans.length} bytes`, 0]);
  });

  it.each([
    ['a boundary', '\r\n'],
    ['a boundary without a line end before it', ''],
  ])('that was cut short is %s', (_, end) => {
    for (const length of [3, 20, 200, first.length - 30, first.length - 2]) {
      const half = first.subarray(0, length);
      const found = split(MIXED, PART, half, end, PART, second, '\r\n', PART, third);
      expect(found).toEqual([`${length + end.length} bytes`, 1, 2]);
    }
  });

  it('that was cut short is the next picture where there is no boundary', () => {
    expect(split('', first.subarray(0, -9), second, third)).toEqual([`${first.length - 9} bytes`, 1, 2]);
  });

  it('without the marker EOI is the length of the part, without waiting for the next one', () => {
    const bare = first.subarray(0, -2);
    const header = `--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${bare.length}\r\n\r\n`;
    const parts = addon.splitParts(MIXED, [join(header, bare, '\r\n')]);
    expect(parts.map(({ jpeg }) => jpeg.length)).toEqual([bare.length]);
    expect(split(MIXED, header, bare, '\r\n', PART, second)).toEqual([`${bare.length} bytes`, 1]);
  });
});

describe('time stamps', () => {
  it.each([
    ['1700000000.25', 1_700_000_000_250],
    ['12.000345', 12_000.345],
    ['1700000000250', 1_700_000_000_250],
    ['1700000000250000', 1_700_000_000_250],
    ['-1', undefined],
    ['0', undefined],
    ['yesterday', undefined],
    ['1e400', undefined],
    ['12:30', undefined],
  ])('%s', (value, expected) => {
    const body = join(`--frame\r\nX-Timestamp: ${value}\r\n\r\n`, first, '\r\n', PART, second);
    expect(addon.splitParts(MIXED, [body]).map(({ timestampMs }) => timestampMs)).toEqual([expected, undefined]);
  });
});

describe('hostile bodies', () => {
  it.each<[string, Buffer]>([
    ['an endless header', Buffer.concat([Buffer.from('--frame\r\n'), Buffer.alloc(3 << 20, 'a')])],
    ['endless headers', Buffer.from(`--frame\r\n${'X-A: b\r\n'.repeat(200_000)}`)],
    ['an endless boundary', Buffer.alloc(1 << 20, '-')],
    ['boundaries alone', Buffer.from('--frame\r\n'.repeat(100_000))],
    ['an endless text', Buffer.from('--a b\n'.repeat(200_000))],
    ['beginnings of nothing', Buffer.alloc(1 << 20, 0xff)],
  ])('%s: gives no picture', (_, body) => {
    expect(addon.splitParts(MIXED, cut(body, 4_096))).toEqual([]);
  });

  it('beginnings of pictures are as many damaged pictures, without memory for each', () => {
    const body = Buffer.from('ffd8ff'.repeat(100_000), 'hex');
    expect(addon.splitParts('', cut(body, 5_000)).length).toBeLessThan(100_001);
  });

  it('a picture that never ends is refused at 16 MiB', () => {
    const chunk = Buffer.alloc(1 << 20, 0x55);
    const start = join(PART, first.subarray(0, -2));
    expect(() => addon.splitParts(MIXED, [start, ...new Array<Buffer>(17).fill(chunk)])).toThrow(
      new RangeError('a picture is larger than 16 MiB'),
    );
    expect(() => addon.splitParts(MIXED, [start, ...new Array<Buffer>(15).fill(chunk)])).not.toThrow();
  });

  it('arguments of the wrong type are refused', () => {
    const untyped = addon as unknown as { splitParts: (...args: unknown[]) => unknown };
    expect(() => untyped.splitParts(1, [])).toThrow(TypeError);
    expect(() => untyped.splitParts('', first)).toThrow(TypeError);
    expect(() => untyped.splitParts('', ['text'])).toThrow(TypeError);
  });
});
