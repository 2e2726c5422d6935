// The built files of the console, read into memory once: at most some 200 kB, so that no request reads the disk.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Media types of the files, by the ends of their names. Other files are not handed out. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
  ['.json', 'application/json'],
]);

/** Name of the page below the folder. */
export const PAGE = 'index.html';

export interface ConsoleFile {
  contentType: string;
  body: Buffer;
  gzipped: Buffer;
  /** In quotes, as the header ETag has it. */
  etag: string;
  /** True for a file whose name holds a hash of its content: it never changes. */
  isImmutable: boolean;
}

/**
 * Reads the files of a folder and of those within it.
 * @param folder that of scripts/build-console.mjs
 * @returns the files by their path below the folder, with `/` between the names; none where the console is not built
 */
export async function readConsoleFiles(folder: string): Promise<ReadonlyMap<string, ConsoleFile>> {
  const names = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.filter((name) => TYPES.has(extname(name)));
  return new Map(await Promise.all(files.map(async (name) => [name, await readConsoleFile(folder, name)] as const)));
}

async function readConsoleFile(folder: string, name: string): Promise<ConsoleFile> {
  const body = await readFile(join(folder, name));
  return {
    contentType: TYPES.get(extname(name)) ?? 'application/octet-stream',
    body,
    gzipped: await promisify(gzip)(body, { level: 9 }),
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    isImmutable: name !== PAGE,
  };
}
