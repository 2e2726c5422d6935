// Folders that only one user may change: what others could do to them is found, with the path, its mode, and the command that fixes it.
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findFolderFaults, findOpenParent } from '../../src/platform/trusted-folder.js';
import { tempDir } from '../support/temp-dir.js';

const isRoot = process.geteuid?.() === 0;
if (!isRoot) console.warn('skipped: a file of another user: only root can make one');

/** Makes a folder with a file and a folder in it, closed to others. */
function makeFolder(): string {
  const dir = tempDir();
  writeFileSync(join(dir, 'file'), '');
  mkdirSync(join(dir, 'below'));
  return dir;
}

describe('a folder', () => {
  it('has no fault when others can only read, when it does not exist, and when it is reached through a link', async () => {
    const dir = makeFolder();
    chmodSync(dir, 0o755);
    chmodSync(join(dir, 'file'), 0o644);
    const server = createServer().listen(join(dir, 'socket'));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    expect(await findFolderFaults(dir)).toEqual([]);
    expect(await findFolderFaults(join(dir, 'missing'))).toEqual([]);
    expect(await findFolderFaults(join(dir, 'file/missing'))).toEqual([]);
    const link = join(tempDir(), 'link');
    symlinkSync(dir, link);
    expect(await findFolderFaults(link)).toEqual([]);
  });

  it.each([
    ['', 0o770, '770', ' -R'],
    ['', 0o777, '777', ' -R'],
    ['', 0o1777, '1777', ' -R'],
    ['file', 0o620, '620', ''],
    ['file', 0o602, '602', ''],
    ['below', 0o770, '770', ' -R'],
  ])('is not safe when others can write to %j with mode %o', async (name, mode, digits, option) => {
    const dir = makeFolder();
    const path = join(dir, name);
    chmodSync(path, mode);
    expect(await findFolderFaults(dir)).toEqual([
      `other users can write to ${path} (mode ${digits}); forbid that with: chmod${option} go-w ${path}`,
    ]);
  });

  it.each(['file', 'missing'])('is not safe when an entry is a link, here to %s', async (target) => {
    const dir = makeFolder();
    symlinkSync(target, join(dir, 'link'));
    expect(await findFolderFaults(dir)).toEqual([`${dir}/link is a symbolic link; put what it points to in its place`]);
  });

  it.skipIf(!isRoot)(
    'is not safe when it, or an entry, belongs to another user than the own one and root',
    async () => {
      const dir = makeFolder();
      chownSync(join(dir, 'file'), 12_345, 0);
      const text = `${dir}/file belongs to another user (12345); change that with: chown 0 ${dir}/file`;
      expect(await findFolderFaults(dir)).toEqual([text]);
      expect(await findFolderFaults(dir, { userId: 12_345 })).toEqual([]);
      chownSync(dir, 12_346, 0);
      expect(await findFolderFaults(dir, { userId: 12_345 })).toEqual([
        `${dir} belongs to another user (12346); change that with: chown -R 12345 ${dir}`,
      ]);
    },
  );

  it('is not listed to its end when there are many faults', async () => {
    const dir = makeFolder();
    for (let n = 0; n < 50; n++) symlinkSync('x', join(dir, `link-${n}`));
    expect(await findFolderFaults(dir)).toHaveLength(5);
  });
});

describe('the folders above', () => {
  it('are searched for one in which anybody can rename; a sticky one, such as /tmp, is none', async () => {
    const dir = makeFolder();
    const path = join(dir, 'below/data');
    expect(await findOpenParent(path)).toBeUndefined();
    chmodSync(dir, 0o1777);
    expect(await findOpenParent(path)).toBeUndefined();
    chmodSync(dir, 0o777);
    expect(await findOpenParent(path)).toBe(dir);
    chmodSync(join(dir, 'below'), 0o757);
    expect(await findOpenParent(path)).toBe(join(dir, 'below'));
  });
});
