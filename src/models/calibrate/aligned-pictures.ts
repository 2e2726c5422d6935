// Sets of aligned faces whose file names say whom they show: a tar archive or a folder of files such as `Person_Name_0001.jpg`.
import { open, readFile, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '../../errors.js';

export interface LabelledPicture {
  person: string;
  /** File name without folder and extension. */
  name: string;
  /** JPEG or PNG. */
  bytes: Uint8Array;
}

const NAMED = /^(.+)_\d+$/;
const PICTURE = /\.(jpe?g|png)$/i;
const BLOCK = 512;

/**
 * Reads the pictures of a set. Files of other kinds are skipped.
 * @param path a folder, whose pictures are read in the order of their names, or an uncompressed tar archive, which is read in its own order
 * @throws AppError INVALID_PARAM where the path does not exist, is no tar archive, or holds no pictures with such names
 */
export async function* readLabelledPictures(path: string): AsyncGenerator<LabelledPicture> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new AppError('INVALID_PARAM', `${path} does not exist`);
  let any = false;
  for await (const [file, bytes] of found.isDirectory() ? readFiles(path) : readEntries(path)) {
    const name = basename(file).replace(PICTURE, '');
    const person = PICTURE.test(file) ? NAMED.exec(name)?.[1] : undefined;
    if (person === undefined) continue;
    any = true;
    yield { person, name, bytes };
  }
  if (!any) throw new AppError('INVALID_PARAM', `${path} holds no pictures with names such as Person_Name_0001.jpg`);
}

async function* readFiles(folder: string): AsyncGenerator<[string, Uint8Array]> {
  const files = await readdir(folder, { recursive: true });
  for (const file of files.filter((name) => PICTURE.test(name)).sort())
    yield [file, await readFile(join(folder, file))];
}

/** Reads the files of an uncompressed ustar archive. */
async function* readEntries(archive: string): AsyncGenerator<[string, Uint8Array]> {
  const handle = await open(archive);
  try {
    const { size: end } = await handle.stat();
    const read = async (at: number, length: number): Promise<Buffer> => {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, at);
      if (bytesRead < length) throw new AppError('INVALID_PARAM', `${archive} is cut off or is no tar archive`);
      return buffer;
    };
    for (let at = 0; at + BLOCK <= end;) {
      const header = await read(at, BLOCK);
      if (header.every((byte) => byte === 0)) return;
      const text = (from: number, length: number): string =>
        header.toString('utf8', from, from + length).replace(/\0.*$/s, '');
      const size = Number.parseInt(text(124, 12).trim(), 8);
      if (text(257, 5) !== 'ustar' || !Number.isInteger(size)) {
        throw new AppError('INVALID_PARAM', `${archive} is no tar archive`);
      }
      const isFile = header[156] === 0x30 || header[156] === 0;
      if (isFile) yield [text(0, 100), await read(at + BLOCK, size)];
      at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    }
  } finally {
    await handle.close();
  }
}
