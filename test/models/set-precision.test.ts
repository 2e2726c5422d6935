// The forms of a whole set, chosen at the start of the service in a worker thread.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadManifest, MANIFEST_PATH, getModelSet, listModels } from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import {
  isBuiltIn,
  multipliesBytes,
  readPrecision,
  readProcessorFlags,
  type PrecisionChoice,
  setInForms,
} from '../../src/models/precision.js';
import { quantiseFile } from '../../src/models/quantise/quantise.js';
import { readRanges } from '../../src/models/quantise/ranges.js';
import { chooseSetPrecision, describePrecision, type ChosenSet } from '../../src/models/set-precision.js';
import { PRECISION_WORKER_FILE, startService } from '../support/service.js';
import { missing, sharedModelsDir } from '../support/shared.js';
import { tempDir } from '../support/temp-dir.js';

const set = getModelSet(loadManifest(), 'standard');

function choose(modelsDir: string, choice: PrecisionChoice, workerFile = PRECISION_WORKER_FILE): Promise<ChosenSet> {
  return chooseSetPrecision({ set, modelsDir, providers: ['cpu'], choice, workerFile });
}

describe('a configured form', () => {
  it('float needs neither the files nor a trial', async () => {
    const chosen = await choose(tempDir(), 'float', new URL('file:///nonesuch.js'));
    expect(chosen.set).toEqual(setInForms(set, () => 'float'));
    expect(chosen.precisions.map(describePrecision)[0]).toBe('detector: float, configured');
  });

  it('int8 with a missing file is refused with the command that makes the file', async () => {
    await expect(choose(tempDir(), 'int8')).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringMatching(/yunet_n_dynamic\.int8\.onnx is missing.*"lintel models quantise"/) as string,
    });
  });

  it('int8 with a wrong file is refused', async () => {
    const folder = tempDir();
    writeFileSync(join(folder, set.detector.quantised?.file ?? ''), 'no model');
    await expect(choose(folder, 'int8')).rejects.toMatchObject({ code: 'MODEL_HASH_MISMATCH' });
  });
});

describe('the forms of the built-in set', () => {
  const builtin = getModelSet(loadManifest(), 'builtin');
  const measurable = multipliesBytes(process.arch, readProcessorFlags());
  const at = (choice: PrecisionChoice, workerFile = PRECISION_WORKER_FILE): Promise<ChosenSet> =>
    chooseSetPrecision({ set: builtin, modelsDir: tempDir(), providers: ['cpu'], choice, workerFile });
  const NO_WORKER = new URL('file:///nonesuch.js');

  it.each(['float', 'int8'] as const)(
    'run in %s when that is configured, with the files of the installation',
    async (form) => {
      const { set: chosen, precisions } = await at(form, NO_WORKER);
      expect(listModels(chosen).map(readPrecision)).toEqual([form, form, form]);
      expect(listModels(chosen).map(({ file }) => file)).toEqual(
        listModels(builtin).map(({ quantised }) => quantised?.file),
      );
      expect(listModels(chosen).map(({ inFloat = false }) => inFloat)).toEqual(Array(3).fill(form === 'float'));
      expect(precisions.map(describePrecision)[2]).toBe(`mask: ${form}, configured`);
    },
  );

  it('are measured for "auto", and run in float where integer kernels would overflow', async () => {
    const { set: chosen, precisions } = await at('auto');
    const reason = measurable ? /^8 bits are \d+\.\d\d times as fast here/ : /^the processor has no dot product/;
    for (const one of precisions) expect(one.reason).toMatch(reason);
    expect(listModels(chosen).map(readPrecision)).toEqual(precisions.map(({ precision }) => precision));
    if (!measurable) expect(listModels(chosen).every(({ inFloat }) => inFloat)).toBe(true);
  });
});

