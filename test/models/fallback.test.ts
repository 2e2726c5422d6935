// The built-in set replaces a set whose files are missing.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pickUsableSet } from '../../src/models/fallback.js';
import { loadManifest, type Manifest, type Model } from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import { tempDir } from '../support/temp-dir.js';

const BYTES = Buffer.from('a model');
const sha256 = createHash('sha256').update(BYTES).digest('hex');

/** Makes a manifest with a standard set and a built-in set, each with a detector and an embedder. */
function twoSets(): Manifest {
  const { models, sets } = structuredClone(loadManifest());
  const { detector, embedder, description } = sets.standard!;
  const named = (key: string, file: string): Model => {
    const model: Model = { ...models[key]!, file, sha256 };
    delete model.quantised;
    return model;
  };
  return {
    version: 1,
    sets: {
      standard: { modelVersion: 'standard-1', description, detector: 'd', embedder: 'e' },
      builtin: { modelVersion: 'builtin-1', description, detector: 'bd', embedder: 'be' },
    },
    models: {
      d: named(detector, 'd.onnx'),
      e: named(embedder, 'e.onnx'),
      bd: named(detector, 'bd.onnx'),
      be: named(embedder, 'be.onnx'),
    },
  };
}

function withoutBuiltin(): Manifest {
  const manifest = twoSets();
  return { ...manifest, sets: { standard: manifest.sets.standard! } };
}

/** Makes the folders of the models. @param fetched files of the first folder @param builtin files of the second one, of the built-in models */
function placesWith(fetched: Record<string, Buffer>, builtin = ['bd.onnx', 'be.onnx']): [string, string] {
  const folder = tempDir();
  const places: [string, string] = [join(folder, 'files'), join(folder, 'builtin')];
  for (const place of places) mkdirSync(place);
  for (const [name, bytes] of Object.entries(fetched)) writeFileSync(join(places[0], name), bytes);
  for (const name of builtin) writeFileSync(join(places[1], name), BYTES);
  return places;
}

const standard = { set: 'standard', fallback: true };

describe('where a file of the configured set is missing', () => {
  it('the built-in set runs, with the reason', async () => {
    const manifest = twoSets();
    const places = placesWith({ 'd.onnx': BYTES });
    const { set, fallback } = await pickUsableSet(manifest, standard, places);
    expect(set.name).toBe('builtin');
    expect(fallback).toMatch(/^the built-in models run, because e\.onnx of the set standard is missing: run "lintel/);
    expect(await readModel(places, set.embedder)).toEqual(BYTES);
  });

  it.each<[string, Manifest, typeof standard, string[]]>([
    ['it is forbidden', twoSets(), { set: 'standard', fallback: false }, ['bd.onnx', 'be.onnx']],
    ['there is no built-in set', withoutBuiltin(), standard, ['bd.onnx', 'be.onnx']],
    ['a file of the built-in set is missing as well', twoSets(), standard, ['bd.onnx']],
  ])('the configured set stays where %s', async (_words, manifest, models, builtin) => {
    const { set, fallback } = await pickUsableSet(manifest, models, placesWith({}, builtin));
    expect([set.name, fallback]).toEqual(['standard', undefined]);
  });
});

describe('the configured set runs', () => {
  it('when all its files are present', async () => {
    const { set, fallback } = await pickUsableSet(
      twoSets(),
      standard,
      placesWith({ 'd.onnx': BYTES, 'e.onnx': BYTES }),
    );
    expect([set.name, fallback]).toEqual(['standard', undefined]);
  });

  it('and fails when a file has another sha256 than the manifest: the built-in set does not replace it', async () => {
    const places = placesWith({ 'd.onnx': BYTES, 'e.onnx': Buffer.from('another') });
    const { set } = await pickUsableSet(twoSets(), standard, places);
    await expect(readModel(places, set.embedder)).rejects.toMatchObject({ code: 'MODEL_HASH_MISMATCH' });
  });

  it('when it is the built-in one', async () => {
    const { set, fallback } = await pickUsableSet(twoSets(), { set: 'builtin', fallback: true }, placesWith({}));
    expect([set.name, fallback]).toEqual(['builtin', undefined]);
  });
});
