// An 8-bit model that is computed in float: close to the float model, apart from values that the ranges cut off.
import { beforeAll, describe, expect, it } from 'vitest';
import { makeNode } from '../../src/models/onnx/onnx-graph.js';
import { DATA_TYPE, readOnnx, writeOnnx, type OnnxGraph } from '../../src/models/onnx/onnx-model.js';
import { makeConstant } from '../../src/models/onnx/onnx-tensor.js';
import { multipliesBytes, readProcessorFlags } from '../../src/models/precision.js';
import { recordRanges } from '../../src/models/quantise/record-ranges.js';
import { quantiseFile } from '../../src/models/quantise/quantise.js';
import { ModelSession } from '../../src/models/session.js';
import { TINY_OUTPUTS, openTiny, runTiny, sha256, signalToNoise, tinyDetector, tinyInput } from './tiny-model.js';

const probe = tinyInput(11, 48, 64);

const DYNAMIC = [{ value: 1 }, { value: 3 }, {}, {}];

/** Makes a model of operator set 11 with the input `input`. */
function makeModel(shape: object[], output: string, graph: Pick<OnnxGraph, 'node' | 'initializer'>): Uint8Array {
  const type = (dim: object[]): object => ({ tensorType: { elemType: DATA_TYPE.float, shape: { dim } } });
  const ends = {
    input: [{ name: 'input', type: type(shape) }],
    output: [{ name: output, type: type([{}, {}, {}, {}]) }],
  };
  return writeOnnx({
    irVersion: 6,
    opsetImport: [{ version: 11 }],
    graph: { name: 'made up', ...graph, ...ends, valueInfo: [] },
  });
}

async function inBytes(float: Uint8Array): Promise<Uint8Array> {
  const recorded = await recordRanges({
    file: 'tiny.onnx',
    bytes: float,
    inputName: 'input',
    floatLayers: [],
    recordedOn: 'made-up pictures',
    method: 'minmax',
    pictures: async function* () {
      for (let seed = 1; seed <= 12; seed++) yield tinyInput(seed);
    },
    open: (model) => openTiny(model),
  });
  return quantiseFile(float, recorded);
}

describe('the small detector in 8 bits', () => {
  const float = tinyDetector();
  let quantised: Uint8Array;
  beforeAll(async () => (quantised = await inBytes(float)));

  it('is close to the float model when it is computed in float', async () => {
    const [expected, actual] = [await runTiny(float, probe), await runTiny(quantised, probe, true)];
    for (const name of TINY_OUTPUTS) {
      expect(signalToNoise(expected[name]!, actual[name]!)).toBeGreaterThan(20);
      expect(actual[name]).not.toEqual(expected[name]);
    }
  });

  it('gives nearly the results of integer kernels where these are exact', async ({ skip }) => {
    if (!multipliesBytes(process.arch, readProcessorFlags())) skip('the processor has no dot product of bytes');
    const [integer, inFloat] = [await runTiny(quantised, probe), await runTiny(quantised, probe, true)];
    for (const name of TINY_OUTPUTS) {
      expect(signalToNoise(integer[name]!, inFloat[name]!)).toBeGreaterThan(30);
    }
  });
});

describe('a Relu that became the limit of an 8-bit range', () => {
  it('cuts off below zero also when it is computed in float', async () => {
    const weights = Float32Array.from({ length: 12 }, (_, i) => ((i * 7) % 11) / 5 - 1);
    const relu = makeModel(DYNAMIC, 'cut', {
      node: [
        makeNode('Conv', ['input', 'weights'], ['sums'], { kernel_shape: [1, 1] }),
        makeNode('Relu', ['sums'], ['cut']),
      ],
      initializer: [makeConstant('weights', [4, 3, 1, 1], weights)],
    });
    const quantised = await inBytes(relu);
    expect(readOnnx(quantised).graph.node.map(({ opType }) => opType)).not.toContain('Relu');
    const [expected, actual] = [await runTiny(relu, probe), await runTiny(quantised, probe, true)];
    const cut = [...expected.cut!].filter((sum) => sum === 0).length;
    expect(cut).toBeGreaterThan(expected.cut!.length / 10);
    expect(Math.min(...actual.cut!)).toBe(0);
    expect(signalToNoise(expected.cut!, actual.cut!)).toBeGreaterThan(30);
  });
});

describe('a sum of more than 32 bits', () => {
  const channels = 140_000;
  const input = { data: new Float32Array(channels).fill(1), dims: [1, channels, 1, 1] };

  it('is correct only when it is computed in float, which shows that no integer kernel runs', async () => {
    const float = makeModel([{ value: 1 }, { value: channels }, { value: 1 }, { value: 1 }], 'sum', {
      node: [makeNode('Conv', ['input', 'weights'], ['sum'], { kernel_shape: [1, 1] })],
      initializer: [makeConstant('weights', [1, channels, 1, 1], new Float32Array(channels).fill(1))],
    });
    const quantised = quantiseFile(float, {
      file: 'sum.onnx',
      sha256: sha256(float),
      recordedOn: 'ones',
      method: 'minmax',
      floatLayers: [],
      factors: {},
      ranges: { input: [0, 1], sum: [0, channels] },
    });
    const computeSum = async (inFloat: boolean): Promise<number> => {
      const session = await ModelSession.create('sum', quantised, { providers: ['cpu'], warmUp: { input }, inFloat });
      try {
        return (await session.run({ input })).sum![0]!;
      } finally {
        await session.release();
      }
    };
    expect(await computeSum(true)).toBeCloseTo(channels, -3);
    expect(await computeSum(false)).toBeLessThan(channels / 2);
  });
});
