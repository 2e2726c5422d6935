// Equalises channels: channels of very different size that share one 8-bit scale are brought to similar size, where the weights before and
// after them can take up the factor.
import { GraphIndex, readIntegerAttribute, requireDimension, requireInput, requireOutput } from '../onnx/onnx-graph.js';
import type { OnnxGraph, OnnxNode } from '../onnx/onnx-model.js';
import { countElements, makeConstant, readFloats } from '../onnx/onnx-tensor.js';

/** Divisors of the channels' values, by the tensor's name: one for each channel. */
export type ChannelFactors = Readonly<Record<string, readonly number[]>>;

/** Smallest factor: it keeps a channel with nearly no signal from being amplified without limit. */
const LEAST_FACTOR = 1 / 64;

/**
 * A convolution and the convolution per channel that alone reads its result, with nothing, a Relu or a bend between them. A positive factor
 * passes through all of these.
 */
interface ConvPair {
  /** Name of the tensor whose channels have the factors: what the second one reads or, before a bend, what the first one makes. */
  tensor: string;
  first: OnnxNode;
  second: OnnxNode;
}

/** Lists the tensors that can have factors: both convolutions have a scale per channel, so the factors cost nothing. */
export function listEqualisableTensors(graph: OnnxGraph): string[] {
  return findConvPairs(graph).map(({ tensor }) => tensor);
}

/**
 * Computes the factors of a tensor: the size of each channel in proportion to the largest one.
 * @param ranges least and greatest value of each channel
 */
export function computeFactors(ranges: readonly (readonly [number, number])[]): number[] {
  const sizes = ranges.map(([least, greatest]) => Math.max(-least, greatest, 0));
  const top = Math.max(...sizes);
  return sizes.map((size) => (top > 0 ? Number(Math.max(size / top, LEAST_FACTOR).toPrecision(4)) : 1));
}

/** Divides the channels by their factors, in place. What the graph computes stays the same, apart from rounding. */
export function equaliseChannels(graph: OnnxGraph, factors: ChannelFactors): void {
  const index = new GraphIndex(graph);
  const scale = (name: string, factor: (channel: number) => number): string => {
    const tensor = index.constant(name);
    const perChannel = countElements(tensor.dims.slice(1));
    const values = readFloats(tensor).map((value, i) => value * factor(Math.floor(i / perChannel)));
    const made = `${name}:equalised:${graph.initializer.length}`;
    graph.initializer.push(makeConstant(made, tensor.dims, values));
    return made;
  };
  for (const { tensor, first, second } of findConvPairs(graph)) {
    const own = factors[tensor];
    if (!own) continue;
    const factor = (channel: number): number => {
      const value = own[channel];
      if (value === undefined) throw new RangeError(`${tensor} has no factor for channel ${channel}`);
      return value;
    };
    const [input, ...constants] = first.input;
    if (input === undefined) continue;
    first.input = [input, ...constants.map((name) => scale(name, (channel) => 1 / factor(channel)))];
    second.input[1] = scale(requireInput(second, 1), factor);
  }
}

function findConvPairs(graph: OnnxGraph): ConvPair[] {
  const index = new GraphIndex(graph);
  const found: ConvPair[] = [];
  for (const first of graph.node) {
    if (first.opType !== 'Conv' || !first.input.slice(1).every((name) => index.constants.has(name))) continue;
    const channels = requireDimension(index.constant(requireInput(first, 1)), 0);
    let tensor = requireOutput(first);
    let read = findEndOfBend(tensor, channels, index) ?? tensor;
    let second = index.onlyConsumer(read);
    if (second?.opType === 'Relu') {
      tensor = read = requireOutput(second);
      second = index.onlyConsumer(read);
    }
    if (!second || second.input[0] !== read || channels < 2 || !worksPerChannel(second, channels, index)) continue;
    found.push({ tensor, first, second });
  }
  return found;
}

/**
 * Finds the bend that alone reads a tensor x: x + Relu(c * x) with a factor c for each channel, as which PRelu is written.
 * @returns the name of its result; undefined where there is none
 */
function findEndOfBend(x: string, channels: number, index: GraphIndex): string | undefined {
  const consumers = index.consumers(x);
  const conv = consumers.find((node) => worksPerChannel(node, channels, index) && node.input.length === 2);
  const relu = conv && index.onlyConsumer(conv.output[0]);
  const add = relu?.opType === 'Relu' ? index.onlyConsumer(relu.output[0]) : undefined;
  const isBend = add?.opType === 'Add' && add.input.includes(x) && consumers.length === 2 && !index.outputs.has(x);
  return isBend ? requireOutput(add) : undefined;
}

function worksPerChannel(node: OnnxNode, channels: number, index: GraphIndex): boolean {
  if (node.opType !== 'Conv' || readIntegerAttribute(node, 'group', 1) !== channels) return false;
  return index.findConstant(node.input[1])?.dims[0] === channels;
}
