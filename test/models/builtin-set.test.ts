// The built-in models of the installation: complete, small, and usable in both forms on every machine.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cosine, normalise } from '../../src/domain/embedding.js';
import { renderFace } from '../../tools/rendered-people/render-face.js';
import {
  BUILTIN_MODELS_DIR,
  loadManifest,
  getModelSet,
  listModels,
  type DetectorModel,
  type Model,
} from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import {
  listForms,
  isBuiltIn,
  multipliesBytes,
  readPrecision,
  readProcessorFlags,
} from '../../src/models/precision.js';
import { ModelSession, type FloatTensor } from '../../src/models/session.js';
import { loadAddon } from '../../src/native/addon.js';
import { Embedder } from '../../src/vision/embed.js';
import { tempDir } from '../support/temp-dir.js';

const manifest = loadManifest();
const set = getModelSet(manifest, 'builtin');

function makeTensor(widthPx: number, heightPx: number): FloatTensor {
  const data = Float32Array.from({ length: 3 * widthPx * heightPx }, (_, i) => 128 + 100 * Math.sin(i * 0.013));
  return { data, dims: [1, 3, heightPx, widthPx] };
}

/** Opens a model from the installation alone: the folder of the fetched files is empty. */
async function open(form: Model, input: FloatTensor): Promise<ModelSession> {
  const warmUp = { [form.input.name]: input };
  const bytes = await readModel(tempDir(), form);
  const session = await ModelSession.create(form.file, bytes, { providers: ['cpu'], warmUp, inFloat: form.inFloat });
  onTestFinished(() => session.release());
  return session;
}

describe('the files of the built-in models', () => {
  it('are the only files of their folder, match the manifest, and are small enough for the repository', () => {
    const files = listModels(set).flatMap(({ quantised }) => quantised ?? []);
    expect(readdirSync(BUILTIN_MODELS_DIR).sort()).toEqual(files.map(({ file }) => file).sort());
    for (const { file, bytes, sha256 } of files) {
      const content = readFileSync(join(BUILTIN_MODELS_DIR, file));
      expect(content).toHaveLength(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
    expect(files.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(4_000_000);
    expect(set.embedder.quantised?.bytes).toBeLessThanOrEqual(700_000);
  });

  it('have names by which scripts/setup recognises that they are not fetched', () => {
    for (const model of Object.values(manifest.models)) {
      expect(model.file.startsWith('builtin-')).toBe(isBuiltIn(model));
      expect(model.quantised?.file.endsWith('.int8.onnx') ?? true).toBe(true);
    }
  });

  it('cover all tasks but liveness, and have their own model version', () => {
    expect(listModels(set).map(({ task }) => task)).toEqual(['detector', 'embedder', 'mask']);
    expect(listModels(set).every(isBuiltIn)).toBe(true);
    expect(set.modelVersion).not.toBe(getModelSet(manifest, 'standard').modelVersion);
  });

  it('have calibration points that rise', () => {
    for (const { calibration } of listForms(set.embedder)) {
      expect(calibration.points.map(({ similarity, far }) => [similarity, far])).toEqual([
        [70, 1e-3],
        [80, 1e-4],
        [90, 1e-5],
      ]);
      const cosines = calibration.points.map(({ cosine }) => cosine);
      expect(cosines).toEqual(cosines.toSorted((a, b) => a - b));
    }
  });
});

describe.each(['float', 'int8'] as const)('the built-in models in %s', (precision) => {
  const pickForm = <M extends Model>(model: M): M => {
    const form = listForms(model).find((one) => readPrecision(one) === precision);
    if (!form) throw new Error(`${model.file} has no form in ${precision}`);
    return form;
  };

  it.each([
    [640, 480],
    [320, 256],
    [640, 640],
  ])('find faces in %i x %i px', async (widthPx, heightPx) => {
    const detector: DetectorModel = pickForm(set.detector);
    const input = makeTensor(widthPx, heightPx);
    const outputs = await (await open(detector, input)).run({ [detector.input.name]: input });
    const lengths = detector.strides.flatMap((stride): [string, number][] => {
      const cells = (widthPx / stride) * (heightPx / stride);
      return [
        [`bbox_${stride}`, cells * 4],
        [`cls_${stride}`, cells],
        [`kps_${stride}`, cells * 10],
        [`obj_${stride}`, cells],
      ];
    });
    const actual = Object.entries(outputs).map(([name, data]): [string, number] => [name, data.length]);
    expect(new Map(actual)).toEqual(new Map(lengths));
    for (const stride of detector.strides) {
      for (const name of [`cls_${stride}`, `obj_${stride}`]) {
        expect(outputs[name]!.every((score) => score >= 0 && score <= 1)).toBe(true);
      }
    }
  });

  it('distinguish people and masks by a face of 112 x 112 px', async () => {
    const input = makeTensor(112, 112);
    const embedder = pickForm(set.embedder);
    const embedded = await (await open(embedder, input)).run({ [embedder.input.name]: input });
    expect(embedded[embedder.output.name]).toHaveLength(embedder.output.dimensions);
    if (!set.mask) throw new Error('the built-in set has lost its mask model');
    const mask = pickForm(set.mask);
    const told = await (await open(mask, input)).run({ [mask.input.name]: input });
    expect(told[mask.output.name]).toHaveLength(mask.output.classes.length);
  });
});

describe('the two forms of the built-in embedder', () => {
  it('give nearly the same embedding of a face where integer kernels are exact', async ({ skip }) => {
    if (!multipliesBytes(process.arch, readProcessorFlags())) skip('the processor has no dot product of bytes');
    const addon = loadAddon();
    const { rgb } = renderFace(3, { widthPx: 112, heightPx: 112, facePx: 90 });
    const [inFloat, int8] = await Promise.all(
      listForms(set.embedder).map(async (model) => {
        const session = await open(model, makeTensor(112, 112));
        return (await new Embedder({ addon, session, model }).embed(rgb)).embedding;
      }),
    );
    expect(cosine(normalise(inFloat!), normalise(int8!))).toBeGreaterThan(0.99);
  });
});
