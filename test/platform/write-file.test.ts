// Files that are written whole or not at all.
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFile, replaceFile, writeNewFile } from '../../src/platform/write-file.js';
import { tempDir } from '../support/temp-dir.js';

async function* pieces(fail = false): AsyncGenerator<Uint8Array> {
  yield Buffer.from('first ');
  yield Buffer.from('second');
  if (fail) throw new Error('the stream failed');
}

describe.each([
  ['replaceFile', replaceFile],
  ['createFile', createFile],
  ['writeNewFile', writeNewFile],
] as const)('%s', (_name, write) => {
  test.each([
    ['text', 'first second'],
    ['bytes', Buffer.from('first second')],
    ['a stream', pieces()],
  ])('writes %s into a file of mode 0600, and leaves nothing else', async (_what, content) => {
    const folder = tempDir();
    const path = join(folder, 'file');
    await write(path, content);
    expect(await readFile(path, 'utf8')).toBe('first second');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['file']);
  });

  test('leaves nothing when the stream fails', async () => {
    const folder = tempDir();
    await expect(write(join(folder, 'file'), pieces(true))).rejects.toThrow('the stream failed');
    expect(await readdir(folder)).toEqual([]);
  });
});

test('replaceFile keeps the old file when the check refuses the new one', async () => {
  const folder = tempDir();
  const path = join(folder, 'file');
  await writeFile(path, 'old');
  const check = async (temporary: string): Promise<void> => {
    expect(await readFile(temporary, 'utf8')).toBe('new');
    throw new Error('refused');
  };
  await expect(replaceFile(path, 'new', { check })).rejects.toThrow('refused');
  expect(await readFile(path, 'utf8')).toBe('old');
  await replaceFile(path, 'new', { mode: 0o640 });
  expect(await readFile(path, 'utf8')).toBe('new');
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  expect(await readdir(folder)).toEqual(['file']);
});

test('createFile and writeNewFile never overwrite', async () => {
  const folder = tempDir();
  const path = join(folder, 'file');
  const results = await Promise.allSettled(['a', 'b', 'c'].map((text) => createFile(path, text)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const text = await readFile(path, 'utf8');
  await expect(createFile(path, 'd')).rejects.toMatchObject({ code: 'EEXIST', syscall: 'link' });
  await expect(writeNewFile(path, pieces())).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: `${path} cannot be written: the file exists already`,
  });
  expect(await readFile(path, 'utf8')).toBe(text);
  expect(await readdir(folder)).toEqual(['file']);
});

test('writeNewFile says why a file cannot be written', async () => {
  const path = join(tempDir(), 'none/file');
  await expect(writeNewFile(path, 'x')).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: `${path} cannot be written: ENOENT`,
  });
});

test('a folder in the place of the file is no loss', async () => {
  const folder = tempDir();
  await mkdir(join(folder, 'file'));
  await writeFile(join(folder, 'file/inside'), 'x');
  await expect(replaceFile(join(folder, 'file'), 'new')).rejects.toMatchObject({ syscall: 'rename' });
  expect(await readdir(folder)).toEqual(['file']);
  expect(await readdir(join(folder, 'file'))).toEqual(['inside']);
});
