// The tables of an enrolment: what they may contain, and the line of each problem.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCsv, readTable } from '../../../src/cli/enrol/csv.js';
import { tempDir } from '../../support/temp-dir.js';

describe('a text of comma-separated fields', () => {
  it.each<[string, string, string[][]]>([
    [
      'LF',
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['no end of the last line', 'a,b', [['a', 'b']]],
    ['quotes', '"a,1","b ""x"""\r\n', [['a,1', 'b "x"']]],
    [
      'a line break in quotes',
      '"a\nb",c\nd,e',
      [
        ['a\nb', 'c'],
        ['d', 'e'],
      ],
    ],
    [
      'empty fields',
      ',\n"",x,\n',
      [
        ['', ''],
        ['', 'x', ''],
      ],
    ],
    ['empty lines', '\n\r\na,b\n\n', [['a', 'b']]],
    ['a byte order mark', '\ufeffa,b', [['a', 'b']]],
    ['blanks, which belong to their field', ' a , b', [[' a ', ' b']]],
    ['nothing', '', []],
  ])('is read with %s', (_what, text, expected) => {
    expect(parseCsv(text).map(({ fields }) => fields)).toEqual(expected);
  });

  it('counts lines across quoted line breaks', () => {
    expect(parseCsv('"a\nb",c\n\nd,e').map(({ line }) => line)).toEqual([1, 4]);
  });

  it.each([
    ['a,b\n"c,d\n', 'line 2: a quote is opened and never closed'],
    ['"a"b,c', 'line 1: a closing quote must be followed by'],
    ['a"b,c', 'line 1: a field that contains a quote'],
    ['x,y\na\rb,c', 'line 2: a carriage return must be followed by'],
  ])('is refused: %j', (text, message) => {
    expect(() => parseCsv(text)).toThrow(message);
  });
});

describe('a table', () => {
  function table(text: string | Buffer): string {
    const path = join(tempDir(), 'people.csv');
    writeFileSync(path, text);
    return path;
  }

  it.each(['path,externalImageId\na.jpg,alice\n', 'FILE,ExternalImageID\r\na.jpg,alice', 'a.jpg,alice'])(
    'has a header or none: %j',
    async (text) => {
      const rows = await readTable(table(text), ['path', 'file']);
      expect(rows.map(({ name, externalImageId }) => [name, externalImageId])).toEqual([['a.jpg', 'alice']]);
    },
  );

  it('is refused whole, each problem with its line', async () => {
    const path = table('a.jpg,alice\nb.jpg\nc.jpg,c c\n,dora\na.jpg,eve\nf.jpg,f,g\n');
    await expect(readTable(path, ['path'])).rejects.toMatchObject({
      code: 'INVALID_PARAM',
      message: [
        `the table ${path} is not valid:`,
        '  line 2: it must have two fields, path and externalImageId, but has 1',
        '  line 3: an externalImageId has 1 to 255 of these characters: letters, digits, _ . : -',
        '  line 4: the path is empty',
        '  line 5: the same path is in line 1',
        '  line 6: it must have two fields, path and externalImageId, but has 3',
      ].join('\n'),
    });
  });

  it('does not list more problems than a person reads', async () => {
    const path = table('x\n'.repeat(30));
    await expect(readTable(path, ['path'])).rejects.toThrow(/line 20: .*\n {2}and 10 more$/);
  });

  it.each<[string, string | Buffer, RegExp]>([
    ['without rows', 'path,externalImageId\n', /it has no rows/],
    ['that is not UTF-8', Buffer.from([0x61, 0xff, 0x2c, 0x62]), /cannot be read/],
    ['with a stray quote', 'a"b,c', /people\.csv: line 1: a field/],
  ])('%s is refused', async (_what, text, message) => {
    await expect(readTable(table(text), ['path'])).rejects.toThrow(message);
  });

  it('that is not there or is a folder is refused', async () => {
    const folder = tempDir();
    mkdirSync(join(folder, 'a.csv'));
    await expect(readTable(join(folder, 'a.csv'), ['path'])).rejects.toThrow('(EISDIR)');
    await expect(readTable(join(folder, 'b.csv'), ['path'])).rejects.toThrow('(ENOENT)');
  });
});
