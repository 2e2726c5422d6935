// The hash of a set of sealed records: cheap to keep when one record is added or removed, and unknown to those without the key.
import { createCipheriv, type Cipher } from 'node:crypto';
import { copyNonce, deriveKey, type SealingKey } from './sealing.js';

/** Number of the records of a set, and their sum modulo 2^128. */
export interface SetValue {
  readonly count: number;
  readonly sum: bigint;
}

export const EMPTY_SET: SetValue = { count: 0, sum: 0n };
export const SET_VALUE_BYTES = 8 + 16;

const MODULUS = 1n << 128n;
const BLOCK_BYTES = 16;
/** Four numbers of 32 bits are added up apart, each exactly: 2^21 of them fit into 2^53. */
const MAX_ADDED = 4_096;

/**
 * An additive set hash (MSet-Add-Hash, Clarke et al., Asiacrypt 2003): the sum of a pseudorandom function of each record. The function is
 * AES-256 of the record's nonce: a nonce of 96 random bits never occurs twice under one key, and GCM binds the value and the place of a
 * record to it. A record that was altered or moved does not open; a record that was removed, added or put back changes the sum.
 */
export class SetHash {
  readonly #cipher: Cipher;

  /** @param key the key that seals the records of the set; the key of the function is derived from it */
  constructor(key: SealingKey) {
    this.#cipher = createCipheriv('aes-256-ecb', deriveKey(key.secret, 'set-hash'), null).setAutoPadding(false);
  }

  /** Computes the value of a set from its sealed records. */
  compute(sealed: readonly Buffer[]): SetValue {
    let value = EMPTY_SET;
    for (let at = 0; at < sealed.length; at += MAX_ADDED) {
      value = addSets(value, this.#compute(sealed.slice(at, at + MAX_ADDED)));
    }
    return value;
  }

  #compute(sealed: readonly Buffer[]): SetValue {
    const nonces = Buffer.alloc(sealed.length * BLOCK_BYTES);
    for (const [i, record] of sealed.entries()) copyNonce(record, nonces, i * BLOCK_BYTES);
    const blocks = this.#cipher.update(nonces);
    const parts: [number, number, number, number] = [0, 0, 0, 0];
    for (let at = 0; at < blocks.length; at += BLOCK_BYTES) {
      parts[0] += blocks.readUInt32BE(at);
      parts[1] += blocks.readUInt32BE(at + 4);
      parts[2] += blocks.readUInt32BE(at + 8);
      parts[3] += blocks.readUInt32BE(at + 12);
    }
    const sum = parts.reduce((high, part) => (high << 32n) + BigInt(part), 0n);
    return { count: sealed.length, sum: sum % MODULUS };
  }
}

export function addSets(a: SetValue, b: SetValue): SetValue {
  return { count: a.count + b.count, sum: (a.sum + b.sum) % MODULUS };
}

/** Removes the records of `b` from `a`. The count may become negative where `a` did not have them. */
export function subtractSets(a: SetValue, b: SetValue): SetValue {
  return { count: a.count - b.count, sum: (a.sum - b.sum + MODULUS) % MODULUS };
}

/** Describes how the records that are there differ from those that must be there; undefined where they do not. */
export function compareSets(found: SetValue, expected: SetValue): string | undefined {
  if (found.count !== expected.count) return `there are ${found.count} records where ${expected.count} must be`;
  if (found.sum !== expected.sum)
    return `there are ${found.count} records, as must be, but not all of them are the right ones`;
  return undefined;
}

/** Encodes a value in SET_VALUE_BYTES: the count as a signed integer, then the sum, big endian. */
export function encodeSet({ count, sum }: SetValue): Buffer {
  const bytes = Buffer.alloc(SET_VALUE_BYTES);
  bytes.writeBigInt64BE(BigInt(count));
  bytes.writeBigUInt64BE(sum >> 64n, 8);
  bytes.writeBigUInt64BE(sum & 0xffff_ffff_ffff_ffffn, 16);
  return bytes;
}

export function decodeSet(bytes: Buffer): SetValue {
  return {
    count: Number(bytes.readBigInt64BE()),
    sum: (bytes.readBigUInt64BE(8) << 64n) + bytes.readBigUInt64BE(16),
  };
}
