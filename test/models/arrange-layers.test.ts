// The layers of a model are arranged for onnxruntime: it computes the same, and what does not fit stays as it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { arrangeLayers } from '../../src/models/arrange-layers.js';
import { makeNode, type AttributeValues } from '../../src/models/onnx/onnx-graph.js';
import {
  DATA_TYPE,
  readOnnx,
  writeOnnx,
  type OnnxGraph,
  type OnnxValueInfo,
} from '../../src/models/onnx/onnx-model.js';
import { countElements, makeConstant } from '../../src/models/onnx/onnx-tensor.js';
import { ModelSession, type FloatTensor } from '../../src/models/session.js';
import { missing, sharedModelsDir } from '../support/shared.js';
import { tinyDetector } from './tiny-model.js';

const SIDE = 24;

/** Makes a network as a pruned one is: odd numbers of channels, a residual, a gate from the mean of each channel, a layer that is flattened. */
function makePruned({ steepest = 0.6 }: { steepest?: number } = {}): Uint8Array {
  const graph: OnnxGraph = { node: [], initializer: [], input: [], output: [], valueInfo: [] };
  let seed = 1;
  const next = (): number => ((seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647) * 2 - 1;
  const constant = (name: string, dims: number[], value = next): string => {
    graph.initializer.push(makeConstant(name, dims, Float32Array.from({ length: countElements(dims) }, value)));
    return name;
  };
  const add = (opType: string, input: string[], output: string, attributes: AttributeValues = {}): string => {
    graph.node.push(makeNode(opType, input, [output], attributes));
    return output;
  };
  const conv = (input: string, output: string, dims: [number, number, number, number], group = 1): string => {
    const pad = dims[2] >> 1;
    const inputs = [input, constant(`${output}.weight`, dims), constant(`${output}.bias`, [dims[0]])];
    return add('Conv', inputs, output, {
      group,
      kernel_shape: [dims[2], dims[3]],
      pads: [pad, pad, pad, pad],
    });
  };
  const bend = (input: string, channels: number): string => {
    const slopes = constant(`${input}.slopes`, [channels, 1, 1], () => next() * steepest);
    return add('PRelu', [input, slopes], `${input}.bent`);
  };
  const stem = bend(conv('input', 'stem', [13, 3, 3, 3]), 13);
  const deep = bend(conv(stem, 'deep', [13, 1, 3, 3], 13), 13);
  const wide = bend(conv(deep, 'wide', [26, 13, 1, 1]), 26);
  const back = conv(wide, 'back', [13, 26, 1, 1]);
  const mean = add('GlobalAveragePool', [back], 'mean');
  const less = add('Relu', [conv(mean, 'less', [5, 13, 1, 1])], 'less.on');
  const gate = add('Sigmoid', [conv(less, 'more', [13, 5, 1, 1])], 'gate');
  const sum = add('Add', [add('Mul', [back, gate], 'gated'), stem], 'sum');
  const last = bend(conv(sum, 'last', [7, 13, 1, 1]), 7);
  const sizes = makeConstant('sizes', [2], BigInt64Array.of(1n, BigInt(7 * SIDE * SIDE)));
  graph.initializer.push(sizes);
  add('Reshape', [last, 'sizes'], 'output');
  const value = (name: string, dims: number[]): OnnxValueInfo => ({
    name,
    type: { tensorType: { elemType: DATA_TYPE.float, shape: { dim: dims.map((size) => ({ value: size })) } } },
  });
  graph.name = 'pruned';
  graph.input.push(value('input', [1, 3, SIDE, SIDE]));
  graph.output.push(value('output', [1, 7 * SIDE * SIDE]));
  return writeOnnx({ irVersion: 7, graph, opsetImport: [{ version: 13 }] });
}

function makeInput(seed: number, side: number): FloatTensor {
  const data = Float32Array.from({ length: 3 * side * side }, (_, i) => Math.sin(i * 0.013 * seed) ** 2);
  return { data, dims: [1, 3, side, side] };
}

/** Returns the greatest difference between the outputs of two models. */
async function compare(one: Uint8Array, other: Uint8Array, side: number): Promise<number> {
  const open = (bytes: Uint8Array): Promise<ModelSession> =>
    ModelSession.create('model', bytes, { providers: ['cpu'], warmUp: { input: makeInput(1, side) } });
  const [first, second] = [await open(one), await open(other)];
  let worst = 0;
  for (let seed = 1; seed <= 5; seed++) {
    const [{ output: a }, { output: b }] = [
      await first.run({ input: makeInput(seed, side) }),
      await second.run({ input: makeInput(seed, side) }),
    ];
    expect(b).toHaveLength(a!.length);
    a!.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - b![i]!))));
  }
  await Promise.all([first.release(), second.release()]);
  return worst;
}

function listLayers(bytes: Uint8Array): { name: string; channels: number }[] {
  const { graph } = readOnnx(bytes);
  const findChannels = (name: string): number => graph.initializer.find((one) => one.name === name)!.dims[0]!;
  return graph.node
    .filter(({ opType }) => opType === 'Conv')
    .map(({ input, output }) => ({ name: output[0]!, channels: findChannels(input[1]!) }));
}

describe('arranged layers', () => {
  it('compute the same', async () => {
    const bytes = makePruned();
    expect(await compare(bytes, arrangeLayers(bytes), SIDE)).toBeLessThan(1e-4);
  });

  it('have whole blocks of channels, except where a channel is visible, and no PRelu', () => {
    const arranged = arrangeLayers(makePruned());
    const layers = new Map(listLayers(arranged).map(({ name, channels }) => [name, channels]));
    expect(Object.fromEntries(layers)).toMatchObject({
      stem: 16,
      deep: 16,
      wide: 32,
      back: 16,
      less: 16,
      more: 16,
      last: 7,
    });
    expect(readOnnx(arranged).graph.node.some(({ opType }) => opType === 'PRelu')).toBe(false);
  });

  it.each([
    ['without PRelu', tinyDetector()],
    ['with a slope above 1', makePruned({ steepest: 3 })],
  ])('are not made of a model %s', (_name, bytes) => {
    expect(arrangeLayers(bytes)).toBe(bytes);
  });

  it('are not made of a file that is no model', () => {
    expect(() => arrangeLayers(Buffer.from('PRelu'))).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID' }) as Error,
    );
  });

  const skip = missing('the arranged liveness model', sharedModelsDir);
  it.skipIf(skip)('of the liveness model give the same scores', async () => {
    const bytes = readFileSync(join(sharedModelsDir ?? '', 'minifas_v2_se_128.onnx'));
    const arranged = arrangeLayers(bytes);
    expect(listLayers(arranged).every(({ channels }) => channels % 16 === 0)).toBe(true);
    expect(await compare(bytes, arranged, 128)).toBeLessThan(1e-4);
  });
});
