// Who was announced lately, and which track continues whom.
import { expect, test } from 'vitest';
import { Appearances } from '../../src/recognition/appearances.js';

const east = Float32Array.of(1, 0);
const north = Float32Array.of(0, 1);
const eastish = Float32Array.of(0.8, 0.6);
const parts = { absenceMs: 2_000, sameCosine: 0.7 };

test.each([
  { name: 'while the person is still seen', firstSeenMs: 900, isSame: true },
  { name: 'before the absence time is over', firstSeenMs: 2_999, isSame: true },
  { name: 'when the absence time is over', firstSeenMs: 3_000, isSame: false },
])('a track that begins $name', ({ firstSeenMs, isSame }) => {
  const appearances = new Appearances(parts);
  const anna = { person: 'anna', embedding: east, seenAtMs: 1_000 };
  appearances.add(anna);
  expect(appearances.ofPerson('anna', firstSeenMs)).toBe(isSame ? anna : undefined);
  expect(appearances.ofLikeness([north, eastish], firstSeenMs)).toBe(isSame ? anna : undefined);
  expect(appearances.ofPerson('bert', firstSeenMs)).toBeUndefined();
  expect(appearances.ofLikeness([north], firstSeenMs)).toBeUndefined();
});

test('are forgotten when no open track can continue them', () => {
  const appearances = new Appearances(parts);
  appearances.add({ embedding: east, seenAtMs: 1_000 });
  appearances.add({ person: 'anna', embedding: north, seenAtMs: 1_500 });
  appearances.forget(2_999);
  expect(appearances.size).toBe(2);
  appearances.forget(3_000);
  expect(appearances.size).toBe(1);
  expect(appearances.ofPerson('anna', 3_000)).toBeDefined();
});

test('are bounded in number', () => {
  const appearances = new Appearances(parts);
  for (let n = 0; n < 300; n++) appearances.add({ person: `p${n}`, embedding: east, seenAtMs: 0 });
  expect(appearances.size).toBe(256);
  expect(appearances.ofPerson('p43', 0)).toBeUndefined();
  expect(appearances.ofPerson('p44', 0)).toBeDefined();
});
