// Tells whether a file was written, replaced or removed since it was read, without reading it again.
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * Returns a text that changes whenever the file is written, replaced or removed: inode, size, and the times of the last changes of
 * content and inode in nanoseconds. A file that cannot be examined has the error code as its stamp, such as ENOENT.
 */
export async function readFileStamp(path: string): Promise<string> {
  try {
    return formatStamp(await stat(path, { bigint: true }));
  } catch (error) {
    return errorStamp(error);
  }
}

function formatStamp({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

function errorStamp(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
