// The hash of a set of records: what it must be, by another way of computing it, and what it does not depend on.
import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newDataKey, seal } from '../../src/store/sealing.js';
import {
  addSets,
  compareSets,
  decodeSet,
  EMPTY_SET,
  encodeSet,
  SetHash,
  subtractSets,
} from '../../src/store/set-hash.js';

const key = newDataKey(randomBytes);
const hash = new SetHash(key);
const makeRecords = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => seal(key, Buffer.from(`place ${i}`), Buffer.from('value'), randomBytes));

describe('the hash of a set', () => {
  test('is the sum of AES-256 of the nonces, modulo 2^128', () => {
    const secret = Buffer.from(hkdfSync('sha256', key.secret, new Uint8Array(0), 'lintel/1/set-hash', 32));
    const records = makeRecords(5_000);
    let sum = 0n;
    for (const record of records) {
      const cipher = createCipheriv('aes-256-ecb', secret, null).setAutoPadding(false);
      const block = Buffer.concat([record.subarray(9, 21), Buffer.alloc(4)]);
      sum = (sum + BigInt(`0x${cipher.update(block).toString('hex')}`)) % 2n ** 128n;
    }
    expect(hash.compute(records)).toEqual({ count: 5_000, sum });
  });

  test('does not depend on the order, and adds and removes', () => {
    const records = makeRecords(50);
    const whole = hash.compute(records);
    expect(hash.compute([...records].reverse())).toEqual(whole);
    const [some, rest] = [hash.compute(records.slice(0, 20)), hash.compute(records.slice(20))];
    expect(addSets(rest, some)).toEqual(whole);
    expect(subtractSets(whole, some)).toEqual(rest);
    expect(subtractSets(whole, whole)).toEqual(EMPTY_SET);
  });

  test('differs when one record is another one, or is there twice', () => {
    const records = makeRecords(10);
    const [first, ...others] = records as [Buffer, ...Buffer[]];
    const whole = hash.compute(records);
    expect(compareSets(hash.compute(records), whole)).toBeUndefined();
    expect(compareSets(hash.compute([...others, ...makeRecords(1)]), whole)).toContain('not all of them are the right');
    expect(compareSets(hash.compute([...others, others[0]!]), whole)).toContain('not all of them are the right');
    expect(compareSets(hash.compute(others), whole)).toBe('there are 9 records where 10 must be');
    expect(compareSets(hash.compute([...records, first]), whole)).toBe('there are 11 records where 10 must be');
  });

  test('differs under another key', () => {
    const records = makeRecords(3);
    expect(new SetHash(newDataKey(randomBytes)).compute(records).sum).not.toBe(hash.compute(records).sum);
  });

  test('takes records of any length', () => {
    const short = [Buffer.alloc(0), Buffer.of(1, 2, 3), Buffer.alloc(20)];
    expect(hash.compute(short).count).toBe(3);
  });

  test('is encoded and decoded, also with a count below zero', () => {
    for (const value of [EMPTY_SET, hash.compute(makeRecords(7)), { count: -3, sum: 2n ** 128n - 1n }]) {
      expect(decodeSet(encodeSet(value))).toEqual(value);
    }
  });
});
