// Reads backup files of Lintel 0.1, which had a format of their own: chunks of AES-256-GCM under a passphrase. Nothing writes it any more.
import { createDecipheriv, scrypt } from 'node:crypto';
import { AppError } from '../errors.js';
import { ByteReader } from './byte-reader.js';

/**
 * Header: magic (8 bytes), version (1), log2 of scrypt's N (1), r (1), p (1), salt (16), check of the passphrase (8). Then chunks: length
 * of the ciphertext (4, big endian), ciphertext, tag (16). The nonce of a chunk is its number (11) and whether it is the last one (1); the
 * header is authenticated with every chunk.
 */
export const OLD_BACKUP_MAGIC = Buffer.from('LINTELBK');
const VERSION = 1;
/** The only cost that was ever written: 64 MB of memory. A file that asks for another one is refused before any work is done. */
const COST = { log2N: 16, r: 8, p: 1 };
const MAX_SCRYPT_MEMORY = 2 ** 27;
const SALT_BYTES = 16;
const CHECK_BYTES = 8;
const HEADER_BYTES = OLD_BACKUP_MAGIC.length + 4 + SALT_BYTES + CHECK_BYTES;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const CHUNK_BYTES = 256 * 1024;

/**
 * Decrypts an old backup file. Yielded bytes are authenticated; only the end of the stream shows that the file is complete.
 * @param encrypted the file in pieces of any size
 * @throws AppError SECRET_INVALID: another passphrase; STORE_CORRUPT: altered, cut off, continued, or of an unknown form
 */
export async function* decryptOldBackup(
  encrypted: AsyncIterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Buffer> {
  const reader = new ByteReader(encrypted);
  const header = await reader.take(HEADER_BYTES);
  if (!header) throw damaged('the backup is cut off');
  const costAt = OLD_BACKUP_MAGIC.length + 1;
  const [log2N, r, p] = header.subarray(costAt, costAt + 3);
  const isKnown = header[costAt - 1] === VERSION && log2N === COST.log2N && r === COST.r && p === COST.p;
  if (!isKnown) throw damaged('the backup has an unknown form');
  const salt = header.subarray(costAt + 3, costAt + 3 + SALT_BYTES);
  const { key, check } = await deriveKeys(passphrase, salt);
  if (!check.equals(header.subarray(HEADER_BYTES - CHECK_BYTES))) {
    throw new AppError('SECRET_INVALID', 'the backup was sealed under another passphrase');
  }
  for (let number = 0; ; number++) {
    const length = (await reader.take(4))?.readUInt32BE();
    // An altered length must not make the reader collect gigabytes.
    if (length === undefined || length > CHUNK_BYTES) throw damaged('the backup is cut off or damaged');
    const chunk = await reader.take(length + TAG_BYTES);
    if (!chunk) throw damaged('the backup is cut off');
    const isLast = await reader.atEnd();
    const plain = decryptChunk(key, header, makeNonce(number, isLast), chunk);
    if (plain.length > 0) yield plain;
    if (isLast) return;
  }
}

function decryptChunk(key: Buffer, header: Buffer, nonce: Buffer, chunk: Buffer): Buffer {
  const tagAt = chunk.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(header);
  decipher.setAuthTag(chunk.subarray(tagAt));
  const plain = decipher.update(chunk.subarray(0, tagAt));
  try {
    decipher.final();
  } catch (cause) {
    throw damaged('the backup is cut off or damaged', cause);
  }
  return plain;
}

function makeNonce(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

function deriveKeys(passphrase: string, salt: Buffer): Promise<{ key: Buffer; check: Buffer }> {
  const { log2N, r, p } = COST;
  const options = { N: 2 ** log2N, r, p, maxmem: MAX_SCRYPT_MEMORY };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize(), salt, KEY_BYTES + CHECK_BYTES, options, (error, derived) => {
      if (error) reject(error);
      else resolve({ key: derived.subarray(0, KEY_BYTES), check: derived.subarray(KEY_BYTES) });
    });
  });
}

function damaged(message: string, cause?: unknown): AppError {
  return new AppError('STORE_CORRUPT', message, { cause });
}
