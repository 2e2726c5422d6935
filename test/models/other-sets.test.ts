// Finds the sets, beside the configured one, that can serve the groups made under their versions.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadManifest, getModelSet, type EmbedderModel, type Manifest } from '../../src/models/manifest.js';
import { findOtherSets } from '../../src/models/other-sets.js';
import { inPrecision } from '../../src/models/precision.js';
import { tempDir } from '../support/temp-dir.js';

const FLOAT = Buffer.from('float');
const INT8 = Buffer.from('int8');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Makes a manifest with the standard set and a set of version older-1. @param change modifies the embedder of the older set */
function manifestWith(change: (embedder: EmbedderModel) => void = () => undefined): Manifest {
  const manifest = structuredClone(loadManifest());
  const standard = manifest.sets.standard!;
  const embedder = structuredClone(getModelSet(manifest, 'standard').embedder);
  Object.assign(embedder, { file: 'older.onnx', sha256: sha256(FLOAT) });
  if (embedder.quantised) Object.assign(embedder.quantised, { file: 'older.int8.onnx', sha256: sha256(INT8) });
  change(embedder);
  manifest.models.older = embedder;
  // Without a mask model, which would need crops of the embedder's size.
  const { detector, description } = standard;
  manifest.sets = { standard, older: { detector, description, modelVersion: 'older-1', embedder: 'older' } };
  return manifest;
}

function folderWith(files: Record<string, Buffer>): string {
  const folder = tempDir();
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

const current = getModelSet(loadManifest(), 'standard');
const inInt8 = { ...current, embedder: inPrecision(current.embedder, 'int8') };

describe('another set', () => {
  it('can be used when its embedder is installed, even if its other files are missing', async () => {
    const folder = folderWith({ 'older.onnx': FLOAT });
    expect(await findOtherSets(manifestWith(), current, folder)).toMatchObject([
      { name: 'older', modelVersion: 'older-1', embedder: { file: 'older.onnx' } },
    ]);
  });

  it.each<[string, Record<string, Buffer>, string]>([
    ['8 bits where the current set does', { 'older.onnx': FLOAT, 'older.int8.onnx': INT8 }, 'older.int8.onnx'],
    ['8 bits where there is nothing else', { 'older.int8.onnx': INT8 }, 'older.int8.onnx'],
    ['float where its 8-bit form is missing', { 'older.onnx': FLOAT }, 'older.onnx'],
    ['float where its 8-bit form is wrong', { 'older.onnx': FLOAT, 'older.int8.onnx': FLOAT }, 'older.onnx'],
  ])('runs in %s', async (_words, files, file) => {
    const [older] = await findOtherSets(manifestWith(), inInt8, folderWith(files));
    expect(older!.embedder.file).toBe(file);
  });

  it('of built-in models is computed in float when the current set is, although its only file has 8 bits', async () => {
    const builtIn = manifestWith((embedder) => {
      embedder.origin = { trainedBy: 'tools/train/embedder.py' };
    });
    const [older] = await findOtherSets(builtIn, current, folderWith({ 'older.int8.onnx': INT8 }));
    expect(older!.embedder).toMatchObject({ file: 'older.int8.onnx', inFloat: true });
  });

  it('runs in float when the current set does', async () => {
    const folder = folderWith({ 'older.onnx': FLOAT, 'older.int8.onnx': INT8 });
    expect((await findOtherSets(manifestWith(), current, folder))[0]!.embedder.file).toBe('older.onnx');
  });

  it.each<[string, Manifest, Record<string, Buffer>]>([
    ['its embedder is missing', manifestWith(), {}],
    ['its embedder is another file', manifestWith(), { 'older.onnx': INT8 }],
    ['it takes crops of another size', manifestWith(({ input }) => (input.widthPx = 96)), { 'older.onnx': FLOAT }],
    [
      'it wants the face elsewhere in the crop',
      manifestWith(({ template }) => (template[0] = [30, 30])),
      { 'older.onnx': FLOAT },
    ],
  ])('is left out where %s', async (_words, manifest, files) => {
    expect(await findOtherSets(manifest, current, folderWith(files))).toEqual([]);
  });

  it('is left out when its embedder cannot be read', async () => {
    const folder = tempDir();
    mkdirSync(join(folder, 'older.onnx'));
    expect(await findOtherSets(manifestWith(), current, folder)).toEqual([]);
  });

  it('of the same version is left out', async () => {
    const manifest = manifestWith();
    manifest.sets.older!.modelVersion = current.modelVersion;
    expect(await findOtherSets(manifest, current, folderWith({ 'older.onnx': FLOAT }))).toEqual([]);
  });
});
