// Appearances at a camera: who had an event recently, and which track continues which appearance.
import { expect, test } from 'vitest';
import { Appearances, type Appearance } from '../../src/recognition/appearances.js';

const east = Float32Array.of(1, 0);
const north = Float32Array.of(0, 1);
const eastish = Float32Array.of(0.8, 0.6);
const parts = { absenceMs: 2_000, coolDownMs: 0, sameCosine: 0.7 };
const all = ['match', 'unknown', 'uncertain', 'spoof'] as const;

function appearance(person: string | undefined, embedding: Float32Array, lastSeenMs: number): Appearance {
  return { type: person === undefined ? 'unknown' : 'match', person, embedding, eventAtMs: lastSeenMs, lastSeenMs };
}

test.each([
  { name: 'while the person is still seen', firstSeenMs: 900, isSame: true },
  { name: 'before the absence time is over', firstSeenMs: 2_999, isSame: true },
  { name: 'when the absence time is over', firstSeenMs: 3_000, isSame: false },
])('a track that begins $name', ({ firstSeenMs, isSame }) => {
  const appearances = new Appearances(parts);
  const anna = appearance('anna', east, 1_000);
  appearances.add(anna);
  const probe = (person: string | undefined, ...embeddings: Float32Array[]) => ({ person, embeddings, firstSeenMs });
  expect(appearances.findByPerson(all, probe('anna'))).toBe(isSame ? anna : undefined);
  expect(appearances.findBySimilarity(all, probe(undefined, north, eastish))).toBe(isSame ? anna : undefined);
  expect(appearances.findByPerson(all, probe('bert'))).toBeUndefined();
  expect(appearances.findByPerson(all, probe(undefined))).toBeUndefined();
  expect(appearances.findBySimilarity(all, probe(undefined, north))).toBeUndefined();
  expect(appearances.findByPerson(['spoof'], probe('anna'))).toBeUndefined();
  expect(appearances.findBySimilarity(['spoof'], probe(undefined, east))).toBeUndefined();
});

test('are forgotten when no open track can continue them', () => {
  const appearances = new Appearances(parts);
  appearances.add(appearance(undefined, east, 1_000));
  appearances.add(appearance('anna', north, 1_500));
  appearances.forget(2_999, 9_000);
  expect(appearances.size).toBe(2);
  appearances.forget(3_000, 9_000);
  expect(appearances.size).toBe(1);
  expect(appearances.findByPerson(all, { person: 'anna', embeddings: [], firstSeenMs: 3_000 })).toBeDefined();
});

test('are kept, and silence their person, until the cool-down is over', () => {
  const appearances = new Appearances({ ...parts, coolDownMs: 10_000 });
  appearances.add(appearance('anna', north, 1_000));
  appearances.add(appearance(undefined, east, 2_000));
  const probe = (person: string | undefined, embedding: Float32Array) => ({
    person,
    embeddings: [embedding],
    firstSeenMs: 9_000,
  });
  appearances.forget(9_000, 10_999);
  expect(appearances.findCoolDownEnd('match', probe('anna', east), 10_999)).toBe(11_000);
  expect(appearances.findCoolDownEnd('match', probe('bert', north), 10_999)).toBeUndefined();
  expect(appearances.findCoolDownEnd('unknown', probe(undefined, eastish), 10_999)).toBe(12_000);
  expect(appearances.findCoolDownEnd('unknown', probe(undefined, north), 10_999)).toBeUndefined();
  expect(appearances.findCoolDownEnd('match', probe('anna', east), 11_000)).toBeUndefined();
  expect(appearances.findByPerson(all, probe('anna', north))).toBeUndefined();
  appearances.forget(9_000, 12_000);
  expect(appearances.size).toBe(0);
});

test('are bounded in number', () => {
  const appearances = new Appearances(parts);
  for (let n = 0; n < 1_100; n++) appearances.add(appearance(`p${n}`, east, 0));
  expect(appearances.size).toBe(1_024);
  const probe = (person: string) => ({ person, embeddings: [], firstSeenMs: 0 });
  expect(appearances.findByPerson(all, probe('p75'))).toBeUndefined();
  expect(appearances.findByPerson(all, probe('p76'))).toBeDefined();
});
