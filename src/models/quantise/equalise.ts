// Equalises channels: channels of very different size that share one 8-bit scale are brought to similar size, where the weights before and
// after them can take up the factor.
import { GraphIndex, readIntegerAttribute, requireDimension, requireInput, requireOutput } from './onnx/onnx-graph.js';
import type { OnnxGraph, OnnxNode } from './onnx/onnx-model.js';
import { countElements, makeConstant, readFloats } from './onnx/onnx-tensor.js';

/** Divisors of the channels' values, by the tensor's name: one for each channel. */
export type ChannelFactors = Readonly<Record<string, readonly number[]>>;

/** Smallest factor: it keeps a channel with nearly no signal from being amplified without limit. */
const LEAST_FACTOR = 1 / 64;

/**
 * A convolution and the convolution per channel that alone reads its result, with nothing or a Relu between them. A positive factor passes
 * through a Relu.
 */
interface ConvPair {
  /** Name of the tensor that the second one reads. */
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
    let tensor = requireOutput(first);
    let second = index.onlyConsumer(tensor);
    if (second?.opType === 'Relu') {
      tensor = requireOutput(second);
      second = index.onlyConsumer(tensor);
    }
    const channels = requireDimension(index.constant(requireInput(first, 1)), 0);
    if (second?.opType !== 'Conv' || second.input[0] !== tensor || channels < 2) continue;
    const weights = index.findConstant(second.input[1]);
    if (readIntegerAttribute(second, 'group', 1) !== channels || weights?.dims[0] !== channels) continue;
    found.push({ tensor, first, second });
  }
  return found;
}
