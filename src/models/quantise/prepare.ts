// Makes a float ONNX graph fit for quantisation without changing what it computes: constants, folded layers, one operator set.
import { AppError } from '../../errors.js';
import { GraphIndex, attributeOf, dropUnused, integerAttribute, makeNode } from './onnx/onnx-graph.js';
import {
  ATTRIBUTE_TYPE,
  readOnnx,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
} from './onnx/onnx-model.js';
import { constantTensor, elementCount, floatsOf, integersOf } from './onnx/onnx-tensor.js';

/** DequantizeLinear has an axis, for one scale per channel, since this one. */
export const OPERATOR_SET = 13;
const IR_VERSION = 7;
/** What lets a newer file through: nothing that Lintel writes changed up to here. */
const NEWEST_OPERATOR_SET = 22;

/**
 * @param outputs the outputs to keep; all where it is not given
 * @throws AppError MODEL_INVALID where the bytes are no model, or of an operator set that is not known here
 */
export function prepareModel(bytes: Uint8Array, outputs?: readonly string[]): OnnxModel {
  const model = readOnnx(bytes);
  const { graph } = model;
  if (outputs) graph.output = graph.output.filter(({ name }) => outputs.includes(name));
  if (graph.output.length === 0) throw new AppError('MODEL_INVALID', 'the model has no such output');
  graph.valueInfo = [];
  constantsToInitialisers(graph);
  fixReshapes(graph);
  dropOnes(graph);
  foldBatchNorms(graph);
  // What asked for sizes hides that a tensor has but one reader.
  dropUnused(graph);
  mergeHeads(graph);
  dropUnused(graph);
  raiseOperatorSet(model);
  // Older files name constants among the inputs; that makes them changeable, and nothing could be folded.
  const constants = new Set(graph.initializer.map(({ name }) => name));
  graph.input = graph.input.filter(({ name }) => !constants.has(name));
  return model;
}

function constantsToInitialisers(graph: OnnxGraph): void {
  graph.node = graph.node.filter((node) => {
    const value = node.opType === 'Constant' ? attributeOf(node, 'value')?.t : undefined;
    if (!value) return true;
    graph.initializer.push({ ...value, name: node.output[0] });
    return false;
  });
}

/** Exporters ask for the batch's size while the model runs, only to keep it; a 0 in the shape of a Reshape says the same. */
function fixReshapes(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  const source = (name: string): string => {
    const node = index.producer(name);
    return node?.opType === 'Transpose' && Number(attributeOf(node, 'perm')?.ints[0]) === 0 ? node.input[0] : name;
  };
  for (const node of graph.node) {
    const concat = node.opType === 'Reshape' ? index.producer(node.input[1]) : undefined;
    if (concat?.opType !== 'Concat') continue;
    const unsqueeze = index.producer(concat.input[0]);
    const gather = unsqueeze?.opType === 'Unsqueeze' ? index.producer(unsqueeze.input[0]) : undefined;
    const shape = gather?.opType === 'Gather' ? index.producer(gather.input[0]) : undefined;
    const at = gather && index.constants.get(gather.input[1]);
    if (shape?.opType !== 'Shape' || !at || integersOf(at)[0] !== 0) continue;
    if (source(node.input[0]) !== source(shape.input[0])) continue;
    const rest = concat.input.slice(1).map((name) => index.constants.get(name));
    if (rest.some((tensor) => tensor === undefined)) continue;
    const sizes = [0, ...rest.flatMap((tensor) => (tensor ? integersOf(tensor) : []))];
    const name = `${node.output[0]}:shape`;
    graph.initializer.push(constantTensor(name, [sizes.length], BigInt64Array.from(sizes, BigInt)));
    node.input[1] = name;
  }
}

/** A multiplication by one, which exporters leave behind. */
function dropOnes(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  for (const node of graph.node) {
    if (node.opType !== 'Mul' || index.outputs.has(node.output[0])) continue;
    const one = index.constants.get(node.input[1]);
    if (!one || elementCount(one.dims) !== 1 || floatsOf(one)[0] !== 1) continue;
    rename(graph, node.output[0], node.input[0]);
  }
}

