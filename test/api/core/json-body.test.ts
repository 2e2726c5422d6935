// JSON bodies: what is cut out and decoded, what is bounded, and that both agree with the plain parser.
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../../src/api/core/base64.js';
import { LongBase64 } from '../../../src/api/core/image-input.js';
import { parseJsonObject, type JsonRules } from '../../../src/api/core/json-body.js';
import { RequestTurns } from '../../../src/api/core/turns.js';
import { AppError } from '../../../src/errors.js';
import { seedRandom } from '../../hostile/files.js';

const MAX = 3_000_000;
const RULES: JsonRules = {
  wanted: 'a JSON object',
  imageFields: ['image', 'targetImage'],
  maxFieldsBytes: 65_536,
  maxImageBytes: MAX,
};
const turns = new RequestTurns();

const parse = (text: string, rules: Partial<JsonRules> = {}) =>
  parseJsonObject(Buffer.from(text), { ...RULES, ...rules }, turns);

/** Returns the bytes, or the code and the detail of the refusal. */
function attempt(read: () => Uint8Array): unknown {
  try {
    return Buffer.from(read()).toString('hex');
  } catch (error) {
    return error instanceof AppError ? [error.code, error.detail] : error;
  }
}

async function readImage(written: string, field = 'image'): Promise<unknown> {
  let body: Record<string, unknown>;
  try {
    body = await parse(`{"${field}":{"bytes":"${written}"}}`);
  } catch (error) {
    return error instanceof AppError ? [error.code, error.detail] : error;
  }
  const { bytes } = body[field] as { bytes: unknown };
  if (!(bytes instanceof LongBase64)) throw new TypeError('the text was not cut out');
  return attempt(() => bytes.read());
}

function randomBase64(bytes: number, seed = bytes): string {
  const next = seedRandom(seed);
  return Buffer.from(Uint8Array.from({ length: bytes }, () => next() * 256)).toString('base64');
}

describe('a long picture', () => {
  const long = randomBase64(500_000);
  const cases: [string, string][] = [
    ['of whole groups', randomBase64(300_000)],
    ['with one padding', randomBase64(300_001)],
    ['with two paddings', randomBase64(300_002)],
    ['without its padding', randomBase64(300_002).replaceAll('=', '')],
    ['around the bounds of a step', randomBase64((262_144 / 4) * 3 * 2 + 1)],
    ['of the URL-safe alphabet', long.replaceAll('+', '-').replaceAll('/', '_')],
    ['with a wrong padding', `${long}=`],
    ['with padding in the middle', `${long.slice(0, 40_000)}=${long.slice(40_001)}`],
    ['with padding at the end of a piece', `${long.slice(0, 65_534)}==${long.slice(65_536)}`],
    ['with one digit too many', `${randomBase64(300_000)}A`],
    ['with a space', `${long.slice(0, 70_000)} ${long.slice(70_001)}`],
    ['with a letter that is not ASCII', `${long.slice(0, 70_000)}ł${long.slice(70_002)}`],
    ['with a data: prefix', `data:image/jpeg;base64,${long}`],
    ['of padding alone', '='.repeat(5_000)],
    ['that is too large', 'A'.repeat(4_000_004)],
    ['of stars', '*'.repeat(200_000)],
    ['in quoted-printable', '=FF=D8=FF=E0'.repeat(1_000)],
    ['that is percent-encoded', long.replaceAll('+', '%2B').replaceAll('/', '%2F')],
    ['as Python writes it', `b'${long}'`],
    ['of characters', `\u00ff\u00d8\u00ff${'\u00e0'.repeat(9_000)}`],
  ];

  it.each(cases)('%s is read like a short one', async (_name, text) => {
    const expected = attempt(() => decodeBase64(text, MAX));
    expect(await readImage(text)).toEqual(expected);
    expect(await readImage(text.replaceAll('/', '\\/'))).toEqual(expected);
  });

  it('in quotes is refused as such', async () => {
    const detail = 'The field bytes has quotes around it; send the text between them alone.';
    expect(await readImage(`\\"${long}\\"`)).toEqual(['INVALID_IMAGE_BYTES', detail]);
  });

  it('with line breaks is refused as such, and with bare control characters as JSON', async () => {
    const broken = randomBase64(100_000).replace(/.{76}/g, '$&\n');
    const detail = 'The field bytes is base64 with line breaks; send it in one line.';
    expect(await readImage(broken.replaceAll('\n', '\\n'))).toEqual(['INVALID_IMAGE_BYTES', detail]);
    expect(await readImage(broken)).toEqual(['INVALID_PARAM', 'The body is not valid JSON.']);
  });

  it.each(['\\x', '\\u12', '\\u12G4', '\\'])('that ends with %s is no JSON', async (end) => {
    const text = `{"image":{"bytes":"${long}${end}"}}`;
    await expect(parse(text)).rejects.toMatchObject({ code: 'INVALID_PARAM' });
  });

  it.each(['\\\\', '\\"', '\\u0041', '\\t'])('with the escape %s is not base64', async (escape) => {
    const text = long.slice(0, 300_000) + escape + long.slice(0, 100_000);
    expect(await readImage(text)).toEqual(['INVALID_IMAGE_BYTES', 'The field bytes is not standard base64.']);
  });

  it('stands in its place beside other fields, and so does a second one', async () => {
    const other = randomBase64(9_000);
    const body = await parse(
      `\uFEFF{"limit":3,"image":{"a":["x",{"y":"\\"}"}],"bytes" : "${long}","b":null},"targetImage":{"bytes":"${other}"},"z":{}}`,
    );
    const { image, targetImage, ...rest } = body as Record<string, { bytes: LongBase64 }>;
    expect(rest).toEqual({ limit: 3, z: {} });
    expect(image).toMatchObject({ a: ['x', { y: '"}' }], b: null });
    expect(Buffer.from(image!.bytes.read()).toString('base64')).toBe(long);
    expect(Buffer.from(targetImage!.bytes.read()).toString('base64')).toBe(other);
  });
});

