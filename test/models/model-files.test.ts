import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  loadManifest,
  getModelSet,
  listModels,
  type Manifest,
  type MaskModel,
  type Model,
} from '../../src/models/manifest.js';
import { checkFile, readModel, readTrained } from '../../src/models/model-files.js';
import { convertEspdl } from '../../src/models/espdl/convert.js';
import { fetchModel, type FetchProgress } from '../../src/models/fetch-model.js';
import { inspectSet } from '../../src/models/inspect.js';
import { inPrecision } from '../../src/models/precision.js';
import { espdlDir, missing, sharedFilesDir } from '../support/shared.js';
import { tempDir } from '../support/temp-dir.js';
import { tinyEspdl, writeEspdl } from './espdl-file.js';

const content = Buffer.from('the bytes of a model');
const sha256 = createHash('sha256').update(content).digest('hex');
const template = getModelSet(loadManifest(), 'standard').detector;
const model: Model = { ...template, file: 'tiny.onnx', bytes: content.length, sha256 };

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`;
}

describe('fetchModel', () => {
  it('copies a verified file from a folder, and does nothing the second time', async () => {
    const from = tempDir();
    const dir = join(tempDir(), 'files');
    writeFileSync(join(from, model.file), content);
    expect(await fetchModel(dir, model, { from })).toBe(true);
    expect(readFileSync(join(dir, model.file))).toEqual(content);
    expect(await fetchModel(dir, model, { from })).toBe(false);
    expect(await checkFile(dir, model)).toBe('present');
  });

  it('downloads from a URL with progress', async () => {
    const dir = tempDir();
    const from = await serve((request, response) => {
      expect(request.url).toBe('/models/tiny.onnx');
      response.end(content);
    });
    const seen: FetchProgress[] = [];
    await fetchModel(dir, model, { from, onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ file: 'tiny.onnx', receivedBytes: content.length, totalBytes: content.length });
    expect(readdirSync(dir)).toEqual(['tiny.onnx']);
  });

  it('replaces a file whose hash is wrong', async () => {
    const from = tempDir();
    const dir = tempDir();
    writeFileSync(join(from, model.file), content);
    writeFileSync(join(dir, model.file), 'truncated');
    expect(await checkFile(dir, model)).toBe('wrong');
    await fetchModel(dir, model, { from });
    expect(await checkFile(dir, model)).toBe('present');
  });

  it('refuses a wrong hash, names both, and leaves nothing behind', async () => {
    const dir = tempDir();
    const wrong = Buffer.from('THE BYTES OF A MODEL');
    const from = await serve((_request, response) => response.end(wrong));
    const actual = createHash('sha256').update(wrong).digest('hex');
    await expect(fetchModel(dir, model, { from })).rejects.toMatchObject({
      code: 'MODEL_HASH_MISMATCH',
      message: expect.stringMatching(new RegExp(`${actual}.*${sha256}`)) as string,
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each<[string, RequestListener, RegExp]>([
    ['an error status', (_request, response) => response.writeHead(503).end(), /HTTP 503/],
    [
      'a body that breaks off',
      (_request, response) => void response.write('the', () => response.destroy()),
      /tiny\.onnx/,
    ],
    ['a body that is too long', (_request, response) => response.end(Buffer.alloc(1000)), /more than the 20 bytes/],
  ])('fails with a clear message for %s, and leaves nothing behind', async (_name, listener, message) => {
    const dir = tempDir();
    const from = await serve(listener);
    await expect(fetchModel(dir, model, { from })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(message) as string,
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('names, without a network, the missing file, its place and how to copy it by hand', async () => {
    const dir = tempDir();
    const error = await fetchModel(dir, model, { from: 'http://127.0.0.1:1/' }).catch(
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ code: 'DOWNLOAD_FAILED' });
    for (const part of ['tiny.onnx', '127.0.0.1:1', join(dir, 'tiny.onnx'), 'https://', '--from']) {
      expect((error as Error).message).toContain(part);
    }
  });

  it('names the folder that does not have the file', async () => {
    const from = tempDir();
    await expect(fetchModel(tempDir(), model, { from })).rejects.toThrow(`tiny.onnx is not in ${from}`);
  });
});

describe('fetchModel, where the origin has another format', () => {
  const espdl = writeEspdl(tinyEspdl());
  const onnx = convertEspdl(espdl);
  const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const origin = {
    repository: 'github.com/someone/models',
    commit: 'a'.repeat(40),
    path: 'a/folder/face.espdl',
    url: 'https://example.com/a/folder/face.espdl',
    format: 'espdl' as const,
    bytes: espdl.length,
    sha256: hash(espdl),
  };
  const converted: Model = { ...template, file: 'face.onnx', bytes: onnx.length, sha256: hash(onnx), origin };

  /** Answers requests for the published file, and has no other file. */
  const ifEspdl =
    (answer: (response: ServerResponse) => void): RequestListener =>
    (request, response) =>
      request.url?.endsWith('.espdl') ? answer(response) : response.writeHead(404).end();

  it.each<[string, string, Uint8Array]>([
    ['a folder', 'face.espdl', espdl],
    ['a sub-folder', 'accurate/face.espdl', espdl],
    ['a folder that has the converted file', 'face.onnx', onnx],
  ])('converts the file from %s', async (_words, file, bytes) => {
    const [from, dir] = [tempDir(), join(tempDir(), 'files')];
    mkdirSync(dirname(join(from, file)), { recursive: true });
    writeFileSync(join(from, file), bytes);
    expect(await fetchModel(dir, converted, { from })).toBe(true);
    expect(hash(readFileSync(join(dir, 'face.onnx')))).toBe(converted.sha256);
    expect(readdirSync(dir)).toEqual(['face.onnx']);
    expect(await fetchModel(dir, converted, { from })).toBe(false);
  });

  it('prefers the folder itself to its sub-folders', async () => {
    const [from, dir] = [tempDir(), tempDir()];
    mkdirSync(join(from, 'old'));
    writeFileSync(join(from, 'old/face.espdl'), 'another');
    writeFileSync(join(from, 'face.espdl'), espdl);
    expect(await fetchModel(dir, converted, { from })).toBe(true);
  });

  it('downloads it from a mirror, with progress in bytes of the published file', async () => {
    const dir = tempDir();
    const asked: (string | undefined)[] = [];
    const from = await serve((request, response) => {
      asked.push(request.url);
      if (request.url === '/models/face.espdl') response.end(espdl);
      else response.writeHead(404).end('nothing here');
    });
    const seen: FetchProgress[] = [];
    await fetchModel(dir, converted, { from, onProgress: (progress) => seen.push(progress) });
    expect(asked).toEqual(['/models/face.onnx', '/models/face.espdl']);
    expect(seen.at(-1)).toEqual({ file: 'face.espdl', receivedBytes: espdl.length, totalBytes: espdl.length });
    expect(readdirSync(dir)).toEqual(['face.onnx']);
  });

  it.each<[string, RequestListener, Partial<Model>, { code: string; message: RegExp }]>([
    [
      'a wrong download',
      ifEspdl((response) => response.end(Buffer.alloc(espdl.length))),
      {},
      { code: 'MODEL_HASH_MISMATCH', message: /^face\.espdl from \S+ was refused/ },
    ],
    [
      'a download that breaks off',
      ifEspdl((response) => void response.write(espdl.subarray(0, 9), () => response.destroy())),
      {},
      { code: 'DOWNLOAD_FAILED', message: /^face\.espdl could not be fetched/ },
    ],
    [
      'a mirror that has neither file',
      (_request, response) => response.writeHead(404).end(),
      {},
      { code: 'DOWNLOAD_FAILED', message: /HTTP 404.*put it in a folder and run "lintel models fetch --from FOLDER"/ },
    ],
    [
      'a conversion with another result',
      ifEspdl((response) => response.end(espdl)),
      { sha256: 'b'.repeat(64) },
      { code: 'MODEL_HASH_MISMATCH', message: /^face\.onnx from the conversion of face\.espdl was refused/ },
    ],
  ])('leaves nothing behind after %s', async (_words, listener, change, error) => {
    const dir = tempDir();
    const from = await serve(listener);
    await expect(fetchModel(dir, { ...converted, ...change } as Model, { from })).rejects.toMatchObject({
      code: error.code,
      message: expect.stringMatching(error.message) as string,
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('refuses a published file that is what the manifest says, but cannot be converted', async () => {
    const [from, dir] = [tempDir(), tempDir()];
    writeFileSync(join(from, 'face.espdl'), content);
    const damaged = { ...origin, bytes: content.length, sha256 };
    await expect(fetchModel(dir, { ...converted, origin: damaged }, { from })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('no ESP-DL model') as string,
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('names the published file, its address and the way by a folder where it is missing', async () => {
    const from = tempDir();
    const error = await fetchModel(tempDir(), converted, { from }).catch((thrown: unknown) => thrown as Error);
    for (const part of [`face.espdl is not in ${from}`, origin.url, '--from FOLDER']) {
      expect((error as Error).message).toContain(part);
    }
    await expect(readModel(tempDir(), converted)).rejects.toThrow(/face\.onnx is missing.*"lintel models fetch"/);
  });
});

describe.skipIf(missing("the fetch of Espressif's embedders", sharedFilesDir, espdlDir))('a mirror folder', () => {
  it.each(['accurate', 'accurate-large'])('gives the embedder of the set %s from its sub-folder', async (name) => {
    const dir = tempDir();
    const { embedder } = getModelSet(loadManifest(), name);
    expect(await fetchModel(dir, embedder, { from: sharedFilesDir })).toBe(true);
    expect(await checkFile(dir, embedder)).toBe('present');
  });
});

describe('readModel', () => {
  it('returns the bytes of a correct file', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, model.file), content);
    expect(Buffer.from(await readModel(dir, model))).toEqual(content);
  });

  it('refuses a missing and a truncated file', async () => {
    const dir = tempDir();
    await expect(readModel(dir, model)).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    writeFileSync(join(dir, model.file), content.subarray(0, 5));
    await expect(readModel(dir, model)).rejects.toMatchObject({ code: 'MODEL_HASH_MISMATCH' });
  });
});

describe('a built-in model', () => {
  const trained = getModelSet(loadManifest(), 'builtin').detector;
  const places = (): [string, string] => [tempDir(), tempDir()];

  it('that is missing causes an error that names the searched folders and the installation', async () => {
    const [files, builtin] = places();
    for (const form of [inPrecision(trained, 'int8'), inPrecision(trained, 'float')]) {
      await expect(readModel([files, builtin], form)).rejects.toMatchObject({
        code: 'MODEL_MISSING',
        message: `the model ${form.file} is missing; it was looked for in ${files} and ${builtin}. It is part of the installation: install Lintel again`,
      });
    }
  });

  it('has a float file that may be newer than the manifest; an error names the script or the command for it', async () => {
    const [files, builtin] = places();
    await expect(readModel([files, builtin], trained)).rejects.toThrow(
      /looked for in \S+\. It is made by tools\/train\/detector\.py; only its 8-bit form is part of the installation$/,
    );
    writeFileSync(join(files, trained.file), content);
    await expect(readModel([files, builtin], trained)).rejects.toThrow(
      /trained again, run "npm run models -- ranges" for it$/,
    );
    expect(Buffer.from(await readTrained([files, builtin], trained))).toEqual(content);
  });

  it('cannot be downloaded', async () => {
    const dir = tempDir();
    await expect(fetchModel(dir, trained)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('trained by tools/train/detector.py') as string,
    });
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('inspectSet', () => {
  it('lists the files of a set with their states and origins', async () => {
    const [detector] = await inspectSet(tempDir(), getModelSet(loadManifest(), 'standard'));
    expect(detector).toMatchObject({ task: 'detector', file: template.file, state: 'missing' });
    expect(detector!.origin).toMatch(/^github\.com\/\S+@[0-9a-f]{8}$/);
  });

  it('lists the 8-bit files of the built-in set with the script that trained them', async () => {
    const set = getModelSet(loadManifest(), 'builtin');
    const statuses = await inspectSet(tempDir(), set);
    expect(statuses.map(({ file, bytes, origin }) => ({ file, bytes, origin }))).toEqual(
      listModels(set).map(({ quantised, origin }) => ({
        file: quantised?.file,
        bytes: quantised?.bytes,
        origin: `trained by ${'trainedBy' in origin ? origin.trainedBy : ''}`,
      })),
    );
  });
});

describe('the manifest', () => {
  it('has the standard set with all four tasks', () => {
    expect(listModels(getModelSet(loadManifest(), 'standard')).map((m) => m.task)).toEqual([
      'detector',
      'embedder',
      'mask',
      'liveness',
    ]);
  });

  it('names each origin by its commit, or by the script that trains it', () => {
    for (const { origin } of Object.values(loadManifest().models)) {
      if ('trainedBy' in origin) {
        expect(existsSync(new URL(`../../${origin.trainedBy}`, import.meta.url))).toBe(true);
        continue;
      }
      expect(origin.url).toContain(origin.commit);
      expect(origin.url.endsWith(origin.path)).toBe(true);
    }
  });

  it('refuses an unknown set, and names the known ones', () => {
    expect(() => getModelSet(loadManifest(), 'nonesuch')).toThrow(/nonesuch.*standard/);
  });

  it.each([
    ['no JSON', '{', /cannot be read as JSON/],
    ['an unknown key', JSON.stringify({ ...loadManifest(), extra: 1 }), /extra/],
    ['a short hash', JSON.stringify(loadManifest()).replace(/"sha256":"[0-9a-f]{4}/, '"sha256":"'), /sha256/],
  ])('refuses %s', (_name, text, message) => {
    const path = join(tempDir(), 'manifest.json');
    writeFileSync(path, text);
    expect(() => loadManifest(path)).toThrow(message);
  });

  type Json = Record<string, Record<string, Record<string, unknown>>>;
  it.each<[string, (models: Json) => void, RegExp]>([
    [
      'a built-in model without an 8-bit form',
      (models) => delete models['builtin-mask']!.quantised,
      /needs an 8-bit form/,
    ],
    [
      'an 8-bit form of a fetched embedder without points of its own',
      (models) => delete models.mobilefacenet!.quantised!.calibration,
      /needs its own calibration/,
    ],
    ['a script outside tools/train', (models) => (models['builtin-mask']!.origin!.trainedBy = '../a.py'), /origin/],
  ])('refuses %s', (_name, change, message) => {
    const manifest = structuredClone(loadManifest());
    change(manifest.models as unknown as Json);
    const path = join(tempDir(), 'manifest.json');
    writeFileSync(path, JSON.stringify(manifest));
    expect(() => loadManifest(path)).toThrow(message);
  });

  it('refuses a set whose mask model takes aligned faces of another size than the embedder', () => {
    const manifest: Manifest = structuredClone(loadManifest());
    (manifest.models['builtin-mask'] as MaskModel).input.widthPx = 96;
    expect(() => getModelSet(manifest, 'builtin')).toThrow(/its input has another size/);
  });

  it('refuses a set whose embedder is a detector', () => {
    const manifest = structuredClone(loadManifest());
    manifest.sets.standard!.embedder = 'yunet-n';
    expect(() => getModelSet(manifest, 'standard')).toThrow(/no embedder/);
  });
});
