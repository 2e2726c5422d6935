// The choice between a model's float and 8-bit forms.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import {
  choosePrecision,
  listForms,
  inPrecision,
  isBuiltIn,
  multipliesBytes,
  readPrecision,
  readProcessorFlags,
  type Precision,
  type PrecisionParts,
} from '../../src/models/precision.js';
import type { TimedForm } from '../../src/models/precision-trial.js';
import { seededRandom } from '../../tools/rendered-people/random.js';
import { tempDir } from '../support/temp-dir.js';

const set = getModelSet(loadManifest(), 'standard');
const model = set.embedder;
if (!set.liveness) throw new Error('the standard set has lost its liveness model');
const floatOnly = set.liveness;

/** A simulated processor with its own clock: the test sets the time of each form. */
class Machine implements PrecisionParts {
  readonly architecture = 'x64';
  flags: ReadonlySet<string> = new Set(['avx512_vnni']);
  provider = 'cpu';
  takesMs: Record<Precision, number> = { float: 3, int8: 1.5 };
  missing: Precision | undefined;
  opened = 0;
  released = 0;
  #nowMs = 0;

  readonly clock = (): number => this.#nowMs;
  readonly open = async (precision: Precision): Promise<TimedForm> => {
    if (precision === this.missing) throw new Error(`the ${precision} file is missing`);
    this.opened++;
    return {
      run: async () => void (this.#nowMs += this.takesMs[precision]),
      release: async () => void this.released++,
    };
  };
}

describe('a form of a model', () => {
  it('is the same model with another file and its own calibration', () => {
    expect(inPrecision(model, 'float')).toBe(model);
    const int8 = inPrecision(model, 'int8');
    expect(int8).toMatchObject({ file: 'MobileFaceNet.int8.onnx', input: model.input, template: model.template });
    expect(int8.sha256).not.toBe(model.sha256);
    expect(int8.calibration).toEqual(model.quantised?.calibration);
    expect(inPrecision(set.detector, 'int8').file).toBe('yunet_n_dynamic.int8.onnx');
  });

  it('that does not exist is refused', () => {
    expect(() => inPrecision(floatOnly, 'int8')).toThrow(/no 8-bit form/);
  });
});

describe('the forms of a built-in model', () => {
  const builtin = getModelSet(loadManifest(), 'builtin').embedder;
  const int8 = inPrecision(builtin, 'int8');
  const float = inPrecision(builtin, 'float');

  it('are one file of 8 bits, computed in two ways, with one calibration', () => {
    expect([isBuiltIn(builtin), isBuiltIn(model)]).toEqual([true, false]);
    expect(int8).toMatchObject({ file: builtin.quantised?.file, sha256: builtin.quantised?.sha256 });
    expect(float).toEqual({ ...int8, inFloat: true });
    expect(int8).not.toHaveProperty('inFloat');
    expect([readPrecision(float), readPrecision(int8)]).toEqual(['float', 'int8']);
  });

  it('have the calibration of the manifest when the 8-bit form has none', () => {
    if (!builtin.quantised) throw new Error('a built-in model has an 8-bit form');
    const { file, bytes, sha256, ranges } = builtin.quantised;
    const one = { ...builtin, quantised: { file, bytes, sha256, ranges } };
    for (const form of listForms(one)) expect(form.calibration).toEqual(builtin.calibration);
  });

  it('can be converted into each other', () => {
    expect(inPrecision(float, 'int8')).toEqual(int8);
    expect(inPrecision(int8, 'float')).toEqual(float);
  });

  it('are the only forms of an installation', () => {
    expect(listForms(builtin)).toEqual([float, int8]);
    expect(listForms(model)).toEqual([model, inPrecision(model, 'int8')]);
    expect(listForms(floatOnly)).toEqual([floatOnly]);
  });

  it('run in float on a processor without a dot product of bytes, where integer kernels would overflow', async () => {
    const machine = new Machine();
    machine.flags = new Set(['avx2']);
    const { precision } = await choosePrecision(builtin, 'auto', machine);
    expect([precision, machine.opened]).toEqual(['float', 0]);
    expect(inPrecision(builtin, precision).inFloat).toBe(true);
  });
});

describe('the choice', () => {
  it('follows the configuration', async () => {
    const machine = new Machine();
    expect(await choosePrecision(model, 'float', machine)).toMatchObject({ precision: 'float' });
    expect(await choosePrecision(model, 'int8', machine)).toMatchObject({ precision: 'int8' });
    expect(machine.opened).toBe(0);
    await expect(choosePrecision(floatOnly, 'int8', machine)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  it('is the 8-bit form when it is measurably faster; both forms are released after the measurement', async () => {
    const machine = new Machine();
    const decision = await choosePrecision(model, 'auto', machine);
    expect(decision).toEqual({ precision: 'int8', reason: '8 bits are 2.00 times as fast here', speedup: 2 });
    expect([machine.opened, machine.released]).toEqual([2, 2]);
  });

  it.each<[string, (machine: Machine) => void, RegExp]>([
    ['it gains too little', (machine) => (machine.takesMs.int8 = 2.9), /1\.03 times/],
    ['it is slower', (machine) => (machine.takesMs.int8 = 9), /0\.33 times/],
    ['the processor cannot', (machine) => (machine.flags = new Set(['avx2'])), /no dot product/],
    ['another provider runs it', (machine) => (machine.provider = 'cuda'), /runs on cuda/],
    ['its file is missing', (machine) => (machine.missing = 'int8'), /int8 file is missing/],
  ])('is float where %s', async (_name, change, reason) => {
    const machine = new Machine();
    change(machine);
    const decision = await choosePrecision(model, 'auto', machine);
    expect(decision.precision).toBe('float');
    expect(decision.reason).toMatch(reason);
    expect(machine.released).toBe(machine.opened);
  });

  it.each<[string, Precision | undefined, number, Precision]>([
    ['follows the median at the first start', undefined, 1.11, 'int8'],
    ['follows the median at the first start', undefined, 1.09, 'float'],
    ['stays what an earlier start chose', 'float', 1.11, 'float'],
    ['stays what an earlier start chose', 'int8', 1.09, 'int8'],
  ])('in doubt %s: %s, %d', async (_name, earlier, speedup, expected) => {
    const machine = new Machine();
    const random = seededRandom(7);
    const takes = { float: 2 * speedup, int8: 2 };
    machine.takesMs = {
      get float() {
        return takes.float * (1 + 0.5 * random());
      },
      get int8() {
        return takes.int8 * (1 + 0.5 * random());
      },
    };
    const decision = await choosePrecision(model, 'auto', Object.assign(machine, { earlier }));
    expect(decision).toMatchObject({
      isDoubtful: true,
      reason: expect.stringMatching(/next start measures again$/) as string,
    });
    if (earlier) expect(decision.precision).toBe(expected);
    else expect(decision.precision).toBe(decision.speedup! >= 1.1 ? 'int8' : 'float');
  });

  it('changes from a doubtful one as soon as the measurement is clear', async () => {
    const machine = Object.assign(new Machine(), { earlier: 'float' as const });
    const decision = await choosePrecision(model, 'auto', machine);
    expect(decision).toEqual({ precision: 'int8', reason: '8 bits are 2.00 times as fast here', speedup: 2 });
  });

  it('is float when there is no usable 8-bit form', async () => {
    expect(await choosePrecision(floatOnly, 'auto', new Machine())).toEqual({
      precision: 'float',
      reason: 'it has no 8-bit form',
    });
  });
});

describe('the processor', () => {
  it.each([
    ['x64', ['avx512_vnni'], true],
    ['x64', ['avx_vnni'], true],
    ['x64', ['avx2', 'avx512f'], false],
    ['arm64', ['asimd', 'asimddp'], true],
    ['arm64', ['asimd'], false],
    ['riscv64', ['asimddp'], false],
  ])('%s with %j', (architecture, flags, can) => {
    expect(multipliesBytes(architecture, new Set(flags))).toBe(can);
  });

  it.each([
    ['flags\t\t: fpu avx2 avx_vnni\nbugs\t: none\n', ['fpu', 'avx2', 'avx_vnni']],
    ['processor : 0\nFeatures\t: fp asimd asimddp\n', ['fp', 'asimd', 'asimddp']],
    ['nothing of the kind\n', []],
  ])('lists its features in %j', (text, flags) => {
    const path = join(tempDir(), 'cpuinfo');
    writeFileSync(path, text);
    expect([...readProcessorFlags(path)]).toEqual(flags);
  });

  it('has no known features when the system does not list them', () => {
    expect(readProcessorFlags(join(tempDir(), 'none'))).toEqual(new Set());
  });
});
