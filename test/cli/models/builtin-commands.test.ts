// npm run models -- ranges, quantise, sensitivity and calibrate on built-in models, with and without the float files of a training.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { RegisterCommand } from '../../../src/cli/context.js';
import { registerCalibrate } from '../../../src/cli/models/calibrate.js';
import { createInputs } from '../../../tools/models/inputs.js';
import { registerQuantise } from '../../../src/cli/models/quantise.js';
import { registerRanges } from '../../../tools/models/ranges.js';
import { registerSensitivity } from '../../../tools/models/sensitivity.js';
import { encodePicture } from '../../../tools/rendered-people/clip-file.js';
import { renderFace } from '../../../tools/rendered-people/render-face.js';
import { HELD_OUT_FOLDS, listHeldOutPeople, readPairs } from '../../../src/models/calibrate/lfw-pairs.js';
import { loadManifest, MANIFEST_PATH, getModelSet, type Manifest } from '../../../src/models/manifest.js';
import { inPrecision } from '../../../src/models/precision.js';
import { readRanges } from '../../../src/models/quantise/ranges.js';
import { loadAddon } from '../../../src/native/addon.js';
import { lintel, type Run } from '../terminal.js';
import { tempDir } from '../../support/temp-dir.js';
import { sha256, tinyDetector } from '../../models/tiny-model.js';

const addon = loadAddon();

function run(
  args: string[],
  register: (models: Command, context: never, manifestPath: string) => void,
  { manifest, modelsDir = tempDir() }: { manifest: string; modelsDir?: string },
): Promise<Run> {
  const command: RegisterCommand = (models, context) => register(models, context as never, manifest);
  return lintel(['models', ...args], { models: command }, { environment: { modelsDir }, cwd: tempDir() });
}

/** A manifest of its own, changed. */
function manifestWith(change: (manifest: Manifest) => void): string {
  const json = structuredClone(loadManifest());
  change(json);
  const path = join(tempDir(), 'manifest.json');
  writeFileSync(path, JSON.stringify(json));
  return path;
}

/** An installation whose built-in detector is the small one, and was just trained again. */
function trained(): { manifest: string; modelsDir: string; pictures: string } {
  const [modelsDir, pictures] = [tempDir(), tempDir()];
  writeFileSync(join(modelsDir, 'tiny.onnx'), tinyDetector());
  for (let i = 1; i <= 2; i++) {
    const face = renderFace(i, { widthPx: 112, heightPx: 112, facePx: 60 });
    writeFileSync(join(pictures, `Person_${i}_000${i}.jpg`), encodePicture(face, addon));
  }
  const manifest = manifestWith(({ models, sets }) => {
    const quantised = { file: 'tiny.int8.onnx', bytes: 1, sha256: '0'.repeat(64), ranges: 'ranges/tiny.json' };
    models.tiny = { ...getModelSet(loadManifest(), 'builtin').detector, file: 'tiny.onnx', bytes: 1, quantised };
    sets.builtin!.detector = 'tiny';
  });
  return { manifest, modelsDir, pictures };
}

describe('after the training of a built-in model', () => {
  it('takes it with ranges and quantise --update: sizes and hashes of both files come into the manifest', async () => {
    const { manifest, modelsDir, pictures } = trained();
    const early = await run(['quantise', '--set', 'builtin'], registerQuantise, { manifest, modelsDir });
    expect(early.stderr).toContain('trained again, run "npm run models -- ranges"');
    const record = ['ranges', 'tiny', '--pictures', pictures, '--count', '2'];
    const recorded = await run(record, registerRanges, { manifest, modelsDir });
    expect(recorded.stderr).toBe('');
    expect(recorded.stdout).toContain(`tiny.onnx was trained again: its new size and sha256 are in ${manifest}`);
    const float = tinyDetector();
    const model = (): unknown => loadManifest(manifest).models.tiny;
    expect(model()).toMatchObject({ bytes: float.length, sha256: sha256(float), quantised: { bytes: 1 } });
    expect(readRanges(join(dirname(manifest), 'ranges/tiny.json')).sha256).toBe(sha256(float));
    // The files of the other models, which nobody has trained here, are those of the installation.
    const update = ['quantise', '--set', 'builtin', '--update'];
    const made = await run(update, registerQuantise, { manifest, modelsDir });
    expect(made.stderr).toBe('');
    const builtin = join(dirname(manifest), 'builtin');
    expect(made.stdout).toMatch(/tiny\.int8\.onnx: .*\n.*builtin-embedder\.int8\.onnx is part of the installation/);
    expect(made.stdout).toContain(`The 8-bit files are in ${builtin}.\n`);
    expect(readdirSync(modelsDir)).toEqual(['tiny.onnx']);
    const bytes = readFileSync(join(builtin, 'tiny.int8.onnx'));
    expect(model()).toMatchObject({ quantised: { bytes: bytes.length, sha256: sha256(bytes) } });
    const again = await run(record, registerRanges, { manifest, modelsDir });
    expect(again.stdout).not.toContain('trained again');
  }, 20_000);
});