describe('a measurement that ends early', () => {
  it('is an error', async () => {
    const script = join(tempDir(), 'ends.mjs');
    writeFileSync(script, 'process.exit(3);');
    await expect(choose(tempDir(), 'auto', pathToFileURL(script))).rejects.toMatchObject({
      code: 'WORKER_FAILED',
      message: expect.stringContaining('exit code 3') as string,
    });
  });
});

describe('the measured choice', () => {
  const speedup = 1.03;
  const measured = { precision: 'float', reason: '8 bits are 1.03 times as fast here', speedup } as const;

  /** Makes a worker file that answers with the same decision for each model. */
  function saying(decision: object): URL {
    const script = join(tempDir(), 'says.mjs');
    const decisions = JSON.stringify(listModels(set).map(() => decision));
    writeFileSync(
      script,
      `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ decisions: ${decisions} });`,
    );
    return pathToFileURL(script);
  }
  const at = (modelsDir: string, workerFile: URL, memory = { file: join(modelsDir, 'memory.json'), version: '1' }) =>
    chooseSetPrecision({ set, modelsDir, providers: ['cpu'], choice: 'auto', workerFile, memory });
  const NO_WORKER = new URL('file:///nonesuch.js');

  it('is kept for the next start', async () => {
    const folder = tempDir();
    const first = await at(folder, saying(measured));
    expect(await at(folder, NO_WORKER)).toEqual(first);
    expect(first.precisions[1]).toEqual({ task: 'embedder', ...measured });
  });

  it('is measured again where it was made in doubt, the other models not', async () => {
    const folder = tempDir();
    const doubtful = { ...measured, isDoubtful: true } as const;
    const decisions = listModels(set).map((_, i) => (i === 1 ? doubtful : measured));
    const script = join(folder, 'doubts.mjs');
    // The first trial has nothing from before; the second one gets the decisions of the first, and is certain.
    writeFileSync(
      script,
      `import { parentPort, workerData } from 'node:worker_threads';
      const { earlier } = workerData;
      const decisions = ${JSON.stringify(decisions)};
      parentPort.postMessage({ decisions: earlier
        ? earlier.map((one) => (one.isDoubtful ? { precision: 'int8', reason: 'asked again', speedup: 2 } : one))
        : decisions });`,
    );
    const first = await at(folder, pathToFileURL(script));
    expect(first.precisions.map(({ isDoubtful = false }) => isDoubtful)).toEqual([false, true, false, false]);
    const second = await at(folder, pathToFileURL(script)).catch((error: unknown) => error);
    // The 8-bit file is not in this folder: what counts is that the answer was asked for, and is kept.
    expect(second).toMatchObject({ precisions: [measured, { reason: 'asked again' }, measured, measured] });
  });

  it('is not trusted where it was measured by another method', async () => {
    const folder = tempDir();
    await at(folder, saying(measured));
    const file = join(folder, 'memory.json');
    const { decisions } = JSON.parse(readFileSync(file, 'utf8')) as { decisions: object[] };
    // As version 1 wrote it, which measured by the wall clock.
    const processors = cpus();
    const models = listModels(set).map(({ sha256, quantised }) => [sha256, quantised?.sha256 ?? null]);
    const all = ['1', process.arch, processors.length, processors[0]?.model, ['cpu'], models];
    const of = createHash('sha256').update(JSON.stringify(all)).digest('hex');
    writeFileSync(file, JSON.stringify({ of, decisions }));
    await expect(at(folder, NO_WORKER)).rejects.toThrow();
  });

  it('is measured again by another version of Lintel, and when the file is not valid', async () => {
    const folder = tempDir();
    await at(folder, saying(measured));
    const file = join(folder, 'memory.json');
    await expect(at(folder, NO_WORKER, { file, version: '2' })).rejects.toThrow();
    writeFileSync(file, '{"of":');
    await expect(at(folder, NO_WORKER)).rejects.toThrow();
  });

  it('is measured again when an 8-bit file is missing', async () => {
    const folder = tempDir();
    await at(folder, saying({ ...measured, precision: 'int8' })).catch(() => undefined);
    const again = await at(folder, saying(measured));
    expect(again.precisions[0]!.precision).toBe('float');
  });

  it('is not kept when it failed, and does not need a writable folder', async () => {
    const folder = tempDir();
    await at(folder, saying({ ...measured, hasFailed: true }));
    await expect(at(folder, NO_WORKER)).rejects.toThrow();
    const file = join(folder, 'nowhere', 'memory.json');
    expect((await at(folder, saying(measured), { file, version: '1' })).precisions).toHaveLength(4);
  });
});

