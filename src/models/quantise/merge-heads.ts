// Merges the heads of a detector that read the same tensor into one head.
import {
  GraphIndex,
  findAttribute,
  makeAttribute,
  makeNode,
  readIntegerAttribute,
  requireInput,
  requireOutput,
} from '../onnx/onnx-graph.js';
import type { OnnxGraph, OnnxNode, OnnxTensor } from '../onnx/onnx-model.js';
import { makeConstant, readFloats, readIntegers } from '../onnx/onnx-tensor.js';

/** One head: a 1 x 1 convolution, a convolution per channel, and the nodes that turn the result into a list of cells with their channels. */
interface Head {
  /** Name of the tensor that the head reads. */
  input: string;
  point: OnnxNode;
  depth: OnnxNode;
  transpose: OnnxNode;
  reshape: OnnxNode;
  /** Name of the head's output, which `reshape` makes. */
  output: string;
  channels: number;
}

/**
 * Merges heads that read the same tensor into one with all their channels, and slices its result at the end. A single head has too few
 * channels for the processor's vectors (YuNet's heads have 1, 1, 4 and 10), and each head would read the whole tensor again.
 */
export function mergeHeads(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  const groups = new Map<string, Head[]>();
  for (const point of graph.node) {
    const head = findHead(point, index);
    if (!head) continue;
    const key = [head.input, head.transpose.attribute[0]?.ints.join(), describeShape(head.depth)].join();
    groups.set(key, [...(groups.get(key) ?? []), head]);
  }
  for (const [first, ...others] of groups.values()) if (first && others.length > 0) merge(graph, index, first, others);
}

function merge(graph: OnnxGraph, index: GraphIndex, first: Head, others: readonly Head[]): void {
  const heads = [first, ...others];
  const { input, point, depth, transpose } = first;
  const name = `${input}:heads`;
  const total = heads.reduce((sum, { channels }) => sum + channels, 0);
  const joined = (role: 'point' | 'depth', at: 1 | 2): string => {
    const tensors = heads.map((head) => index.constant(requireInput(head[role], at)));
    const made = `${name}:${role}:${at === 1 ? 'weight' : 'bias'}`;
    graph.initializer.push(concatenate(made, total, tensors));
    return made;
  };
  const attributes = depth.attribute.filter((attribute) => attribute.name !== 'group');
  const made: OnnxNode[] = [
    { ...point, input: [input, joined('point', 1), joined('point', 2)], output: [`${name}:point`] },
    {
      ...depth,
      input: [`${name}:point`, joined('depth', 1), joined('depth', 2)],
      output: [`${name}:depth`],
      attribute: [...attributes, makeAttribute('group', total)],
    },
    { ...transpose, input: [`${name}:depth`], output: [`${name}:transposed`] },
    makeNode('Reshape', [`${name}:transposed`, `${name}:shape`], [`${name}:cells`]),
  ];
  graph.initializer.push(makeConstant(`${name}:shape`, [3], BigInt64Array.from([0, -1, total], BigInt)));
  let start = 0;
  for (const { output, channels } of heads) {
    const bounds = { start, end: start + channels, axis: 2 };
    const inputs = Object.entries(bounds).map(([part, value]) => {
      const bound = `${output}:${part}`;
      graph.initializer.push(makeConstant(bound, [1], BigInt64Array.of(BigInt(value))));
      return bound;
    });
    made.push(makeNode('Slice', [`${name}:cells`, ...inputs], [output]));
    start += channels;
  }
  const gone = new Set(heads.flatMap((head) => [head.point, head.depth, head.transpose, head.reshape]));
  const at = Math.min(...heads.map((head) => graph.node.indexOf(head.point)));
  graph.node.splice(at, 0, ...made);
  graph.node = graph.node.filter((node) => !gone.has(node));
}

/** Joins the weights or biases of several heads along their channels. */
function concatenate(name: string, channels: number, tensors: readonly OnnxTensor[]): OnnxTensor {
  const parts = tensors.map(readFloats);
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  return makeConstant(name, [channels, ...(tensors[0]?.dims.slice(1) ?? [])], data);
}

/** Returns the head that begins with this node; undefined where the nodes that follow are not those of a head. */
function findHead(point: OnnxNode, index: GraphIndex): Head | undefined {
  const [input, weights, bias, ...more] = point.input;
  if (point.opType !== 'Conv' || readIntegerAttribute(point, 'group', 1) !== 1) return undefined;
  if (input === undefined || weights === undefined || bias === undefined || more.length > 0) return undefined;
  const [channels, , kernelHeight, kernelWidth] = index.constant(weights).dims;
  const depth = index.onlyConsumer(point.output[0]);
  const transpose = depth && index.onlyConsumer(depth.output[0]);
  if (kernelHeight !== 1 || kernelWidth !== 1 || depth?.opType !== 'Conv' || depth.input.length !== 3) return undefined;
  if (channels === undefined || readIntegerAttribute(depth, 'group', 1) !== channels) return undefined;
  if (transpose?.opType !== 'Transpose' || findAttribute(transpose, 'perm')?.ints.join() !== '0,2,3,1')
    return undefined;
  const reshape = index.onlyConsumer(transpose.output[0]);
  const shape = reshape?.opType === 'Reshape' ? index.findConstant(reshape.input[1]) : undefined;
  if (!reshape || !shape || readIntegers(shape).join() !== `0,-1,${channels}`) return undefined;
  return { input, point, depth, transpose, reshape, output: requireOutput(reshape), channels };
}

/** Describes what must agree between convolutions that are merged. */
function describeShape(conv: OnnxNode): string {
  const parts = ['kernel_shape', 'pads', 'strides', 'dilations'].map((name) => findAttribute(conv, name)?.ints.join());
  return parts.join(';');
}