describe('without a float file of a built-in model', () => {
  const manifest = MANIFEST_PATH;
  const { detector } = getModelSet(loadManifest(), 'builtin');

  it.each([[[]], [['--missing']], [['--update']]])('need not quantise, also not with %j', async (options) => {
    const before = readFileSync(manifest);
    const { code, stdout } = await run(['quantise', '--set', 'builtin', ...options], registerQuantise, { manifest });
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => line.includes('is part of the installation'))).toHaveLength(3);
    expect(stdout).not.toContain('The 8-bit files are in');
    expect(readFileSync(manifest)).toEqual(before);
  });

  it('the commands say so where a file is not even part of the installation', async () => {
    const { manifest: broken } = trained();
    const { code, stderr } = await run(['quantise', '--set', 'builtin'], registerQuantise, { manifest: broken });
    expect(code).toBe(1);
    expect(stderr).toMatch(/tiny\.int8\.onnx is missing.*install Lintel again/);
  });

  it.each<[string, typeof registerRanges]>([
    ['ranges', registerRanges],
    ['sensitivity', registerSensitivity],
  ])('is told by %s what makes it', async (command, register) => {
    const { pictures } = trained();
    const { code, stderr } = await run([command, 'builtin-detector', '--pictures', pictures], register, { manifest });
    expect(code).toBe(1);
    expect(stderr).toContain(`${detector.file} is missing`);
    expect(stderr).toContain('made by tools/train/detector.py; only its 8-bit form is part of the installation');
  });
});

describe('what a mask model of aligned faces is recorded on', () => {
  it('are the faces themselves, every second one with its lower part covered', async () => {
    const { mask } = getModelSet(loadManifest(), 'builtin');
    if (!mask) throw new Error('the built-in set has lost its mask model');
    const size = { widthPx: 112, heightPx: 112 };
    const grey = { ...size, rgb: new Uint8Array(3 * 112 * 112).map((_, i) => i % 251) };
    const inputs: Float32Array[] = [];
    for await (const { data } of createInputs(mask, [grey, grey, grey], addon)) inputs.push(data);
    const [bare, masked, third] = inputs.map((data) => createHash('sha256').update(data).digest('hex'));
    expect(bare).toBe(third);
    expect(masked).not.toBe(bare);
    const row = (data: Float32Array, y: number): Set<number> => new Set(data.subarray(y * 112, (y + 1) * 112));
    expect(row(inputs[1]!, 20)).toEqual(row(inputs[0]!, 20));
    for (const y of [64, 90, 111]) {
      expect(row(inputs[1]!, y).size).toBe(1);
      expect(row(inputs[0]!, y).size).toBeGreaterThan(20);
    }
    await expect(createInputs(mask, [{ ...size, widthPx: 100 }] as never, addon).next()).rejects.toThrow(
      '112 x 112 px',
    );
  });
});

describe('the pairs of LFW', () => {
  const lines = (folds: number): string[] =>
    Array.from({ length: folds }, (_, fold) => [`Same_${fold}\t1\t12`, `One_${fold}\t3\tOther_${fold}\t4`]).flat();
  const write = (text: string): string => {
    const path = join(tempDir(), 'pairs.txt');
    writeFileSync(path, text);
    return path;
  };

  it('are read with their folds, and tell who is held out', () => {
    const pairs = readPairs(write(`10\t1\n${lines(10).join('\r\n')}\n`));
    expect(pairs).toHaveLength(20);
    expect(pairs.slice(18)).toEqual([
      { first: 'Same_9_0001', second: 'Same_9_0012', same: true, fold: 9 },
      { first: 'One_9_0003', second: 'Other_9_0004', same: false, fold: 9 },
    ]);
    expect(HELD_OUT_FOLDS).toEqual([7, 8, 9]);
    expect([...listHeldOutPeople(pairs)].sort()).toEqual(
      ['One', 'Other', 'Same'].flatMap((name) => [7, 8, 9].map((fold) => `${name}_${fold}`)),
    );
    expect([...listHeldOutPeople(pairs, [0])]).toEqual(['Same_0', 'One_0', 'Other_0']);
  });

  it.each([
    ['cut off', `10\t1\n${lines(9).join('\n')}`, /has 18 pairs/],
    ['of another kind', 'no pairs', /has 0 pairs/],
    ['empty', '', /has 0 pairs/],
    ['with a broken line', `10\t1\n${lines(10).join('\n').replace('\tOther_0\t4', '')}`, /line 3 .* is no pair/],
  ])('are refused %s', (_name, text, message) => {
    expect(() => readPairs(write(text))).toThrow(message);
  });

  it('are refused where they are not there', () => {
    expect(() => readPairs(join(tempDir(), 'pairs.txt'))).toThrow(expect.objectContaining({ code: 'INVALID_PARAM' }));
  });
});

