// The lock between processes: one holder at a time, others wait, and a dead holder blocks nobody.
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { withProcessLock } from '../../src/platform/process-lock.js';
import { startChild, withCode } from '../store/support.js';
import { tempDir } from '../support/temp-dir.js';

const childPath = fileURLToPath(new URL('hold-lock-child.ts', import.meta.url));

test('lets one caller in at a time, and all of them in the end', async () => {
  const path = join(tempDir(), 'file');
  let inside = 0;
  const seen: number[] = [];
  const work = async (n: number): Promise<number> => {
    expect(++inside).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
    seen.push(n);
    return n;
  };
  const results = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => withProcessLock(path, () => work(n))));
  expect(results).toEqual([1, 2, 3, 4, 5, 6]);
  expect(seen.sort()).toEqual(results);
});

test('is released when the work fails', async () => {
  const path = join(tempDir(), 'file');
  await expect(withProcessLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withProcessLock(path, () => Promise.resolve('yes'))).toBe('yes');
});

test('is held by another process until that is killed, and leaves no file', async () => {
  const folder = tempDir();
  const path = join(folder, 'file');
  const child = startChild(childPath, path);
  await child.line((line) => line === 'locked');
  const refused = withProcessLock(path, () => Promise.resolve(), { timeoutMs: 50 });
  await expect(refused).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
  const waiting = withProcessLock(path, () => Promise.resolve('mine'));
  child.kill();
  expect(await waiting).toBe('mine');
  expect(await readdir(folder)).toEqual([]);
});

test('is one lock for all paths to a file, and another one for another file', async () => {
  const folder = tempDir();
  await mkdir(join(folder, 'real'));
  await symlink(join(folder, 'real'), join(folder, 'other'));
  await withProcessLock(join(folder, 'real/a'), async () => {
    const same = withProcessLock(join(folder, 'other/a'), () => Promise.resolve(), { timeoutMs: 20 });
    await expect(same).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
    await withProcessLock(join(folder, 'real/b'), () => Promise.resolve());
  });
});
