// multipart/form-data: the forms of real clients are read, ambiguous and broken ones are refused.
import { describe, expect, test } from 'vitest';
import { FilePart, isMultipart, parseMultipart, type FormFields } from '../../../src/api/core/multipart.js';

const TYPE = 'multipart/form-data; boundary=XX';

/** Lines of latin1 with CRLF between them: bytes can be written as they are. */
function parse(lines: readonly string[], type = TYPE): FormFields {
  return parseMultipart(Buffer.from(lines.join('\r\n'), 'latin1'), type);
}

function field(name: string, value: string, ...headers: string[]): string[] {
  return ['--XX', `Content-Disposition: form-data; name="${name}"`, ...headers, '', value];
}

function readFile(value: string | FilePart | undefined): Buffer {
  if (!(value instanceof FilePart)) throw new TypeError('not a file');
  return Buffer.from(value.file);
}

test.each([
  ['multipart/form-data; boundary=x', true],
  ['Multipart/Form-Data;boundary=x', true],
  ['multipart/form-data', true],
  ['multipart/form-data-x', false],
  ['multipart/mixed; boundary=x', false],
  ['application/json', false],
  ['', false],
  [undefined, false],
])('whether %j is a form', (type, is) => {
  expect(isMultipart(type)).toBe(is);
});

describe('what is read', () => {
  test('the form of the platform, byte for byte, in a buffer of its own', async () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7) % 256));
    const tricky = Buffer.concat([bytes, Buffer.from('\r\n--\r\n--X\r\n\r\n--XX'), bytes, Buffer.from('\r\n')]);
    const form = new FormData();
    form.set('imageFile', new Blob([tricky]), 'front "door" ä\\.jpg');
    form.set('externalImageId', 'ä-日本');
    form.set('empty', '');
    const response = new Response(form);
    const body = Buffer.from(await response.arrayBuffer());
    const fields = parseMultipart(body, response.headers.get('content-type') ?? '');
    expect(Object.keys(fields)).toEqual(['imageFile', 'externalImageId', 'empty']);
    expect(readFile(fields.imageFile).equals(tricky)).toBe(true);
    const { file } = fields.imageFile as FilePart;
    expect(file.buffer.byteLength).toBe(tricky.length);
    expect(fields).toMatchObject({ externalImageId: 'ä-日本', empty: '' });
  });

  test('what stands before the first and after the last boundary does not count', () => {
    expect({ ...parse(['a preamble', ...field('a', '1'), '--XX--', 'and an epilogue', '--XX']) }).toEqual({ a: '1' });
  });

  test('a form without parts', () => {
    expect({ ...parse(['--XX--']) }).toEqual({});
  });

  test.each<[string, string[], string]>([
    ['a token as name', ['--XX', 'Content-Disposition: form-data; name=a', '', '1', '--XX--'], '1'],
    ['names of headers in any case', ['--XX', 'CONTENT-disposition:Form-Data;NAME="a"', '', '1', '--XX--'], '1'],
    ['a type of text', [...field('a', '1', 'Content-Type: text/plain; charset=UTF-8'), '--XX--'], '1'],
    [
      'a transfer encoding that changes nothing',
      [...field('a', '1', 'Content-Transfer-Encoding: 8bit'), '--XX--'],
      '1',
    ],
    ['white space behind a boundary', ['--XX \t', ...field('a', '1').slice(1), '--XX--'], '1'],
    ['line ends within a text', [...field('a', '1\r\n\r\n2\n'), '--XX--'], '1\r\n\r\n2\n'],
  ])('%s', (_name, lines, value) => {
    expect({ ...parse(lines) }).toEqual({ a: value });
  });

  test.each([
    ['a file name', field('a', '\xff\xd8', 'X: y').with(1, 'Content-Disposition: form-data; name="a"; filename="f"')],
    [
      'an extended file name',
      field('a', '\xff\xd8').with(1, "Content-Disposition: form-data; name=a; filename*=UTF-8''f"),
    ],
    ['a type that is not text', field('a', '\xff\xd8', 'Content-Type: image/jpeg')],
  ])('a file is told by %s', (_name, lines) => {
    expect(readFile(parse([...lines, '--XX--']).a)).toEqual(Buffer.from([0xff, 0xd8]));
  });

  test.each(['a b', "'()+_,-./:=?", 'x'.repeat(70)])('the boundary %j', (boundary) => {
    const lines = [`--${boundary}`, 'Content-Disposition: form-data; name="a"', '', '1', `--${boundary}--`];
    expect({ ...parse(lines, `multipart/form-data; charset=utf-8; boundary="${boundary}"`) }).toEqual({ a: '1' });
  });

  test('names that mean something to JavaScript are names like others', () => {
    const fields = parse([...field('__proto__', 'x'), ...field('constructor', 'y'), '--XX--']);
    expect(Object.entries(fields)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });
});

