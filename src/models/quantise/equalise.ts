// Channels of very different size that one 8-bit scale must carry are made alike, where the weights before and after can take up the factor.
import { GraphIndex, integerAttribute } from './onnx/onnx-graph.js';
import type { OnnxGraph, OnnxNode } from './onnx/onnx-model.js';
import { constantTensor, elementCount, floatsOf } from './onnx/onnx-tensor.js';

/** Per tensor and channel: what the channel's values are divided by. */
export type ChannelFactors = Readonly<Record<string, readonly number[]>>;

/** The least factor: a channel that is all but still is not blown up. */
const LEAST_FACTOR = 1 / 64;

/** A convolution and the one per channel that alone reads it; between them nothing, or a Relu, which a positive factor passes. */
interface Pair {
  tensor: string;
  first: OnnxNode;
  second: OnnxNode;
}

/** Names of the tensors that can have factors: both convolutions have a scale per channel, so that the factors cost nothing. */
export function equalisableTensors(graph: OnnxGraph): string[] {
  return pairs(graph).map(({ tensor }) => tensor);
}

/** @param ranges least and greatest value of each channel */
export function factorsFor(ranges: readonly (readonly [number, number])[]): number[] {
  const sizes = ranges.map(([least, greatest]) => Math.max(-least, greatest, 0));
  const top = Math.max(...sizes);
  return sizes.map((size) => (top > 0 ? Number(Math.max(size / top, LEAST_FACTOR).toPrecision(4)) : 1));
}

/** Divides the channels by their factors, in place; what the graph computes stays the same, save for rounding. */
export function equaliseChannels(graph: OnnxGraph, factors: ChannelFactors): void {
  const index = new GraphIndex(graph);
  const scaled = (name: string, factorOf: (channel: number) => number): string => {
    const tensor = index.constant(name);
    const perChannel = elementCount(tensor.dims.slice(1));
    const values = floatsOf(tensor).map((value, i) => value * factorOf(Math.floor(i / perChannel)));
    const made = `${name}:equalised:${graph.initializer.length}`;
    graph.initializer.push(constantTensor(made, tensor.dims, values));
    return made;
  };
  for (const { tensor, first, second } of pairs(graph)) {
    const own = factors[tensor];
    if (!own) continue;
    first.input = [first.input[0], ...first.input.slice(1).map((name) => scaled(name, (channel) => 1 / own[channel]))];
    second.input[1] = scaled(second.input[1], (channel) => own[channel]);
  }
}

function pairs(graph: OnnxGraph): Pair[] {
  const index = new GraphIndex(graph);
  const found: Pair[] = [];
  for (const first of graph.node) {
    if (first.opType !== 'Conv' || !first.input.slice(1).every((name) => index.constants.has(name))) continue;
    let tensor = first.output[0];
    let second = index.onlyConsumer(tensor);
    if (second?.opType === 'Relu') {
      tensor = second.output[0];
      second = index.onlyConsumer(tensor);
    }
    const channels = index.constant(first.input[1]).dims[0];
    if (second?.opType !== 'Conv' || second.input[0] !== tensor || channels < 2) continue;
    const weights = index.constants.get(second.input[1]);
    if (integerAttribute(second, 'group', 1) !== channels || weights?.dims[0] !== channels) continue;
    found.push({ tensor, first, second });
  }
  return found;
}
