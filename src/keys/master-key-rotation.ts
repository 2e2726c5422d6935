// The files of a master key rotation: `master.key.next` lies beside `master.key` until the database is sealed under it.
import { randomBytes as systemRandomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.js';
import { syncFolder } from '../platform/write-file.js';
import { MASTER_KEY_LENGTH, masterKeyPath, readKeyFile, writeNewKey } from './secrets.js';

export function nextMasterKeyPath(keysDir: string): string {
  return join(keysDir, 'master.key.next');
}

/**
 * Reads the new key of a rotation that was interrupted. The database may be sealed under it or under the old key.
 * @returns undefined if there is none @throws AppError SECRET_INVALID
 */
export function readNextMasterKey(keysDir: string): Promise<Buffer | undefined> {
  return readKeyFile(nextMasterKeyPath(keysDir), 'the next master key');
}

/** Makes the next key. @throws AppError SECRET_INVALID when an earlier rotation was interrupted and left one */
export async function createNextMasterKey(
  keysDir: string,
  randomBytes: (size: number) => Buffer = systemRandomBytes,
): Promise<Buffer> {
  const path = nextMasterKeyPath(keysDir);
  const key = randomBytes(MASTER_KEY_LENGTH);
  try {
    await writeNewKey(path, key);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message =
      code === 'EEXIST'
        ? `an earlier change of the master key was interrupted (${path}); start the service to end it`
        : `the next master key could not be written to ${path} (${code})`;
    throw new AppError('SECRET_INVALID', message, { cause });
  }
  return key;
}

/**
 * Ends a rotation in the files: the key that the database is sealed under becomes `master.key`, and the other one is removed.
 * @throws AppError SECRET_INVALID when the files cannot be changed
 */
export async function settleMasterKey(keysDir: string, inUse: Uint8Array): Promise<'nothing' | 'new key' | 'old key'> {
  const path = nextMasterKeyPath(keysDir);
  try {
    const next = await readNextMasterKey(keysDir);
    if (next === undefined) return 'nothing';
    const isNext = next.equals(inUse);
    if (isNext) await rename(path, masterKeyPath(keysDir));
    else await rm(path);
    await syncFolder(keysDir);
    return isNext ? 'new key' : 'old key';
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new AppError('SECRET_INVALID', `the files of the master key in ${keysDir} cannot be changed (${code})`, {
      cause,
    });
  }
}
