// Boxes that only their reader can open: sealed with the reader's X25519 key, for one purpose.
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { AppError } from '../errors.js';

const VERSION = 1;
/** Bytes of a public key of X25519 or Ed25519. */
export const PUBLIC_KEY_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + PUBLIC_KEY_BYTES;
const ALGORITHM = 'aes-256-gcm';
/** Bytes of an X25519 public key in SPKI before the key itself (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex');

/**
 * Seals bytes for a reader: X25519 with a key pair of its own for each box, HKDF-SHA256, AES-256-GCM. The pair is used once, so the nonce is
 * fixed.
 * @param reader X25519 public key
 * @param label purpose of the box; it opens under no other label
 * @returns version (1 byte), public key of the pair (32), ciphertext, tag (16)
 */
export function sealFor(reader: KeyObject, label: string, plain: Uint8Array): Buffer {
  const pair = generateKeyPairSync('x25519');
  const own = exportX25519(pair.publicKey);
  const shared = diffieHellman({ privateKey: pair.privateKey, publicKey: reader });
  const { key, nonce, data } = deriveBoxKey(shared, { own, reader: exportX25519(reader), label });
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(data);
  return Buffer.concat([Buffer.of(VERSION), own, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Opens a box.
 * @param reader X25519 private key
 * @throws AppError FLEET_FORGED: it is not for this reader and purpose, or was altered
 */
export function openSealed(reader: KeyObject, label: string, sealed: Buffer): Buffer {
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== VERSION) {
    throw new AppError('FLEET_FORGED', 'a sealed message of the fleet has no known form');
  }
  const own = sealed.subarray(1, HEADER_BYTES);
  const tagAt = sealed.length - TAG_BYTES;
  try {
    const shared = diffieHellman({ privateKey: reader, publicKey: importX25519(own) });
    const { key, nonce, data } = deriveBoxKey(shared, { own, reader: exportX25519(reader), label });
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(data);
    decipher.setAuthTag(sealed.subarray(tagAt));
    const plain = decipher.update(sealed.subarray(HEADER_BYTES, tagAt));
    decipher.final();
    return plain;
  } catch (cause) {
    const message = 'a sealed message of the fleet does not open: it is for another reader or purpose, or was altered';
    throw new AppError('FLEET_FORGED', message, { cause });
  }
}

/** Returns the 32 bytes of an X25519 public key. @throws TypeError for any other key */
export function exportX25519(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'x25519') throw new TypeError('not an X25519 key');
  const spki = key.type === 'private' ? createPublicKey(key) : key;
  return spki.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length);
}

/** @param bytes PUBLIC_KEY_BYTES @throws TypeError */
export function importX25519(bytes: Uint8Array): KeyObject {
  if (bytes.length !== PUBLIC_KEY_BYTES) throw new TypeError('an X25519 key has 32 bytes');
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, bytes]), format: 'der', type: 'spki' });
}

/** All parts of the data but the last one have a fixed length, so that no two boxes are described alike. */
function deriveBoxKey(
  shared: Buffer,
  { own, reader, label }: { own: Uint8Array; reader: Uint8Array; label: string },
): { key: Buffer; nonce: Buffer; data: Buffer } {
  const data = Buffer.concat([Buffer.from('lintel-fleet/1/box'), own, reader, Buffer.from(label)]);
  const derived = Buffer.from(hkdfSync('sha256', shared, new Uint8Array(0), data, KEY_BYTES + NONCE_BYTES));
  return { key: derived.subarray(0, KEY_BYTES), nonce: derived.subarray(KEY_BYTES), data };
}