/** y = scale (x - mean) / sqrt(variance + epsilon) + bias, taken into the convolution before it. */
function foldBatchNorms(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  for (const node of graph.node) {
    if (node.opType !== 'BatchNormalization') continue;
    const conv = index.producer(node.input[0]);
    if (conv?.opType !== 'Conv' || index.onlyConsumer(conv.output[0]) !== node) continue;
    const [scale, bias, mean, variance] = node.input.slice(1, 5).map((name) => floatsOf(index.constant(name)));
    const epsilon = attributeOf(node, 'epsilon')?.f ?? 1e-5;
    const factors = scale.map((value, i) => value / Math.sqrt(variance[i] + epsilon));
    const tensor = index.constant(conv.input[1]);
    const weights = floatsOf(tensor);
    const perChannel = weights.length / factors.length;
    const before = conv.input[2] ? floatsOf(index.constant(conv.input[2])) : new Float32Array(factors.length);
    const prefix = node.output[0];
    graph.initializer.push(
      constantTensor(
        `${prefix}:weight`,
        tensor.dims,
        weights.map((value, i) => value * factors[Math.floor(i / perChannel)]),
      ),
      constantTensor(
        `${prefix}:bias`,
        [factors.length],
        before.map((value, i) => (value - mean[i]) * factors[i] + bias[i]),
      ),
    );
    conv.input = [conv.input[0], `${prefix}:weight`, `${prefix}:bias`];
    conv.output = [node.output[0]];
    node.output = [];
  }
  graph.node = graph.node.filter(({ output }) => output.length > 0);
}

/** One of a detector's heads: a 1 x 1 convolution, a convolution per channel, and the way to a list of cells with their channels. */
interface Head {
  point: OnnxNode;
  depth: OnnxNode;
  transpose: OnnxNode;
  reshape: OnnxNode;
  channels: number;
}

/**
 * Heads that look at the same tensor become one with all their channels, taken apart at the end: each by itself has too
 * few channels for the processor's vectors (YuNet's have 1, 1, 4 and 10), and each would read the whole tensor again.
 */
function mergeHeads(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  const groups = new Map<string, Head[]>();
  for (const point of graph.node) {
    const head = headAt(point, index);
    if (!head) continue;
    const key = [point.input[0], head.transpose.attribute[0].ints.join(), signature(head.depth)].join();
    groups.set(key, [...(groups.get(key) ?? []), head]);
  }
  for (const heads of groups.values()) {
    if (heads.length < 2) continue;
    const name = `${heads[0].point.input[0]}:heads`;
    const total = heads.reduce((sum, { channels }) => sum + channels, 0);
    const joined = (role: 'point' | 'depth', at: 1 | 2): string => {
      const tensors = heads.map((head) => index.constant(head[role].input[at]));
      const parts = tensors.map(floatsOf);
      const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
      let offset = 0;
      for (const part of parts) {
        data.set(part, offset);
        offset += part.length;
      }
      const made = `${name}:${role}:${at === 1 ? 'weight' : 'bias'}`;
      graph.initializer.push(constantTensor(made, [total, ...tensors[0].dims.slice(1)], data));
      return made;
    };
    const { point, depth, transpose } = heads[0];
    const attributes = depth.attribute.filter((attribute) => attribute.name !== 'group');
    const group: OnnxAttribute = { name: 'group', i: BigInt(total), floats: [], ints: [], type: ATTRIBUTE_TYPE.int };
    const made: OnnxNode[] = [
      { ...point, input: [point.input[0], joined('point', 1), joined('point', 2)], output: [`${name}:point`] },
      {
        ...depth,
        input: [`${name}:point`, joined('depth', 1), joined('depth', 2)],
        output: [`${name}:depth`],
        attribute: [...attributes, group],
      },
      { ...transpose, input: [`${name}:depth`], output: [`${name}:transposed`] },
      makeNode('Reshape', [`${name}:transposed`, `${name}:shape`], [`${name}:cells`]),
    ];
    graph.initializer.push(constantTensor(`${name}:shape`, [3], BigInt64Array.from([0, -1, total], BigInt)));
    let start = 0;
    for (const { reshape, channels } of heads) {
      const bounds = [start, start + channels, 2].map((value, i) => {
        const bound = `${reshape.output[0]}:${['start', 'end', 'axis'][i]}`;
        graph.initializer.push(constantTensor(bound, [1], BigInt64Array.of(BigInt(value))));
        return bound;
      });
      made.push(makeNode('Slice', [`${name}:cells`, ...bounds], reshape.output));
      start += channels;
    }
    const gone = new Set(heads.flatMap((head) => [head.point, head.depth, head.transpose, head.reshape]));
    const at = Math.min(...heads.map((head) => graph.node.indexOf(head.point)));
    graph.node.splice(at, 0, ...made);
    graph.node = graph.node.filter((node) => !gone.has(node));
  }
}