describe('lintel models calibrate --held-out', () => {
  /** 450 people of the folds 8 to 10, two of them with two pictures, and others. Each picture is another pattern. */
  function madeUpSet(): { pictures: string; pairs: string } {
    const folder = tempDir();
    const pictures = join(folder, 'pictures');
    mkdirSync(pictures);
    const perFold = 50;
    const lines: string[] = [];
    for (let fold = 0; fold < 10; fold++) {
      for (let i = 0; i < perFold; i++) lines.push(`Same_${fold}x${i}\t1\t2`);
      for (let i = 0; i < perFold; i++) lines.push(`One_${fold}x${i}\t1\tOther_${fold}x${i}\t1`);
    }
    const pairs = join(folder, 'pairs.txt');
    writeFileSync(pairs, `10\t${perFold}\n${lines.join('\n')}\n`);
    const heldOut = lines
      .slice(7 * 2 * perFold)
      .flatMap((line) => line.split('\t').filter((word) => word.includes('x')));
    const photos = heldOut.map((person) => `${person}_0001`);
    [...photos, 'Same_7x0_0002', 'Same_9x3_0002', 'Same_0x0_0001', 'Same_0x0_0002', 'Nobody_0001'].forEach(
      (name, i) => {
        const rgb = new Uint8Array(3 * 112 * 112).map((_, at) => {
          const [x, y, channel] = [Math.floor(at / 3) % 112, Math.floor(at / 336), at % 3];
          return (
            128 + 60 * Math.sin((x * (1 + (i % 21))) / 40 + channel) + 60 * Math.cos((y * (1 + (i % 23))) / 40 + i)
          );
        });
        writeFileSync(join(pictures, `${name}.jpg`), encodePicture({ widthPx: 112, heightPx: 112, rgb }, addon));
      },
    );
    return { pictures, pairs };
  }

  it('measures the people whom the training has not seen, and says so', async () => {
    const { pictures, pairs } = madeUpSet();
    const manifest = manifestWith(({ models }) => {
      // The same files as those of a model that is fetched.
      const { origin } = models.mobilefacenet!;
      const embedder = inPrecision(getModelSet(loadManifest(), 'builtin').embedder, 'int8');
      const quantised = embedder.quantised && { ...embedder.quantised, calibration: embedder.calibration };
      models.mobilefacenet = { ...embedder, quantised, origin };
    });
    const calibrate = (...options: string[]): Promise<Run> =>
      run(['calibrate', '--pictures', pictures, '--held-out', pairs, '--write', ...options], registerCalibrate, {
        manifest,
      });
    const pickEmbedder = (set: string) => getModelSet(loadManifest(manifest), set).embedder;
    const figures = '2 genuine, 0.1 million impostor, int8, corrected for conditions';

    const standardBefore = pickEmbedder('standard');
    const measured = await calibrate('--set', 'builtin');
    expect(measured.stderr).not.toContain('lintel:');
    expect(measured.stdout).toContain('452 faces, 2 genuine and 101,924 impostor pairs');
    const builtin = pickEmbedder('builtin');
    expect(builtin.calibration.source).toBe(
      `all pairs of the 452 LFW faces of the people of folds 8 to 10, which the training has not seen: ${figures}`,
    );
    expect(builtin.calibration.points.map(({ similarity }) => similarity)).toEqual([70, 80, 90]);
    // There is one calibration for both forms.
    expect(builtin.quantised).not.toHaveProperty('calibration');
    for (const precision of ['float', 'int8'] as const) {
      expect(inPrecision(builtin, precision).calibration).toEqual(builtin.calibration);
    }
    expect(pickEmbedder('standard')).toEqual(standardBefore);

    await calibrate('--set', 'standard', '--precision', 'int8', '--name', 'faces of a test');
    const standard = pickEmbedder('standard');
    expect(standard.calibration).toEqual(standardBefore.calibration);
    expect(standard.quantised?.calibration?.source).toBe(
      `all pairs of the 452 faces of a test of the people of folds 8 to 10: ${figures}`,
    );
    expect(standard.quantised?.calibration?.points).toHaveLength(3);
  }, 20_000);

  it('refuses what are no pairs', async () => {
    const args = ['calibrate', '--pictures', '.', '--set', 'builtin', '--held-out', 'nowhere.txt'];
    const { code, stderr } = await run(args, registerCalibrate, { manifest: MANIFEST_PATH });
    expect(code).toBe(1);
    expect(stderr).toMatch(/nowhere\.txt cannot be read/);
  });
});
