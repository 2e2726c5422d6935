// lintel models quantise, ranges and calibrate, on the small detector and, where they are at hand, on the standard models.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { RegisterCommand } from '../../../src/cli/context.js';
import { registerCalibrate } from '../../../src/cli/models/calibrate.js';
import { registerQuantise } from '../../../src/cli/models/quantise.js';
import { registerRanges } from '../../../tools/models/ranges.js';
import { registerSensitivity } from '../../../tools/models/sensitivity.js';
import { encodePicture } from '../../../tools/rendered-people/clip-file.js';
import { renderFace } from '../../../tools/rendered-people/render-face.js';
import { loadManifest, MANIFEST_PATH, getModelSet, listModels } from '../../../src/models/manifest.js';
import { isBuiltIn } from '../../../src/models/precision.js';
import { readRanges } from '../../../src/models/quantise/ranges.js';
import { loadAddon } from '../../../src/native/addon.js';
import { lintel, type Run } from '../terminal.js';
import { missing, sharedModelsDir } from '../../support/shared.js';
import { tempDir } from '../../support/temp-dir.js';
import { sha256, tinyDetector } from '../../models/tiny-model.js';

function withManifest(
  register: (models: Command, context: never, manifestPath: string) => void,
  path: string,
): RegisterCommand {
  return (models, context) => register(models, context as never, path);
}

/** An installation of its own with the small detector as the standard set's. */
function installation(): { manifest: string; modelsDir: string; pictures: string } {
  const root = tempDir();
  const modelsDir = join(root, 'files');
  const pictures = join(root, 'pictures');
  mkdirSync(modelsDir);
  mkdirSync(pictures);
  const bytes = tinyDetector();
  writeFileSync(join(modelsDir, 'tiny.onnx'), bytes);
  const json = JSON.parse(readFileSync(MANIFEST_PATH, 'utf8')) as {
    sets: Record<string, Record<string, string>>;
    models: Record<string, Record<string, unknown>>;
  };
  json.sets.standard!.detector = 'tiny';
  json.models.tiny = {
    ...json.models['yunet-n'],
    file: 'tiny.onnx',
    bytes: bytes.length,
    sha256: sha256(bytes),
    quantised: { file: 'tiny.int8.onnx', bytes: 1, sha256: '0'.repeat(64), ranges: 'ranges/tiny.json' },
  };
  // The set's other models are left alone here.
  json.sets.alone = { ...json.sets.standard, embedder: 'mobilefacenet' };
  const manifest = join(root, 'manifest.json');
  writeFileSync(manifest, JSON.stringify(json));
  const addon = loadAddon();
  for (let i = 1; i <= 2; i++) {
    const face = renderFace(i, { widthPx: 112, heightPx: 112, facePx: 60 });
    writeFileSync(join(pictures, `Person_${i}_000${i}.jpg`), encodePicture(face, addon));
  }
  return { manifest, modelsDir, pictures };
}

function run(args: string[], command: RegisterCommand, modelsDir: string): Promise<Run> {
  return lintel(['models', ...args], { models: command }, { environment: { modelsDir }, cwd: tempDir() });
}

