// The encryption of backup files: writes the format of the age tool, and reads that and the format of Lintel 0.1.
import { AppError } from '../errors.js';
import { AGE_MAGIC, decryptAge, encryptAge, type AgeKey, type AgeLock } from './age-file.js';
import { ByteReader } from './byte-reader.js';
import { decryptOldBackup, OLD_BACKUP_MAGIC } from './old-backup-file.js';

export type BackupLock = AgeLock;
export type BackupKey = AgeKey;

/** Encrypts a backup. @throws like encryptAge */
export function encryptBackup(plain: AsyncIterable<Uint8Array>, lock: BackupLock): AsyncGenerator<Uint8Array> {
  return encryptAge(plain, lock);
}

/**
 * Decrypts a backup. Yielded bytes are authenticated; only the end of the stream shows that the file is complete.
 * @throws AppError SECRET_INVALID: the key does not open it; STORE_CORRUPT: no backup, altered, cut off or continued
 */
export async function* decryptBackup(encrypted: AsyncIterable<Uint8Array>, key: BackupKey): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(encrypted);
  const begin = await reader.peek(Math.max(AGE_MAGIC.length, OLD_BACKUP_MAGIC.length));
  if (startsWith(begin, AGE_MAGIC)) yield* decryptAge(reader.rest(), key);
  else if (startsWith(begin, OLD_BACKUP_MAGIC)) {
    if (!('passphrase' in key)) throw new AppError('SECRET_INVALID', 'the backup has a passphrase, not an identity');
    yield* decryptOldBackup(reader.rest(), key.passphrase);
  } else throw new AppError('STORE_CORRUPT', 'this is no backup of Lintel');
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic);
}
