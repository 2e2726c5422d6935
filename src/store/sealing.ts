// Seals records with AES-256-GCM under a key that has an id, and derives keys from the master key.
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { AppError } from '../errors.js';

/** Length of the master key, of data keys and of derived keys. */
export const KEY_BYTES = 32;
export const KEY_ID_BYTES = 8;

const VERSION = 1;
const HEADER_BYTES = 1 + KEY_ID_BYTES;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** Returns cryptographically strong bytes, like randomBytes of node:crypto. */
export type RandomBytes = (size: number) => Buffer;

export interface SealingKey {
  /** KEY_ID_BYTES; not secret: every record that the key seals contains it. */
  readonly id: Buffer;
  /** KEY_BYTES. */
  readonly secret: Buffer;
}

/**
 * Derives a key for one purpose by HKDF-SHA256.
 * @param masterKey KEY_BYTES
 * @throws TypeError on a master key of another length
 */
export function deriveKey(masterKey: Uint8Array, purpose: string, bytes = KEY_BYTES): Buffer {
  if (masterKey.length !== KEY_BYTES) throw new TypeError(`a master key of ${masterKey.length} bytes`);
  return Buffer.from(hkdfSync('sha256', masterKey, new Uint8Array(0), `lintel/1/${purpose}`, bytes));
}

/** Derives the key that seals data keys. Its id is derived too: it shows whether a record is damaged or the master key is another one. */
export function deriveMasterSealingKey(masterKey: Uint8Array): SealingKey {
  return { id: deriveKey(masterKey, 'key-id', KEY_ID_BYTES), secret: deriveKey(masterKey, 'seal') };
}

/** Makes a random data key with a random id. */
export function newDataKey(randomBytes: RandomBytes): SealingKey {
  return { id: randomBytes(KEY_ID_BYTES), secret: randomBytes(KEY_BYTES) };
}

/**
 * Seals a record.
 * @param place key of the record in the database; the record opens at no other place
 * @returns version (1 byte), key id (8), nonce (12), ciphertext, tag (16)
 */
export function seal(key: SealingKey, place: Uint8Array, plain: Uint8Array, randomBytes: RandomBytes): Buffer {
  const header = Buffer.concat([Buffer.of(VERSION), key.id]);
  // 96 random bits: far below 2^32 records under one key, NIST SP 800-38D 8.3.
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key.secret, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, place]));
  return Buffer.concat([header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Opens a record. @throws AppError STORE_CORRUPT: not sealed by this key at this place, or altered since */
export function unseal(key: SealingKey, place: Uint8Array, sealed: Buffer): Buffer {
  if (sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || sealed[0] !== VERSION) {
    throw new AppError('STORE_CORRUPT', 'a record has no known form');
  }
  if (!isSealedBy(key, sealed)) throw new AppError('STORE_CORRUPT', 'a record is sealed under another key');
  const tagAt = sealed.length - TAG_BYTES;
  const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key.secret, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([sealed.subarray(0, HEADER_BYTES), place]));
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plain = decipher.update(sealed.subarray(HEADER_BYTES + NONCE_BYTES, tagAt));
  try {
    decipher.final();
  } catch (cause) {
    throw new AppError('STORE_CORRUPT', 'a record does not open: it was altered or moved', { cause });
  }
  return plain;
}

/** Copies the nonce of a sealed record into `target`. What a record that is too short lacks is left as it is. */
export function copyNonce(sealed: Buffer, target: Buffer, at: number): void {
  target.set(sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES), at);
}

/** Returns whether the record names this key. This does not show whether it is damaged. */
export function isSealedBy(key: SealingKey, sealed: Buffer): boolean {
  return sealed.subarray(1, HEADER_BYTES).equals(key.id);
}
