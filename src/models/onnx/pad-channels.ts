// Pads the channels of layers with zeros, up to whole blocks of onnxruntime's blocked layout.
import { GraphIndex, findAttribute, makeAttribute, readIntegerAttribute, requireInput } from './onnx-graph.js';
import type { OnnxGraph, OnnxNode } from './onnx-model.js';
import { countElements, makeConstant, readFloats } from './onnx-tensor.js';

/** Channels of a block: 16 with AVX-512, 8 with AVX2. */
const BLOCK = 16;
/** Operators with one input that compute each channel from itself. */
const SINGLE = new Set(['Relu', 'Sigmoid', 'GlobalAveragePool', 'PRelu']);
/** Operators that compute each channel from those of the same number in both inputs. */
const DOUBLE = new Set(['Add', 'Mul']);

/**
 * Pads the channels of convolutions and of what follows them, where their number is not a multiple of 16. Added channels have weights of zero
 * wherever they are read, so the outputs of the graph stay the same.
 *
 * onnxruntime 1.30 computes convolutions on x64 in blocks of channels, if their number fits. A pruned network has others: each of its layers is
 * computed in a slower way, or its input and output are reordered.
 * @param graph changed in place; a layer whose channels could become visible, because they are an output or another operator reads them, stays
 */
export function padChannels(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  const tensors = new LinkedTensors();
  for (const node of graph.node) linkTensors(node, index, tensors);
  for (const name of [...graph.input, ...graph.output].map((value) => value.name)) tensors.fix(name);
  const pads = new Map<OnnxNode, { from: number; to: number }>();
  for (const node of graph.node) {
    if (node.opType !== 'Conv') continue;
    const channels = countOutputChannels(node, index);
    const [output = ''] = node.output;
    const sized = tensors.isFixed(output) ? channels : Math.ceil(channels / BLOCK) * BLOCK;
    pads.set(node, { from: channels, to: sized });
    tensors.setSize(output, sized);
  }
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name ?? '', tensor]));
  const pad = (node: OnnxNode, input: number, sizes: readonly number[]): void => {
    const name = requireInput(node, input);
    const tensor = index.constant(name);
    if (sizes.every((size, axis) => size === tensor.dims[axis])) return;
    constants.set(name, makeConstant(name, sizes, padZeros(readFloats(tensor), tensor.dims, sizes)));
  };
  for (const node of graph.node) {
    if (node.opType === 'PRelu') {
      const size = tensors.readSize(requireInput(node, 0));
      const slopes = index.findConstant(node.input[1]);
      if (size !== undefined && slopes) pad(node, 1, [size, ...slopes.dims.slice(1)]);
    }
    const channels = pads.get(node);
    if (!channels) continue;
    const { dims } = index.constant(requireInput(node, 1));
    const isPerChannel = readIntegerAttribute(node, 'group', 1) > 1;
    const inputs = isPerChannel ? 1 : (tensors.readSize(requireInput(node, 0)) ?? dims[1]!);
    pad(node, 1, [channels.to, inputs, ...dims.slice(2)]);
    if (node.input[2]) pad(node, 2, [channels.to]);
    if (isPerChannel) {
      const group = findAttribute(node, 'group');
      node.attribute = [...node.attribute.filter((one) => one !== group), makeAttribute('group', channels.to)];
    }
  }
  graph.initializer = [...constants.values()];
  graph.valueInfo = [];
}

/** Links tensors whose numbers of channels must stay equal, and fixes those that something else reads or makes. */
function linkTensors(node: OnnxNode, index: GraphIndex, tensors: LinkedTensors): void {
  const [output = ''] = node.output;
  const { opType } = node;
  if (opType === 'Conv' && isPlainConv(node, index)) {
    if (readIntegerAttribute(node, 'group', 1) > 1) tensors.link(requireInput(node, 0), output);
    return;
  }
  const isPrelu = opType === 'PRelu';
  const slopes = isPrelu ? index.findConstant(node.input[1]) : undefined;
  const others = isPrelu ? node.input.slice(0, 1) : node.input;
  const isSized = !isPrelu || (slopes !== undefined && slopes.dims[0] === countElements(slopes.dims));
  const isConstant = others.some((name) => index.findConstant(name));
  if ((SINGLE.has(opType) || DOUBLE.has(opType)) && isSized && !isConstant) {
    for (const name of others) tensors.link(name, output);
    return;
  }
  for (const name of [...node.input, ...node.output]) tensors.fix(name);
}

/** Tells whether a convolution has constant weights that nothing else reads, and one group, or a group for each channel. */
function isPlainConv(node: OnnxNode, index: GraphIndex): boolean {
  const weights = index.findConstant(node.input[1]);
  if (!weights || node.input.slice(1).some((name) => index.consumers(name).length !== 1)) return false;
  if (node.input[2] && !index.findConstant(node.input[2])) return false;
  const group = readIntegerAttribute(node, 'group', 1);
  return group === 1 || (weights.dims[0] === group && weights.dims[1] === 1);
}

function countOutputChannels(conv: OnnxNode, index: GraphIndex): number {
  return index.findConstant(conv.input[1])?.dims[0] ?? 0;
}

/** @returns the values in a larger tensor, with zeros behind them on the first two axes; the other sizes are the same */
function padZeros(values: Float32Array, from: readonly number[], to: readonly number[]): Float32Array {
  const padded = new Float32Array(countElements(to));
  const [rows, columns] = [from[0] ?? 1, from[1] ?? 1];
  const cell = countElements(to.slice(2));
  for (let row = 0; row < rows; row++) {
    padded.set(values.subarray(row * columns * cell, (row + 1) * columns * cell), row * (to[1] ?? 1) * cell);
  }
  return padded;
}

/** Sets of tensors with the same number of channels, as a forest. */
class LinkedTensors {
  readonly #parents = new Map<string, string>();
  readonly #fixed = new Set<string>();
  readonly #sizes = new Map<string, number>();

  link(a: string, b: string): void {
    const [first, second] = [this.#find(a), this.#find(b)];
    if (first === second) return;
    this.#parents.set(first, second);
    if (this.#fixed.has(first)) this.#fixed.add(second);
  }

  /** Keeps the number of channels of this tensor, and of those that are linked with it. */
  fix(name: string): void {
    this.#fixed.add(this.#find(name));
  }

  isFixed(name: string): boolean {
    return this.#fixed.has(this.#find(name));
  }

  setSize(name: string, channels: number): void {
    this.#sizes.set(this.#find(name), channels);
  }

  /** @returns undefined where no convolution has made it */
  readSize(name: string): number | undefined {
    return this.#sizes.get(this.#find(name));
  }

  #find(name: string): string {
    let root = name;
    for (let next = this.#parents.get(root); next !== undefined; next = this.#parents.get(root)) root = next;
    return root;
  }
}
