// Stamps of files: they change with every kind of change.
import { renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFileStamp } from '../../src/platform/file-stamp.js';
import { tempDir } from '../support/temp-dir.js';

test('a stamp stays while the file does, and differs after every change', async () => {
  const path = join(tempDir(), 'file');
  const stamps: string[] = [];
  const take = async (): Promise<void> => {
    const stamp = await readFileStamp(path);
    expect(stamps).not.toContain(stamp);
    stamps.push(stamp);
  };
  await take();
  writeFileSync(path, 'one');
  await take();
  const { atime, mtime } = statSync(path);
  writeFileSync(path, 'two');
  utimesSync(path, atime, mtime);
  await take();
  writeFileSync(`${path}.new`, 'two');
  utimesSync(`${path}.new`, atime, mtime);
  renameSync(`${path}.new`, path);
  await take();
  rmSync(path);
  expect(await readFileStamp(path)).toBe(stamps[0]);
  expect(await readFileStamp(join(path, '..'))).not.toBe('ENOENT');
  writeFileSync(path, 'x');
  expect(await readFileStamp(join(path, 'below'))).toBe('ENOTDIR');
});
