// DER (X.690): the bytes of ASN.1 values, as far as certificates need them.

/** Tags of the values that certificates have. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Encodes a value: tag, length, content. */
export function encodeDer(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), encodeLength(body.length), body]);
}

/** @param number non-negative, big endian */
export function encodeInteger(number: Uint8Array): Buffer {
  const start = number.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Buffer.of(0) : number.subarray(start);
  // The highest bit of the first byte is the sign.
  return encodeDer(TAG.integer, ...((digits[0]! & 0x80) !== 0 ? [Buffer.of(0)] : []), digits);
}

/** @param dotted such as `2.5.29.17` */
export function encodeOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return encodeDer(TAG.oid, Buffer.from(bytes));
}

/** @param unusedBits of the last byte */
export function encodeBits(bytes: Uint8Array, unusedBits = 0): Buffer {
  return encodeDer(TAG.bits, Buffer.of(unusedBits), bytes);
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5); whole seconds. */
export function encodeTime(timeMs: number): Buffer {
  const digits = new Date(timeMs).toISOString().replace(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? encodeDer(0x17, Buffer.from(digits.slice(2)))
    : encodeDer(0x18, Buffer.from(digits));
}

/** Value in a context of its own, such as `[3]`. @param isConstructed it contains other values */
export function encodeContext(number: number, content: Uint8Array, isConstructed = true): Buffer {
  return encodeDer(0x80 | (isConstructed ? 0x20 : 0) | number, content);
}

export function encodeSequence(...values: readonly Uint8Array[]): Buffer {
  return encodeDer(TAG.sequence, ...values);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return Buffer.of(0x80 | bytes.length, ...bytes);
}
