// Files with a greatest length: what is longer is refused, and not read to its end.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFileAtMost, readFileAtMostSync } from '../../src/platform/read-file.js';
import { tempDir } from '../support/temp-dir.js';

describe.each([
  ['readFileAtMost', readFileAtMost],
  ['readFileAtMostSync', async (path: string, maxBytes: number) => readFileAtMostSync(path, maxBytes)],
])('%s', (_, read) => {
  it.each([0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])('reads a file of %i bytes that may be as long', async (length) => {
    const path = join(tempDir(), 'file');
    const content = Buffer.alloc(length, 'abc');
    writeFileSync(path, content);
    expect((await read(path, length)).equals(content)).toBe(true);
    expect((await read(path, length + 5)).equals(content)).toBe(true);
    if (length === 0) return;
    await expect(read(path, length - 1)).rejects.toMatchObject({
      code: 'EFBIG',
      message: `${path} is longer than ${(length - 1).toLocaleString('en')} bytes`,
    });
  });

  it('ends also in a file without an end', async () => {
    await expect(read('/dev/zero', 5_000_000)).rejects.toMatchObject({ code: 'EFBIG' });
  });

  it('has the error of the system where there is no file', async () => {
    await expect(read(join(tempDir(), 'none'), 1)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
