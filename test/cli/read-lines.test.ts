// Lines of a stream: their ends, characters that are cut between two chunks, and lines that are too long.
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLines } from '../../src/cli/read-lines.js';

async function collect(chunks: readonly (string | Buffer)[], maxLength?: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(Readable.from(chunks) as AsyncIterable<Buffer | string>, maxLength))
    lines.push(line);
  return lines;
}

describe('the lines of a stream', () => {
  it.each<[string, (string | Buffer)[], string[]]>([
    ['end with LF or CRLF', ['a\nb\r\nc\n'], ['a', 'b', 'c']],
    ['may be cut anywhere', ['a', 'b\nc\r', '\nd'], ['ab', 'c', 'd']],
    ['may be empty', ['\n\na\n'], ['', '', 'a']],
    ['keep a character whose bytes come apart', [Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])], ['ä']],
    ['are none in an empty stream', [], []],
    ['may end in the middle of a character', [Buffer.from([0x61, 0xc3])], ['a\ufffd']],
  ])('%s', async (_words, chunks, lines) => {
    expect(await collect(chunks)).toEqual(lines);
  });

  it('are refused by their number when they are too long, in one chunk or in many', async () => {
    expect(await collect(['123\n123'], 3)).toEqual(['123', '123']);
    await expect(collect(['123\n1234\n'], 3)).rejects.toThrow('line 2 is longer than 3 characters');
    await expect(
      collect(
        Array.from({ length: 10 }, () => 'a'),
        3,
      ),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('ask no more of a stream without an end of line than the longest line', async () => {
    let given = 0;
    const endless = (async function* () {
      for (;;) {
        given += 1_000;
        yield 'x'.repeat(1_000);
      }
    })();
    await expect(async () => {
      for await (const line of readLines(endless, 5_000)) expect(line).toBe('');
    }).rejects.toThrow('line 1 is longer');
    expect(given).toBeLessThan(10_000);
  });
});
