// Keys of numbered records: their bytes are a stored format, and they sort as their numbers do.
import { describe, expect, it } from 'vitest';
import { makeBinarySequenceKeys, makeDecimalSequenceKeys } from '../../src/store/sequence-keys.js';

const NUMBERS = [0, 1, 9, 10, 255, 256, 65_536, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER];

describe.each([
  ['binary', makeBinarySequenceKeys('f')],
  ['decimal', makeDecimalSequenceKeys('event/')],
])('%s sequence keys', (_, keys) => {
  it('sort as their numbers do, inside the range', () => {
    const encoded = NUMBERS.map((number) => keys.encode(number));
    expect([...encoded].reverse().sort((a, b) => a.compare(b))).toEqual(encoded);
    for (const key of encoded) {
      expect(key.compare(keys.range.gte)).toBe(1);
      expect(key.compare(keys.range.lt)).toBe(-1);
    }
  });

  it('give the number back', () => {
    expect(NUMBERS.map((number) => keys.decode(keys.encode(number)))).toEqual(NUMBERS);
  });
});

describe('the stored formats', () => {
  it('of a binary key are the prefix and eight bytes, big endian', () => {
    expect(makeBinarySequenceKeys('e').encode(0x0102_0304_0506).toString('hex')).toBe('650000010203040506');
    expect(makeBinarySequenceKeys('e').range).toEqual({ gte: Buffer.from('e'), lt: Buffer.from('f') });
  });

  it('of a decimal key are the prefix and sixteen digits', () => {
    expect(makeDecimalSequenceKeys('event/').encode(1234).toString()).toBe('event/0000000000001234');
    expect(makeDecimalSequenceKeys('event/').range).toEqual({ gte: Buffer.from('event/'), lt: Buffer.from('event0') });
  });
});
