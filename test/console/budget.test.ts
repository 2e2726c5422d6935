// Bytes of the built console, as a browser receives them: the budget that keeps it quick on a small device.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';

const KB = 1_000;
const folder = mkdtempSync(join(tmpdir(), 'lintel-console-'));

beforeAll(() => {
  const script = fileURLToPath(new URL('../../scripts/build-console.mjs', import.meta.url));
  execFileSync(process.execPath, [script, folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function measure(end: string): number {
  const names = readdirSync(join(folder, 'files')).filter((name) => name.endsWith(end));
  expect(names.length).toBeGreaterThan(0);
  return names.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, 'files', name)), { level: 9 }).length, 0);
}

it('all JavaScript has at most 60 kB, gzipped', () => {
  expect(measure('.js')).toBeLessThanOrEqual(60 * KB);
});

it('the style has at most 12 kB, gzipped', () => {
  expect(measure('.css')).toBeLessThanOrEqual(12 * KB);
});

it('the page names files that exist, and none from elsewhere', () => {
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const named = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(2);
  for (const name of named) expect(readFileSync(join(folder, name)).length).toBeGreaterThan(0);
  const texts = readdirSync(join(folder, 'files')).map((name) => readFileSync(join(folder, 'files', name), 'utf8'));
  // Names of XML vocabularies are no addresses that anybody fetches.
  const addresses = texts.flatMap((text) => text.match(/(?:https?:)?\/\/[a-z][\w.-]+\.[a-z]{2,}/g) ?? []);
  expect(addresses.filter((address) => !address.includes('www.w3.org'))).toEqual([]);
  expect(texts.join('')).not.toMatch(/url\(\s*["']?(?!#)[^)]/);
});