describe('what is refused', () => {
  const one = field('a', '1');
  test.each<[string, string[], string?]>([
    ['an empty body', ['']],
    ['a long text', [...field('a', 'x'.repeat(65_537)), '--XX--']],
    ['a body without its boundary', ['no boundary in here']],
    ['a boundary in the middle of a line', ['x--XX--']],
    ['no last boundary', one],
    ['a last boundary cut short', [...one, '--XX-']],
    ['a longer boundary', ['--XXY', ...one.slice(1), '--XX--']],
    ['line ends without CR', [`--XX\n${one.slice(1).join('\n')}\n--XX--`]],
    ['a part without headers', ['--XX', '', '1', '--XX--']],
    ['a part without anything', ['--XX', '--XX--']],
    ['headers without end', ['--XX', 'Content-Disposition: form-data; name="a"', '--XX--']],
    ['headers longer than 4096 bytes', [...field('a', '1', `X: ${'y'.repeat(4096)}`), '--XX--']],
    ['a header that is none', [...field('a', '1', 'nothing'), '--XX--']],
    ['a header twice', [...field('a', '1', 'X: 1', 'x: 2'), '--XX--']],
    ['no disposition', ['--XX', 'Content-Type: text/plain', '', '1', '--XX--']],
    ['another disposition', ['--XX', 'Content-Disposition: attachment; name="a"', '', '1', '--XX--']],
    ['no name', ['--XX', 'Content-Disposition: form-data; filename="a"', '', '1', '--XX--']],
    ['two names', ['--XX', 'Content-Disposition: form-data; name="a"; name="b"', '', '1', '--XX--']],
    ['a quote that is not closed', ['--XX', 'Content-Disposition: form-data; name="a', '', '1', '--XX--']],
    ['something behind a quote', ['--XX', 'Content-Disposition: form-data; name="a"b', '', '1', '--XX--']],
    ['a field twice', [...one, ...one, '--XX--']],
    ['a transfer encoding', [...field('a', 'MQ==', 'Content-Transfer-Encoding: base64'), '--XX--']],
    ['a text that is not UTF-8', [...field('a', '\xff'), '--XX--']],
    ['33 parts', [...Array.from({ length: 33 }, (_, i) => field(`f${i}`, '1')).flat(), '--XX--']],
    ['no boundary', [...one, '--XX--'], 'multipart/form-data'],
    ['an empty boundary', [...one, '--XX--'], 'multipart/form-data; boundary=""'],
    ['a boundary of 71', [...one, '--XX--'], `multipart/form-data; boundary=${'x'.repeat(71)}`],
    ['a boundary with a line end', [...one, '--XX--'], 'multipart/form-data; boundary="X\r\nX"'],
    ['two boundaries', [...one, '--XX--'], 'multipart/form-data; boundary=XX; boundary=YY'],
  ])('%s', (_name, lines, type) => {
    expect(() => parse(lines, type)).toThrow(expect.objectContaining({ code: 'INVALID_PARAM' }) as Error);
  });

  test('a text of 65,536 bytes is not too long', () => {
    expect(parse([...field('a', 'x'.repeat(65_536)), '--XX--'])).toHaveProperty('a');
  });

  test('32 parts are not too many', () => {
    const lines = Array.from({ length: 32 }, (_, i) => field(`f${i}`, '1')).flat();
    expect(Object.keys(parse([...lines, '--XX--']))).toHaveLength(32);
  });
});

test('every cut and every changed byte of a form is read or refused, and nothing else', () => {
  const whole = Buffer.from([...field('a', '1'), ...field('b', '2', 'Content-Type: image/png'), '--XX--'].join('\r\n'));
  const outcomes = new Set<string>();
  const read = (body: Buffer) => {
    try {
      parseMultipart(body, TYPE);
      outcomes.add('read');
    } catch (error) {
      outcomes.add((error as { code: string }).code);
    }
  };
  for (let i = 0; i <= whole.length; i++) {
    read(whole.subarray(0, i));
    for (const byte of [0, 0x0d, 0x22, 0x2d, 0x3b, 0xff]) {
      const changed = Buffer.from(whole);
      changed[Math.min(i, whole.length - 1)] = byte;
      read(changed);
    }
  }
  expect([...outcomes].sort()).toEqual(['INVALID_PARAM', 'read']);
});
