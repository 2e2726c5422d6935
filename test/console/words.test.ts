// The catalogues of the console: both languages name the same values, and no phrase is empty.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { defineWords, word, type Phrase, type Words } from '../../src/console/words.js';

const CONSOLE = fileURLToPath(new URL('../../src/console/', import.meta.url));

function isWords(value: unknown): value is Words<string> {
  return typeof value === 'object' && value !== null && 'en' in value && typeof value.en === 'object' && 'ko' in value;
}

async function readCatalogues(): Promise<[string, Words<string>][]> {
  const files = readdirSync(CONSOLE, { recursive: true, encoding: 'utf8' }).filter((name) => /words\.ts$/.test(name));
  const modules = await Promise.all(
    files.map(async (file) => [file, (await import(join(CONSOLE, file))) as Record<string, unknown>] as const),
  );
  return modules.flatMap(([file, exports]) =>
    Object.values(exports).flatMap((value): [string, Words<string>][] => (isWords(value) ? [[file, value]] : [])),
  );
}

/** Lists the values that a phrase needs. A number that only chooses between two texts in the other language is not needed. */
function listPlaces(phrase: Phrase | undefined, other: Phrase | undefined): string[] {
  const list = (text: Phrase | undefined, pattern: RegExp): string[] =>
    typeof text === 'string' ? [...text.matchAll(pattern)].map(([, name = '']) => name) : [];
  const choices = [phrase, other].flatMap((text) => list(text, /\{(\w+):/g));
  const names = list(phrase, /\{(\w+)\}/g).filter((name) => !choices.includes(name));
  return [...new Set(names)].sort();
}

it('each phrase has the same places in both languages, and none is empty', async () => {
  const catalogues = await readCatalogues();
  expect(catalogues.length).toBeGreaterThan(10);
  for (const [file, { en, ko }] of catalogues) {
    expect(Object.keys(ko).sort(), file).toEqual(Object.keys(en).sort());
    for (const key of Object.keys(en)) {
      const where = `${file}: ${key}`;
      expect(en[key], where).not.toBe('');
      expect(ko[key], where).not.toBe('');
      if (typeof en[key] === 'string' && typeof ko[key] === 'string') {
        expect(listPlaces(ko[key], en[key]), where).toEqual(listPlaces(en[key], ko[key]));
      }
    }
  }
});

it('a place is a value, or one of two texts by a number', () => {
  const words = defineWords({
    en: { faces: '{name} has {n:one face|# faces}' },
    ko: { faces: '{name}: 얼굴 {n}개' },
  });
  expect(word(words, 'faces', { name: 'anna', n: 1 })).toBe('anna has one face');
  expect(word(words, 'faces', { name: 'anna', n: 3 })).toBe('anna has 3 faces');
  expect(word(words, 'faces', { name: 'anna' })).toBe('anna has {n:one face|# faces}');
});
