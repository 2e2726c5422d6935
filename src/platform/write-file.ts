// Writes files whole: a reader finds the old file, the new file or no file, never a part of one, also after a power cut.
import { randomBytes } from 'node:crypto';
import { access, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../errors.js';

/** Text, bytes, or a stream of bytes. */
export type FileContent = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface WriteFileOptions {
  /** Permission bits of the new file, reduced by the umask. The default is 0600: only the owner reads and writes it. */
  mode?: number;
  /** Checks the temporary file before it gets its name. An error from here leaves everything as it was. */
  check?: (temporaryPath: string) => void | Promise<void>;
}

/**
 * Writes a file in place of the one of this name, if there is one.
 * @throws the errors of the file system, of the stream and of `check`; the old file is unchanged then, and no temporary file is left
 */
export async function replaceFile(path: string, content: FileContent, options: WriteFileOptions = {}): Promise<void> {
  await writeBeside(path, content, options, (temporary) => rename(temporary, path));
}

/**
 * Writes a file that must not exist yet. When several processes do this at once, one succeeds.
 * @throws like replaceFile; EEXIST of the system call `link` when the file exists already
 */
export async function createFile(path: string, content: FileContent, options: WriteFileOptions = {}): Promise<void> {
  await writeBeside(path, content, options, (temporary) => link(temporary, path));
}

/**
 * Writes a file that the user named on the command line and that must not exist yet; its mode is 0600.
 * @throws AppError STORE_UNAVAILABLE when the file cannot be written or exists; the errors of the stream
 */
export async function writeNewFile(path: string, content: FileContent): Promise<void> {
  // Checked before a long stream is read. createFile() is what guarantees that nothing is overwritten.
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new AppError('STORE_UNAVAILABLE', `${path} cannot be written: the file exists already`);
  try {
    await createFile(path, content);
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    const reason = code === 'EEXIST' ? 'the file exists already' : code;
    throw new AppError('STORE_UNAVAILABLE', `${path} cannot be written: ${reason}`, { cause });
  }
}

/** Makes new, renamed and removed names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeBeside(
  path: string,
  content: FileContent,
  { mode = 0o600, check }: WriteFileOptions,
  giveName: (temporaryPath: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(8).toString('hex')}.part`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      const pieces = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
      // FileHandle.writeFile() goes on after a partial write, and continues behind what is there.
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await check?.(temporary);
    await giveName(temporary);
  } finally {
    // After a rename there is nothing to remove.
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
}
