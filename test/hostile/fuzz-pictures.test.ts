// Short forms of `npm run fuzz` with pictures and streams, and of what `npm run sanitise` calls, with the ordinary addon.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeCorpus } from '../../tools/fuzz/corpus.js';
import { mutatePicture } from '../../tools/fuzz/mutate.js';
import { runFuzz } from '../../tools/fuzz/run.js';
import { tempDir } from '../support/temp-dir.js';

describe('mutated pictures', () => {
  it('are the same for the same seed and number, and different for another one', async () => {
    const corpus = await makeCorpus();
    const make = (seed: number, number: number): string => mutatePicture(corpus, seed, number).toString('base64');
    expect(make(3, 77)).toBe(make(3, 77));
    const made = new Set(Array.from({ length: 500 }, (_, number) => make(3, number)));
    expect(made.size).toBeGreaterThan(480);
    expect(made.has(make(4, 77))).toBe(false);
  });

  it('give an image or a refusal of the contract, and every kind of both', { timeout: 120_000 }, async () => {
    const folder = tempDir();
    const { outcomes, failures, next } = await runFuzz({ what: 'pictures', seed: 1, from: 0, count: 2_000, folder });
    expect(failures).toEqual([]);
    expect(next).toBe(2_000);
    expect(Object.keys(outcomes).sort()).toEqual([
      'IMAGE_TOO_LARGE',
      'INVALID_IMAGE_FILE',
      'INVALID_IMAGE_FORMAT',
      'decoded',
    ]);
    expect(outcomes.decoded).toBeGreaterThan(200);
    expect(JSON.parse(readFileSync(join(folder, 'pictures.json'), 'utf8'))).toMatchObject({ seed: 1, next: 2_000 });
  });
});

describe('mutated MJPEG streams', () => {
  it('give the same pictures however the bytes arrive, and all kinds of them', { timeout: 120_000 }, async () => {
    const folder = tempDir();
    const { outcomes, failures } = await runFuzz({ what: 'streams', seed: 1, from: 0, count: 1_500, folder });
    expect(failures).toEqual([]);
    expect(Object.keys(outcomes).sort()).toEqual(['all decoded', 'none', 'some damaged']);
  });
});

describe('made-up calls of the addon', () => {
  it('give a result or an error', { timeout: 120_000 }, async () => {
    const folder = tempDir();
    const { outcomes, failures } = await runFuzz({ what: 'addon', seed: 1, from: 500, count: 6_000, folder });
    expect(failures).toEqual([]);
    // Most calls must pass the checks of the arguments: calls that are refused at once prove little.
    expect(outcomes.returned).toBeGreaterThan(1_000);
    expect(Object.keys(outcomes)).toEqual(expect.arrayContaining(['decoded', 'damaged', 'TypeError', 'RangeError']));
  });
});

describe('a run of fuzzing', () => {
  it('keeps the number of each crash, and goes on behind it', { timeout: 120_000 }, async () => {
    const folder = tempDir();
    // An addon that crashes at the third picture which a process gives it.
    const addonPath = join(folder, 'crashing.cjs');
    writeFileSync(
      addonPath,
      `let pictures = 0;
      exports.isWholeJpeg = () => ++pictures === 3 && process.kill(process.pid, 'SIGSEGV');
      exports.decodeJpeg = () => undefined;
      exports.wrapRgb = () => ({ release: () => undefined });`,
    );
    const { next, failures } = await runFuzz({ what: 'addon', seed: 1, from: 40, count: 30, folder, addonPath });
    expect(next).toBe(70);
    const numbers = failures.map((text) =>
      Number(/^seed 1, number (\d+): the process ended with SIGSEGV/.exec(text)?.[1]),
    );
    expect(numbers.length).toBeGreaterThanOrEqual(3);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(numbers.every((number) => number >= 40 && number < 70)).toBe(true);
  });

  it('fails where its process does not start', { timeout: 120_000 }, async () => {
    const folder = tempDir();
    const addonPath = join(folder, 'missing.node');
    await expect(runFuzz({ what: 'addon', seed: 1, from: 40, count: 10, folder, addonPath })).rejects.toThrow(
      /does not start/,
    );
  });
});