describe('a body', () => {
  const depth = (n: number) => `{"a":${'['.repeat(n - 1)}${']'.repeat(n - 1)}}`;

  it.each<[string, string, string | undefined]>([
    ['nested as deep as may be', depth(16), undefined],
    ['nested deeper', depth(17), 'The body is nested deeper than 16 levels.'],
    ['of unclosed arrays', '['.repeat(60_000), 'The body is nested deeper than 16 levels.'],
    ['of many elements', `{"a":[${'0,'.repeat(1_997)}0]}`, undefined],
    ['of more elements', `{"a":[${'0,'.repeat(1_999)}0]}`, 'The body has more than 2000 fields and elements.'],
    [
      'of many fields',
      `{${Array.from({ length: 2_001 }, (_, i) => `"k${i}":0`).join()}}`,
      'The body has more than 2000',
    ],
    ['with a name twice', '{"a":1,"a":2}', 'The body has a field twice'],
    ['with a name twice, once escaped', '{"a":1,"\\u0061":2}', 'The body has a field twice'],
    ['with a name in two objects', '{"a":{"a":1},"b":[{"a":1},{"a":2}]}', undefined],
    ['with __proto__ inside', '{"a":{"__proto__":{}}}', 'The body has a field __proto__'],
    ['with __proto__ as a value', '{"a":"__proto__"}', undefined],
    ['with a long name', `{"${'k'.repeat(257)}":1}`, 'longer than 256 bytes'],
    ['with a long text', `{"a":"${'x'.repeat(65_000)}"}`, undefined],
    ['with a longer text', `{"a":"${'x'.repeat(65_536)}"}`, 'longer than 65536 bytes'],
    ['of white space', `{${' '.repeat(70_000)}}`, 'longer than 65536 bytes'],
    ['with a long picture in a list', `{"image":[{"bytes":"${'A'.repeat(70_000)}"}]}`, 'longer than 65536 bytes'],
    ['with a long picture elsewhere', `{"other":{"bytes":"${'A'.repeat(70_000)}"}}`, 'longer than 65536 bytes'],
    [
      'with a list of bytes',
      `{"image":{"bytes":[${'255,'.repeat(3_000)}0]}}`,
      'image.bytes is a list of numbers; it must',
    ],
    [
      'with a Buffer',
      '{"image":{"bytes":{"type":"Buffer","data":[255]}}}',
      'image.bytes is an object; it must be a string',
    ],
    [
      'with a picture in place of its object',
      `{"image":"${'A'.repeat(70_000)}"}`,
      'The field image is a string; it must be',
    ],
    ['with a data: URL', `{"image":{"url":"data:image/png;base64,${'A'.repeat(5_000)}"}}`, 'image.url is a data: URL'],
    ['with a long URL', `{"image":{"url":"https://x/${'A'.repeat(5_000)}"}}`, undefined],
    ['that a name does not end', '{"a', 'not valid JSON'],
    ['of closing brackets', ']}]}', 'not valid JSON'],
    ['with something behind it', '{}{}', 'not valid JSON'],
  ])('%s', async (_name, text, refusal) => {
    const parsed = parse(text);
    if (refusal === undefined) expect(await parsed).toEqual(JSON.parse(text));
    else
      await expect(parsed).rejects.toMatchObject({
        code: 'INVALID_PARAM',
        detail: expect.stringContaining(refusal) as string,
      });
  });

  it('is what JSON.parse makes of it, whatever its bytes are', async () => {
    const next = seedRandom(12);
    const alphabet = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '"bytes"',
      '"image"',
      '\\',
      '\\"',
      '1',
      'null',
      ' ',
      'é',
    ];
    let valid = 0;
    for (let i = 0; i < 20_000; i++) {
      const inner = Array.from({ length: 1 + next() * 9 }, () => alphabet[Math.floor(next() * alphabet.length)]).join(
        '',
      );
      const text = next() < 0.5 ? `{"a":${inner}}` : `{${inner}}`;
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        expected = undefined;
      }
      const found = await parse(text).catch((error: unknown) => error);
      if (expected === undefined) expect(found, text).toMatchObject({ code: 'INVALID_PARAM' });
      else if (!(found instanceof AppError)) expect(found, text).toEqual(expected);
      // Where the plain parser accepts a text, only a field twice is refused.
      else expect(found.detail, text).toContain('a field twice');
      if (expected !== undefined) valid++;
    }
    expect(valid).toBeGreaterThan(500);
  });
});
