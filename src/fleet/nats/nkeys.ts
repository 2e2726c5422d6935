// The keys of NATS ("nkeys"): Ed25519 keys as text in base32, whose first letter says whose key it is.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { RandomBytes } from '../../store/sealing.js';

export type NkeyKind = 'operator' | 'account' | 'user';

/** First byte of a public key, so that the text begins with O, A or U (nkeys, strkey.go). */
const PREFIXES: Record<NkeyKind, number> = { operator: 14 << 3, account: 0, user: 20 << 3 };
/** First five bits of a seed, so that the text begins with S. */
const SEED_PREFIX = 18 << 3;
const SEED_BYTES = 32;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Bytes of an Ed25519 private key in PKCS8 before the seed itself (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_BYTES = 32;

/** A key that signs. */
export interface Nkey {
  /** Public key, such as `UAB…`: 56 letters and digits. */
  readonly publicKey: string;
  /** @returns the signature: 64 bytes */
  sign(message: Uint8Array): Buffer;
}

/** Makes a new key. @returns its seed, such as `SUA…`: 58 letters and digits, secret */
export function makeSeed(kind: NkeyKind, randomBytes: RandomBytes): string {
  const prefix = PREFIXES[kind];
  // The prefix of a seed and the one of the kind have five bits each; the other bits of the two bytes are zero.
  const head = Buffer.of(SEED_PREFIX | (prefix >> 5), (prefix & 0x1f) << 3);
  return encode(Buffer.concat([head, randomBytes(SEED_BYTES)]));
}

/** Reads a seed. @throws TypeError for a text that is no seed of this kind; the text is not named */
export function openSeed(kind: NkeyKind, seed: string): Nkey {
  const bytes = decode(seed);
  const prefix = PREFIXES[kind];
  if (
    bytes?.length !== 2 + SEED_BYTES ||
    bytes[0] !== (SEED_PREFIX | (prefix >> 5)) ||
    bytes[1] !== (prefix & 0x1f) << 3
  )
    throw new TypeError(`not the seed of a NATS ${kind} key`);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, bytes.subarray(2)]), format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-PUBLIC_BYTES);
  const publicKey = encode(Buffer.concat([Buffer.of(prefix), raw]));
  return { publicKey, sign: (message) => sign(null, message, key) };
}

/** Base32 (RFC 4648) without padding, of the bytes and their checksum. */
function encode(bytes: Uint8Array): string {
  const checked = Buffer.concat([bytes, Buffer.alloc(2)]);
  checked.writeUInt16LE(computeChecksum(bytes), bytes.length);
  return encodeBase32(checked);
}

/** @returns the bytes without the checksum; undefined for a text of another form or with a wrong checksum */
function decode(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let [bits, value] = [0, 0];
  for (const letter of text) {
    const at = ALPHABET.indexOf(letter);
    if (at < 0) return undefined;
    value = ((value << 5) | at) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  const all = Buffer.from(bytes);
  if (all.length < 3) return undefined;
  const content = all.subarray(0, -2);
  // Each key has one text: bits that are left over must be zero.
  return encode(content) === text ? content : undefined;
}

/** Base32 (RFC 4648) without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let [bits, value] = [0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 0x1f];
  }
  return bits === 0 ? text : text + ALPHABET[(value << (5 - bits)) & 0x1f];
}

/** CRC-16 with the polynomial 0x1021 and the initial value 0 (XMODEM), as nkeys has it. */
function computeChecksum(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