function headAt(point: OnnxNode, index: GraphIndex): Head | undefined {
  if (point.opType !== 'Conv' || integerAttribute(point, 'group', 1) !== 1 || point.input.length !== 3)
    return undefined;
  const { dims } = index.constant(point.input[1]);
  const depth = index.onlyConsumer(point.output[0]);
  const transpose = depth && index.onlyConsumer(depth.output[0]);
  if (dims[2] !== 1 || dims[3] !== 1 || depth?.opType !== 'Conv' || depth.input.length !== 3) return undefined;
  if (integerAttribute(depth, 'group', 1) !== dims[0]) return undefined;
  if (transpose?.opType !== 'Transpose' || attributeOf(transpose, 'perm')?.ints.join() !== '0,2,3,1') return undefined;
  const reshape = index.onlyConsumer(transpose.output[0]);
  const shape = reshape?.opType === 'Reshape' ? index.constants.get(reshape.input[1]) : undefined;
  if (!reshape || !shape || integersOf(shape).join() !== `0,-1,${dims[0]}`) return undefined;
  return { point, depth, transpose, reshape, channels: dims[0] };
}

function signature(conv: OnnxNode): string {
  const parts = ['kernel_shape', 'pads', 'strides', 'dilations'].map((name) => attributeOf(conv, name)?.ints.join());
  return parts.join(';');
}

/** Rewrites what changed between the file's operator set and ours. */
function raiseOperatorSet(model: OnnxModel): void {
  const { graph } = model;
  const own = model.opsetImport.find(({ domain }) => !domain);
  if (!own || own.version > NEWEST_OPERATOR_SET || own.version < 9) {
    throw new AppError('MODEL_INVALID', `the model is of operator set ${own?.version}, which is not known here`);
  }
  if (own.version >= OPERATOR_SET) return;
  for (const node of graph.node) {
    if (node.opType === 'Slice' && own.version < 10) toInputs(graph, node, ['starts', 'ends', 'axes']);
    if (['Squeeze', 'Unsqueeze'].includes(node.opType)) toInputs(graph, node, ['axes']);
    if (['ReduceSum', 'Upsample', 'Dropout', 'Split', 'Pad'].includes(node.opType)) {
      throw new AppError('MODEL_INVALID', `the operator ${node.opType} of set ${own.version} is not known here`);
    }
    // Before 13 it flattened all axes from this one on, which is the same where this is the last one.
    if (node.opType === 'Softmax' && integerAttribute(node, 'axis', 1) < 2) {
      throw new AppError('MODEL_INVALID', 'a Softmax over several axes is not known here');
    }
  }
  own.version = OPERATOR_SET;
  model.irVersion = Math.max(model.irVersion ?? 0, IR_VERSION);
}

function toInputs(graph: OnnxGraph, node: OnnxNode, names: readonly string[]): void {
  for (const name of names) {
    const values = attributeOf(node, name)?.ints;
    if (!values) continue;
    const constant = `${node.output[0]}:${name}`;
    graph.initializer.push(constantTensor(constant, [values.length], BigInt64Array.from(values)));
    node.input.push(constant);
  }
  node.attribute = node.attribute.filter(({ name }) => !names.includes(name));
}

function rename(graph: OnnxGraph, from: string, to: string): void {
  for (const node of graph.node) node.input = node.input.map((name) => (name === from ? to : name));
}
