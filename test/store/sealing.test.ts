// Sealing: what opens, what does not, and the keys that are derived.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { deriveKey, isSealedBy, deriveMasterSealingKey, newDataKey, seal, unseal } from '../../src/store/sealing.js';
import { withCode } from './support.js';

const key = newDataKey(randomBytes);
const place = Buffer.from('place');
const plain = Buffer.from('a face nobody may read');

test('a sealed record opens at its place, under its key', () => {
  const sealed = seal(key, place, plain, randomBytes);
  expect(unseal(key, place, sealed)).toEqual(plain);
  expect(unseal(key, place, seal(key, place, Buffer.alloc(0), randomBytes))).toHaveLength(0);
  expect(sealed.includes(plain.subarray(0, 6))).toBe(false);
  expect(isSealedBy(key, sealed)).toBe(true);
});

test('the same record sealed twice is not the same bytes', () => {
  expect(seal(key, place, plain, randomBytes)).not.toEqual(seal(key, place, plain, randomBytes));
});

test('every altered byte is noticed', () => {
  const sealed = seal(key, place, plain, randomBytes);
  for (let i = 0; i < sealed.length; i++) {
    const altered = Buffer.from(sealed);
    altered[i]! ^= 1;
    expect(() => unseal(key, place, altered), `byte ${i}`).toThrow(withCode('STORE_CORRUPT'));
  }
});

test.each([
  ['at another place', () => unseal(key, Buffer.from('other'), seal(key, place, plain, randomBytes))],
  ['under another key', () => unseal(newDataKey(randomBytes), place, seal(key, place, plain, randomBytes))],
  [
    'under another secret of the same id',
    () => unseal({ id: key.id, secret: randomBytes(32) }, place, seal(key, place, plain, randomBytes)),
  ],
  ['cut off', () => unseal(key, place, seal(key, place, plain, randomBytes).subarray(0, -1))],
  ['shorter than a header', () => unseal(key, place, Buffer.alloc(20, 1))],
  ['empty', () => unseal(key, place, Buffer.alloc(0))],
])('a record %s does not open', (_, open) => {
  expect(open).toThrow(withCode('STORE_CORRUPT'));
});

test('derived keys differ by purpose and by master key, and not by run', () => {
  const master = Buffer.alloc(32, 1);
  expect(deriveKey(master, 'a')).toEqual(deriveKey(Buffer.from(master), 'a'));
  expect(deriveKey(master, 'a')).not.toEqual(deriveKey(master, 'b'));
  expect(deriveKey(master, 'a')).not.toEqual(deriveKey(Buffer.alloc(32, 2), 'a'));
  expect(deriveKey(master, 'a')).toHaveLength(32);
  expect(deriveMasterSealingKey(master).secret).not.toEqual(master);
});

test.each([0, 16, 31, 33])('a master key of %i bytes is a TypeError', (length) => {
  expect(() => deriveKey(Buffer.alloc(length), 'a')).toThrow(TypeError);
});
