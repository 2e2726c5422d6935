// Pictures in the body: strict base64, decoded once.
import { describe, expect, test } from 'vitest';
import { decodeBase64 } from '../../../src/api/core/base64.js';
import { ImageLoader, createOversizeImages } from '../../../src/api/core/image-input.js';
import type { AppError } from '../../../src/errors.js';

const MAX = 1_000;

function readCode(decode: () => unknown): string {
  try {
    decode();
    return 'accepted';
  } catch (error) {
    return (error as AppError).code;
  }
}

describe('base64', () => {
  test('of every length and byte is decoded, padded or not', () => {
    for (let length = 1; length <= 260; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 73 + length * 31) % 256));
      const padded = bytes.toString('base64');
      for (const text of [padded, padded.replace(/=+$/, '')]) {
        const decoded = decodeBase64(text, MAX);
        expect(decoded.equals(bytes)).toBe(true);
        // Nothing else is in the buffer: it may be given away to a worker.
        expect(decoded.buffer.byteLength).toBe(length);
      }
    }
  });

  test.each([
    ['', 'empty'],
    ['=', 'padding alone'],
    ['==', 'padding alone'],
    ['====', 'padding alone'],
    ['Q', 'a lone digit'],
    ['QUJDQ', 'a lone digit at the end'],
    ['QQ=', 'half a padding'],
    ['QUJD=', 'padding too much'],
    ['QUJD====', 'padding too much'],
    ['QUI=QUJD', 'padding in the middle'],
    ['QUJD=QUJD', 'padding in the middle'],
    ['QU=DQQ==', 'padding in the middle'],
    ['QUJD QUJD', 'a space'],
    ['QUJD\nQUJD', 'a line end'],
    ['QUJDQUJD\n', 'a line end at the end'],
    [' QUJDQUI', 'a space at the start'],
    ['QUJD\0UJD', 'a zero character'],
    ['QU-D', 'the URL alphabet'],
    ['QU_D', 'the URL alphabet'],
    ['\u0141UJD', 'a character whose low byte is a digit'],
    ['QUJDQUJ\u00c4', 'a Latin letter'],
    ['QUJ\ud83d\ude00', 'an emoji'],
    ['data:image/png;base64,QUJD', 'a data: prefix'],
    ['QU%2BD', 'percent-encoding'],
  ])('%j is refused: %s', (text) => {
    expect(readCode(() => decodeBase64(text, MAX))).toBe('INVALID_IMAGE_BYTES');
  });

  test.each([
    ['data:image/png;base64,QUJD', 'The field bytes begins with a data: prefix; send the base64 after it alone.'],
    ['DATA:;base64,QU-D', 'The field bytes begins with a data: prefix; send the base64 after it alone.'],
    ['https://example.com/a.jpg', 'The field bytes is a URL; send it in the field url.'],
    ['QU-D_UJD', 'The field bytes is base64 of the URL-safe alphabet (- and _); send the standard one (+ and /).'],
    [`${'A'.repeat(1_200)}_UJD`, 'The field bytes is base64 of the URL-safe alphabet'],
    ['QUJD\r\nQUI=\r\n', 'The field bytes is base64 with line breaks; send it in one line.'],
    [`${'QUJD'.repeat(19)}\nQUJD`, 'The field bytes is base64 with line breaks; send it in one line.'],
    ['*-*', 'The field bytes is not standard base64.'],
    ['QUJD QUJD', 'The field bytes is base64 with spaces; send it without them (a form turns each + into a space).'],
    ["b'QUJD'", "The field bytes begins with b', as Python writes bytes; send the base64 between the quotes alone."],
    ['"QUJD"', 'The field bytes has quotes around it; send the text between them alone.'],
    [
      '\u00ff\u00d8\u00ff\u00e0\0\u0010',
      'The field bytes holds the bytes of a file as characters; send them in base64.',
    ],
    ['\u0089PNG', 'The field bytes holds the bytes of a file as characters; send them in base64.'],
    ['\ufffd\ufffd\ufffd\ufffd', 'The field bytes holds the bytes of a file as characters; send them in base64.'],
    ['=FF=D8=FF=E0', 'The field bytes is quoted-printable; send base64.'],
    ['QU%2BD', 'The field bytes is percent-encoded; send the base64 as it is, without % and two digits.'],
    [
      '-----BEGIN CERTIFICATE-----',
      'The field bytes has a line before its base64; send the base64 alone, in one line.',
    ],
    ['file:///home/kim/a.jpg', 'The field bytes is the name of a file; send its content in base64.'],
    ['/home/kim/a.JPG', 'The field bytes is the name of a file; send its content in base64.'],
    ['C:\\kim\\a.png', 'The field bytes is the name of a file; send its content in base64.'],
    ['QUJD====', 'The field bytes is not standard base64.'],
  ])('%j is refused with a detail that says what it is', (text, detail) => {
    expect(() => decodeBase64(text, MAX)).toThrow(detail);
  });

  test('agrees with the grammar on every text of up to four characters of a mixed alphabet', () => {
    const alphabet = ['A', '/', '=', '-', '\u0141', ' '];
    const grammar = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
    let texts = [''];
    for (let length = 1; length <= 4; length++) {
      texts = texts.flatMap((text) => alphabet.map((character) => text + character));
      for (const text of [...texts, ...texts.map((tail) => `QUJD${tail}`)]) {
        const accepted = readCode(() => decodeBase64(text, MAX)) === 'accepted';
        if (accepted !== grammar.test(text)) expect.fail(`${JSON.stringify(text)} was accepted: ${accepted}`);
      }
    }
  });

  test('holds the limit to the byte, before it looks at the digits', () => {
    const just = Buffer.alloc(MAX).toString('base64');
    const over = Buffer.alloc(MAX + 1).toString('base64');
    expect(decodeBase64(just, MAX)).toHaveLength(MAX);
    expect(readCode(() => decodeBase64(over, MAX))).toBe('IMAGE_TOO_LARGE');
    expect(readCode(() => decodeBase64('*'.repeat(2 * MAX), MAX))).toBe('IMAGE_TOO_LARGE');
  });
});

describe('a loader', () => {
  const fetched: string[] = [];
  const files: Record<string, Uint8Array> = { full: Buffer.from('picture'), empty: new Uint8Array() };
  const fetcher = {
    fetch: async (url: string) => {
      fetched.push(url);
      return files[url] ?? new Uint8Array();
    },
  };
  const loader = new ImageLoader({ maxImageBytes: MAX, fetcher });

  test('fetches a url and decodes bytes', async () => {
    expect(Buffer.from(await loader.load({ url: 'full' })).toString()).toBe('picture');
    expect(Buffer.from(await loader.load({ bytes: 'QUJD' })).toString()).toBe('ABC');
    expect(fetched).toEqual(['full']);
  });

  test('refuses an empty file', async () => {
    await expect(loader.load({ url: 'empty' })).rejects.toMatchObject({ code: 'INVALID_IMAGE_FORMAT' });
  });

  test('of a body that was not read refuses every picture', async () => {
    await expect(createOversizeImages(MAX).load({ bytes: 'QUJD' })).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
      detail: 'The request is too long: a picture may have at most 1000 bytes.',
    });
  });
});
