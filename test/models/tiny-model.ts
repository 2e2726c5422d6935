// A small detector like YuNet with invented weights, as an exporter of operator set 11 writes it. It has every case that quantisation handles.
import { createHash } from 'node:crypto';
import { makeNode, type AttributeValues } from '../../src/models/onnx/onnx-graph.js';
import {
  ATTRIBUTE_TYPE,
  DATA_TYPE,
  writeOnnx,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
} from '../../src/models/onnx/onnx-model.js';
import { makeConstant, countElements } from '../../src/models/onnx/onnx-tensor.js';
import { ModelSession, type FloatTensor } from '../../src/models/session.js';

export const TINY_OUTPUTS = ['score', 'place'];

/** Makes the model. Input `input` [n,3,H,W], H and W multiples of 4; outputs `score` [n,HW/4,1] and `place` [n,HW/4,3]. */
export function tinyDetector(): Uint8Array {
  const next = numbers(7);
  const node: OnnxNode[] = [];
  const initializer: OnnxTensor[] = [];
  const constant = (name: string, dims: number[], value: () => number): string => {
    initializer.push(makeConstant(name, dims, Float32Array.from({ length: countElements(dims) }, value)));
    return name;
  };
  const integers = (name: string, values: number[], dims = [values.length]): string => {
    initializer.push(makeConstant(name, dims, BigInt64Array.from(values, BigInt)));
    return name;
  };
  const add = (opType: string, input: string[], output: string, attributes: AttributeValues = {}): string => {
    node.push(makeNode(opType, input, [output], attributes));
    return output;
  };
  const conv = (input: string, output: string, from: number, to: number, kernel: 1 | 3, stride = 1): string => {
    const isDepth = from === to && kernel === 3;
    const inputs = isDepth ? 1 : from;
    const scale = 1.5 / Math.sqrt(inputs * kernel * kernel);
    // The channels have very different sizes, so that equalising has an effect.
    const weight = constant(`${output}.weight`, [to, inputs, kernel, kernel], () => (next() - 0.45) * 2 * scale);
    const bias = constant(`${output}.bias`, [to], () => next() - 0.5);
    const pad = kernel === 3 ? 1 : 0;
    return add('Conv', [input, weight, bias], output, {
      group: isDepth ? to : 1,
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      dilations: [1, 1],
    });
  };
  conv('input', 'stem', 3, 8, 3, 2);
  const norm = ['scale', 'shift', 'mean', 'variance'].map((name) => constant(`bn.${name}`, [8], () => next() + 0.5));
  add('BatchNormalization', ['stem', ...norm], 'stem.bn');
  add('Relu', ['stem.bn'], 'stem.out');
  conv(conv('stem.out', 'fine.point', 8, 16, 1), 'fine.depth', 16, 16, 3);
  add('Relu', ['fine.depth'], 'fine');
  add('MaxPool', ['fine'], 'pooled', { kernel_shape: [2, 2], strides: [2, 2] });
  conv(conv('pooled', 'coarse.point', 16, 16, 1), 'coarse.depth', 16, 16, 3);
  add('Relu', ['coarse.depth'], 'coarse');
  initializer.push(makeConstant('none', [0], new Float32Array(0)));
  initializer.push(makeConstant('twice', [4], Float32Array.of(1, 1, 2, 2)));
  add('Resize', ['coarse', 'none', 'twice'], 'raised');
  node[node.length - 1]!.attribute.push(
    words('mode', 'nearest'),
    words('nearest_mode', 'floor'),
    words('coordinate_transformation_mode', 'asymmetric'),
  );
  add('Add', ['fine', 'raised'], 'sum');
  for (const [head, channels] of [
    ['score', 1],
    ['place', 3],
  ] as const) {
    conv(conv('sum', `${head}.point`, 16, channels, 1), `${head}.depth`, channels, channels, 3);
    add('Transpose', [`${head}.depth`], `${head}.last`, { perm: [0, 2, 3, 1] });
    add('Shape', [`${head}.depth`], `${head}.shape`);
    add('Gather', [`${head}.shape`, integers(`${head}.first`, [0], [])], `${head}.batch`, { axis: 0 });
    add('Unsqueeze', [`${head}.batch`], `${head}.batch1`, { axes: [0] });
    const rest = [integers(`${head}.all`, [-1]), integers(`${head}.channels`, [channels])];
    add('Concat', [`${head}.batch1`, ...rest], `${head}.sizes`, { axis: 0 });
    add('Reshape', [`${head}.last`, `${head}.sizes`], head === 'score' ? 'logit' : head);
  }
  add('Sigmoid', ['logit'], 'score');
  const value = (name: string, sizes: (number | string)[]): { name: string; type: object } => ({
    name,
    type: {
      tensorType: {
        elemType: DATA_TYPE.float,
        shape: { dim: sizes.map((size) => (typeof size === 'number' ? { value: size } : { parameter: size })) },
      },
    },
  });
  return writeOnnx({
    irVersion: 6,
    producerName: 'test',
    opsetImport: [{ version: 11 }],
    graph: {
      node,
      name: 'tiny',
      initializer,
      input: [value('input', ['n', 3, 'h', 'w'])],
      output: [value('score', ['n', 'cells', 1]), value('place', ['n', 'cells', 3])],
      valueInfo: [],
    },
  });
}

/** Makes a smooth picture, a different one for each seed. */
export function tinyInput(seed: number, heightPx = 32, widthPx = 48): FloatTensor {
  const data = new Float32Array(3 * heightPx * widthPx);
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / widthPx), i % widthPx];
    data[i] = Math.sin(row * 0.31 + seed) + Math.cos(column * 0.17 * (1 + seed / 5)) + Math.sin(i * 0.7 * seed) * 0.3;
  }
  return { data, dims: [1, 3, heightPx, widthPx] };
}

export async function openTiny(model: Uint8Array, inFloat?: boolean): Promise<ModelSession> {
  return ModelSession.create('tiny', model, { providers: ['cpu'], warmUp: { input: tinyInput(1) }, inFloat });
}

export async function runTiny(
  model: Uint8Array,
  input: FloatTensor,
  inFloat?: boolean,
): Promise<Record<string, Float32Array>> {
  const session = await openTiny(model, inFloat);
  try {
    return await session.run({ input });
  } finally {
    await session.release();
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Computes the ratio of the signal to the difference, in decibels. */
export function signalToNoise(expected: Float32Array, actual: Float32Array): number {
  let signal = 0;
  let noise = 0;
  expected.forEach((value, i) => {
    signal += value ** 2;
    noise += (value - actual[i]!) ** 2;
  });
  return 10 * Math.log10(signal / noise);
}

function words(name: string, value: string): OnnxAttribute {
  return { name, s: Buffer.from(value), floats: [], ints: [], type: ATTRIBUTE_TYPE.string };
}

function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
