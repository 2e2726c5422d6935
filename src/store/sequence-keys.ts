// Keys of numbered records in a space: a prefix and a sequence number, encoded so that the keys sort as the numbers do.
import { prefixRange, type KeyRange } from './records.js';

/** Keys of one kind of record. Sequence numbers are integers from 0 to Number.MAX_SAFE_INTEGER. */
export interface SequenceKeys {
  /** Range of all keys of this kind. */
  readonly range: { readonly gte: Buffer; readonly lt: Buffer } & KeyRange;
  /** Returns the key of a sequence number. */
  encode(sequence: number): Buffer;
  /** Returns the sequence number of a key that `encode` made. */
  decode(key: Buffer): number;
}

const BINARY_BYTES = 8;
/** Digits of Number.MAX_SAFE_INTEGER. */
const DECIMAL_DIGITS = 16;

/** Makes keys of the prefix and the number as eight bytes, big endian. */
export function makeBinarySequenceKeys(prefix: string): SequenceKeys {
  const prefixBytes = Buffer.from(prefix);
  return {
    range: prefixRange(prefixBytes),
    encode: (sequence) => {
      const key = Buffer.alloc(prefixBytes.length + BINARY_BYTES);
      prefixBytes.copy(key);
      key.writeBigUInt64BE(BigInt(sequence), prefixBytes.length);
      return key;
    },
    decode: (key) => Number(key.readBigUInt64BE(prefixBytes.length)),
  };
}

/** Makes keys of the prefix and the number as 16 decimal digits. */
export function makeDecimalSequenceKeys(prefix: string): SequenceKeys {
  return {
    range: prefixRange(Buffer.from(prefix)),
    encode: (sequence) => Buffer.from(`${prefix}${String(sequence).padStart(DECIMAL_DIGITS, '0')}`),
    decode: (key) => Number(key.toString('latin1', prefix.length)),
  };
}
