// Writes a file that is there whole and synced, or not at all, and never in the place of another.
import { randomUUID } from 'node:crypto';
import { access, link, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../errors.js';

/** Readable by its owner alone. @throws AppError STORE_UNAVAILABLE when it cannot be written or exists; what `bytes` throws */
export async function writeNewFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  // Before the work; link() below is what makes sure of it.
  const taken = await access(path).then(
    () => true,
    () => false,
  );
  if (taken) throw new AppError('STORE_UNAVAILABLE', `${path} cannot be written: there is such a file already`);
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      for await (const piece of bytes) await file.write(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    const reason = code === 'EEXIST' ? 'there is such a file already' : code;
    throw new AppError('STORE_UNAVAILABLE', `${path} cannot be written: ${reason}`, { cause });
  } finally {
    await rm(temporary, { force: true });
  }
}