describe.skipIf(missing('the forms of the standard set', sharedModelsDir))('the forms of the standard set', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-forms-'));
  const both = join(folder, 'both');
  const floatOnly = join(folder, 'float');

  beforeAll(async () => {
    mkdirSync(both);
    mkdirSync(floatOnly);
    // The mask model is part of the installation.
    for (const model of listModels(set).filter((one) => !isBuiltIn(one))) {
      for (const dir of [both, floatOnly]) copyFileSync(join(sharedModelsDir ?? '', model.file), join(dir, model.file));
      if (!model.quantised) continue;
      const ranges = readRanges(join(dirname(MANIFEST_PATH), model.quantised.ranges));
      writeFileSync(join(both, model.quantised.file), quantiseFile(await readModel(both, model), ranges));
    }
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are shown by a whole service', async () => {
    const home = { folder: join(folder, 'home'), modelsDir: both, precision: 'int8' } as const;
    const service = await startService({ ...home, config: { vision: { workers: 1 } } });
    try {
      const health = (await (await fetch(`${service.url}/healthz`)).json()) as {
        parts: { vision: { facts: { precisions: string[] } } };
      };
      const told = ['detector: int8, configured', 'embedder: int8, configured', 'mask: int8, configured'];
      const all = [...told, 'liveness: float, it has no 8-bit form'];
      expect(health.parts.vision.facts.precisions).toEqual(all);
      expect(service.log.find(({ msg }) => msg === 'the form of each model is chosen')).toMatchObject({ forms: all });
      const metrics = await (await fetch(`${service.url}/metrics`)).text();
      expect(metrics).toContain('task="embedder",precision="int8",provider="cpu"} 1');
    } finally {
      expect(await service.stop()).toBe(0);
    }
  });

  it('are 8 bits for each model that has them when int8 is configured, with their own calibration', async () => {
    const chosen = await choose(both, 'int8');
    expect(listModels(chosen.set).map(readPrecision)).toEqual(['int8', 'int8', 'int8', 'float']);
    expect(chosen.set.embedder.calibration).toEqual(set.embedder.quantised?.calibration);
    expect(chosen.set.embedder.calibration).not.toEqual(set.embedder.calibration);
    expect(chosen.set).toMatchObject({ name: 'standard', modelVersion: set.modelVersion });
    expect(chosen.precisions.map(describePrecision).slice(2)).toEqual([
      'mask: int8, configured',
      'liveness: float, it has no 8-bit form',
    ]);
  });

  it('are measured for "auto", each with its reason', async () => {
    const { precisions } = await choose(both, 'auto');
    const measurable = multipliesBytes(process.arch, readProcessorFlags());
    const reason = measurable ? /^8 bits are \d+\.\d\d times as fast here/ : /^the processor has no dot product/;
    for (const one of precisions.slice(0, 3)) expect(one.reason).toMatch(reason);
    expect(precisions[3]).toEqual({ task: 'liveness', precision: 'float', reason: 'it has no 8-bit form' });
  });

  it('are float when the 8-bit files are missing, and the reason names the command that makes them', async () => {
    const chosen = await choose(floatOnly, 'auto');
    // The mask model has its 8-bit file everywhere: it is part of the installation.
    expect({ ...chosen.set, mask: set.mask }).toEqual(set);
    const measurable = multipliesBytes(process.arch, readProcessorFlags());
    expect(chosen.precisions[0]!.reason).toMatch(measurable ? /"lintel models quantise"/ : /no dot product/);
  });
});
