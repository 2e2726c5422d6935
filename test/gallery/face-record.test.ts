// The stored forms of faces and groups.
import { expect, test } from 'vitest';
import { FACE_ORIGINS, type EnrolledFace } from '../../src/gallery/gallery.types.js';
import {
  FACE_KEYS,
  GROUP_KEY,
  decodeFace,
  decodeGroup,
  encodeFace,
  encodeGroup,
} from '../../src/gallery/face-record.js';
import { withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { makeOldRecord, randomEmbedding } from './faces.js';

const random = randomNumbers(1);
const face: EnrolledFace = {
  faceId: '0b1f7d5e-6b1c-4a5e-8f6a-2f1f0c9b7a11',
  imageId: '5c8e0a9d-30a5-4f0e-9a4b-7d3c2b1a0f22',
  externalImageId: 'image_01.jpg',
  bbox: { x0: 0.1, y0: 1 / 3, x1: 0.7000000001, y1: 1 },
  detectionScore: 0.98765432101,
};
const unnamed: EnrolledFace = { ...face };
delete unnamed.externalImageId;

test.each([
  ['with an external id', face],
  ['without one', unnamed],
  ['with the longest one', { ...face, externalImageId: 'x'.repeat(255) }],
  ['with the condition of a bare face', { ...face, condition: { recognisability: 1 / 3, masked: false } }],
  [
    'with all facts of its enrolment',
    { ...face, enrolledAtMs: 1_790_000_000_123, quality: 0.8765, origin: 'camera' as const },
  ],
  [
    'with the worst quality and the latest time',
    { ...unnamed, enrolledAtMs: 2 ** 48 - 1, quality: 0, origin: 'nhn' as const },
  ],
  ['with the best quality alone', { ...unnamed, quality: 1 }],
  ['with the condition of a masked face', { ...unnamed, condition: { recognisability: 0, masked: true } }],
])('a face %s comes back to the last bit', (_name, original) => {
  const embedding = randomEmbedding(random);
  expect(decodeFace(encodeFace(original, embedding))).toEqual({ face: original, embedding });
});

test('a face that was stored without its condition comes back without one', () => {
  const embedding = randomEmbedding(random);
  const condition = { recognisability: 0.7, masked: true };
  for (const original of [face, unnamed]) {
    const old = makeOldRecord(encodeFace({ ...original, condition }, embedding));
    expect(decodeFace(old)).toEqual({ face: original, embedding });
    for (let length = 0; length < old.length; length++) {
      expect(() => decodeFace(old.subarray(0, length)), `length ${length}`).toThrow(withCode('STORE_CORRUPT'));
    }
  }
});

test('a record of version 2 has its condition, and no enrolment facts; written anew it is of version 3', () => {
  const embedding = randomEmbedding(random);
  const original = { ...face, condition: { recognisability: 0.7, masked: true } };
  const facts = { enrolledAtMs: 1_790_000_000_123, quality: 0.5, origin: 'bulk' as const };
  const old = makeOldRecord(encodeFace({ ...original, ...facts }, embedding), 2);
  expect(decodeFace(old)).toEqual({ face: original, embedding });
  const again = encodeFace(decodeFace(old).face, embedding);
  expect([again[0], decodeFace(again).face]).toEqual([3, original]);
  for (let length = 0; length < old.length; length++) {
    expect(() => decodeFace(old.subarray(0, length)), `length ${length}`).toThrow(withCode('STORE_CORRUPT'));
  }
});

test.each(FACE_ORIGINS)('the origin %s comes back', (origin) => {
  const embedding = randomEmbedding(random);
  expect(decodeFace(encodeFace({ ...face, origin }, embedding)).face.origin).toBe(origin);
});

test('a quality that is none, or an origin of a later version, is STORE_CORRUPT', () => {
  const record = encodeFace({ ...face, quality: 1, origin: 'stranger' }, randomEmbedding(random));
  const spoil: ((odd: Buffer) => void)[] = [
    (odd) => odd.writeUInt16LE(10_001, 58),
    (odd) => odd.writeUInt16LE(65_534, 58),
    (odd) => odd.writeUInt8(6, 60),
  ];
  for (const change of spoil) {
    const odd = Buffer.from(record);
    change(odd);
    expect(() => decodeFace(odd)).toThrow(withCode('STORE_CORRUPT'));
  }
});

test('embeddings of any length, from anywhere in a buffer, into a scratch array', () => {
  for (const dimensions of [1, 128, 512]) {
    const embedding = randomEmbedding(random, dimensions);
    const shifted = new Float32Array([...embedding, ...embedding]).subarray(dimensions);
    const record = Buffer.concat([Buffer.alloc(1), encodeFace(face, shifted)]).subarray(1);
    expect(decodeFace(record).embedding).toEqual(embedding);
    const scratch = new Float32Array(dimensions);
    expect(decodeFace(record, scratch).embedding).toBe(scratch);
    expect(scratch).toEqual(embedding);
    expect(decodeFace(record, new Float32Array(dimensions + 1)).embedding).toEqual(embedding);
  }
});

test('a face record cut off anywhere, or of another version, is STORE_CORRUPT', () => {
  const record = encodeFace(face, randomEmbedding(random));
  for (let length = 0; length < record.length; length++) {
    expect(() => decodeFace(record.subarray(0, length)), `length ${length}`).toThrow(withCode('STORE_CORRUPT'));
  }
  expect(() => decodeFace(Buffer.concat([record, Buffer.alloc(1)]))).toThrow(withCode('STORE_CORRUPT'));
  const odd = Buffer.from(record);
  odd[43] = 3;
  expect(() => decodeFace(odd)).toThrow(withCode('STORE_CORRUPT'));
  for (const version of [0, 4]) {
    record[0] = version;
    expect(() => decodeFace(record)).toThrow(withCode('STORE_CORRUPT'));
  }
});

test.each(['x'.repeat(256), 'snow ☃'])('an id that has no place in a record is a TypeError', (externalImageId) => {
  expect(() => encodeFace({ ...face, externalImageId }, randomEmbedding(random))).toThrow(TypeError);
});

test('a group comes back as it was', () => {
  const group = { owner: 'default', groupId: 'staff', modelVersion: 'standard-1', createdAtMs: 1_790_000_000_123 };
  expect(decodeGroup(encodeGroup(group))).toEqual(group);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['another version', Buffer.concat([Buffer.of(2), Buffer.from('{}')])],
  ['no JSON', Buffer.concat([Buffer.of(1), Buffer.from('{"owner":')])],
])('a group record of %s is STORE_CORRUPT', (_name, record) => {
  expect(() => decodeGroup(record)).toThrow(withCode('STORE_CORRUPT'));
});

test('face keys are in the order of their sequence numbers, apart from the group', () => {
  const sequences = [1, 2, 255, 256, 65_536, 2 ** 32, 2 ** 40 + 1];
  const keys = sequences.map((sequence) => FACE_KEYS.encode(sequence));
  expect([...keys].sort((a, b) => Buffer.compare(a, b))).toEqual(keys);
  expect(keys.map((key) => FACE_KEYS.decode(key))).toEqual(sequences);
  for (const key of keys) {
    expect(Buffer.compare(key, FACE_KEYS.range.gte)).toBe(1);
    expect(Buffer.compare(key, FACE_KEYS.range.lt)).toBe(-1);
  }
  expect(Buffer.compare(GROUP_KEY, FACE_KEYS.range.gte)).toBe(-1);
});