describe('npm run models -- ranges', () => {
  it('records, quantises into the manifest, and the second time finds the hash right', async () => {
    const { manifest, modelsDir, pictures } = installation();
    const ranges = withManifest(registerRanges, manifest);
    const float = ['--float', 'stem.out', 'sum:heads:depth'];
    const recorded = await run(['ranges', 'tiny', '--pictures', pictures, '--count', '2', ...float], ranges, modelsDir);
    expect(recorded.stderr).toBe('');
    expect(recorded.stdout).toContain('tiny.onnx, on 2 pictures');
    const file = join(dirname(manifest), 'ranges/tiny.json');
    expect(readRanges(file)).toMatchObject({ file: 'tiny.onnx', floatLayers: ['stem.out', 'sum:heads:depth'] });
    const text = readFileSync(file, 'utf8');
    // The layers that stay in float are remembered.
    expect((await run(['ranges', 'tiny', '--pictures', pictures, '--count', '2'], ranges, modelsDir)).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it.each([
    [['ranges', 'nonesuch', '--pictures', '.'], /no model "nonesuch"/],
    [['ranges', 'tiny', '--pictures', '.', '--count', '0'], /--count must be a whole number/],
    [['ranges', 'tiny', '--pictures', 'nowhere'], /nowhere does not exist/],
    [['ranges', 'tiny'], /--pictures/],
    [['ranges', 'tiny', '--pictures', '.', '--method', 'guess'], /minmax, mse/],
  ])('refuses %j', async (args, words) => {
    const { manifest, modelsDir } = installation();
    const { code, stderr } = await run(args, withManifest(registerRanges, manifest), modelsDir);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(words);
  });
});

describe('lintel models quantise', () => {
  const skip = missing('quantising the standard models', sharedModelsDir);

  it.skipIf(skip)('makes the files that the manifest names, byte for byte, without any picture', async () => {
    const out = tempDir();
    const command = withManifest(registerQuantise, MANIFEST_PATH);
    const { code, stdout, stderr } = await run(['quantise', '--out', out], command, sharedModelsDir ?? '');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    // The mask model is part of the installation in its 8-bit form.
    const fetched = listModels(getModelSet(loadManifest(), 'standard')).filter((model) => !isBuiltIn(model));
    const forms = fetched.flatMap(({ quantised }) => quantised ?? []);
    expect(readdirSync(out).sort()).toEqual(forms.map(({ file }) => file).sort());
    for (const { file, sha256: hash, bytes } of forms) {
      const made = readFileSync(join(out, file));
      expect(made).toHaveLength(bytes);
      expect(createHash('sha256').update(made).digest('hex')).toBe(hash);
    }
    expect(stdout).toContain('minifas_v2_se_128.onnx has no 8-bit form and stays in float');
  });

  it('says what is missing before it is fetched', async () => {
    const command = withManifest(registerQuantise, MANIFEST_PATH);
    const { code, stderr } = await run(['quantise', '--out', tempDir()], command, tempDir());
    expect(code).toBe(1);
    expect(stderr).toContain('lintel models fetch');
  });

  it('refuses what came out otherwise than the manifest says, and writes it where a developer updates', async () => {
    const { manifest, modelsDir, pictures } = installation();
    await run(
      ['ranges', 'tiny', '--pictures', pictures, '--count', '2'],
      withManifest(registerRanges, manifest),
      modelsDir,
    );
    const command = withManifest(registerQuantise, manifest);
    const refused = await run(['quantise'], command, modelsDir);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /tiny\.int8\.onnx has the SHA-256 [0-9a-f]{64} after quantisation, but the manifest has 0000/,
    );
    expect(readdirSync(modelsDir)).toEqual(['tiny.onnx']);
    // The embedder is not there; the detector comes first.
    expect((await run(['quantise', '--update'], command, modelsDir)).stderr).toContain('MobileFaceNet.onnx is missing');
    const { detector } = getModelSet(loadManifest(manifest), 'standard');
    const made = readFileSync(join(modelsDir, 'tiny.int8.onnx'));
    expect(detector.quantised).toMatchObject({ bytes: made.length, sha256: sha256(made) });
    expect((await run(['quantise'], command, modelsDir)).stdout).toContain('tiny.int8.onnx: ');
  });
});

describe('lintel models calibrate', () => {
  const skip = missing('calibrating the standard embedder', sharedModelsDir);

  it.skipIf(skip)('refuses a set with too few pairs, and pictures of another size', async () => {
    const { manifest, pictures } = installation();
    const command = withManifest(registerCalibrate, manifest);
    const few = await run(['calibrate', '--pictures', pictures], command, sharedModelsDir ?? '');
    expect(few.code).toBe(1);
    expect(few.stderr).toMatch(/too few for a rate of 0\.00001/);
    const face = renderFace(3, { widthPx: 120, heightPx: 120, facePx: 60 });
    writeFileSync(join(pictures, 'Person_3_0001.jpg'), encodePicture(face, loadAddon()));
    const large = await run(['calibrate', '--pictures', pictures], command, sharedModelsDir ?? '');
    expect(large.stderr).toContain('Person_3_0001 is not 112 x 112 px');
  });

  it.each([
    [['calibrate'], /--pictures/],
    [['calibrate', '--pictures', '.', '--precision', 'fp16'], /float, int8/],
    [['calibrate', '--pictures', '.', '--set', 'nonesuch'], /no model set "nonesuch"/],
  ])('refuses %j', async (args, words) => {
    const { code, stderr } = await run(args, withManifest(registerCalibrate, MANIFEST_PATH), tempDir());
    expect(code).not.toBe(0);
    expect(stderr).toMatch(words);
  });
});

describe('npm run models -- sensitivity', () => {
  it('lists the layers of a model, worst first', async () => {
    const { manifest, modelsDir, pictures } = installation();
    const record = ['ranges', 'tiny', '--pictures', pictures, '--count', '2'];
    await run(record, withManifest(registerRanges, manifest), modelsDir);
    const command = withManifest(registerSensitivity, manifest);
    const { code, stdout, stderr } = await run(['sensitivity', 'tiny', '--pictures', pictures], command, modelsDir);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const figures = [...stdout.matchAll(/^ *([\d.]+) dB {2}(?:Conv|Add) +\S+$/gm)].map(([, figure]) => Number(figure));
    expect(figures).toHaveLength(8);
    expect(figures).toEqual(figures.toSorted((a, b) => a - b));
  });

  it.each([
    [['sensitivity', 'nonesuch', '--pictures', '.'], /no model "nonesuch"/],
    [['sensitivity', 'minifas-v2-se', '--pictures', '.'], /has no recorded ranges/],
  ])('refuses %j', async (args, words) => {
    const { code, stderr } = await run(args, withManifest(registerSensitivity, MANIFEST_PATH), tempDir());
    expect(code).toBe(1);
    expect(stderr).toMatch(words);
  });
});

describe('the recorded ranges', () => {
  it('belong to the files that the manifest names', () => {
    const quantised = Object.values(loadManifest().models).filter((model) => model.quantised);
    expect(quantised.length).toBeGreaterThanOrEqual(5);
    for (const model of quantised) {
      const recorded = readRanges(join(dirname(MANIFEST_PATH), model.quantised?.ranges ?? ''));
      expect(recorded).toMatchObject({ file: model.file, sha256: model.sha256 });
    }
  });
});
