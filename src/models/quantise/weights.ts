// Quantised weights and biases of a convolution.
import { requireDimension, requireInput, requireOutput, type GraphIndex } from '../onnx/onnx-graph.js';
import type { GraphWriter } from '../onnx/graph-writer.js';
import type { OnnxNode } from '../onnx/onnx-model.js';
import { countElements, readFloats } from '../onnx/onnx-tensor.js';
import { clamp } from './layers.js';

/**
 * Writes the weights of a convolution as int8 with one scale per output channel, and its bias as int32 in units of the products.
 * @param inputScale scale of the convolution's input
 * @returns the names of the tensors that take the place of the float weights and, where the convolution has one, of the bias
 * @throws AppError MODEL_INVALID where they are not constant
 */
export function writeConvConstants(
  node: OnnxNode,
  inputScale: number,
  index: GraphIndex,
  writer: GraphWriter,
): string[] {
  const weights = index.constant(requireInput(node, 1));
  const bias = node.input[2] === undefined ? undefined : readFloats(index.constant(node.input[2]));
  const channels = requireDimension(weights, 0);
  const perChannel = countElements(weights.dims) / channels;
  const values = readFloats(weights);
  const scales = new Float32Array(channels);
  const bytes = new Int8Array(values.length);
  const biasUnits = new Int32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const own = values.subarray(channel * perChannel, (channel + 1) * perChannel);
    let greatest = 0;
    for (const value of own) greatest = Math.max(greatest, Math.abs(value));
    // A channel whose weights are nearly zero must still be able to express its bias in 31 bits.
    const leastForBias = bias ? Math.abs(bias[channel]!) / (inputScale * 2 ** 30) : 0;
    scales[channel] = Math.max(greatest / 127, leastForBias, 1e-12);
    // The scale is read back from the array, because the file holds it as a 32-bit float.
    const scale = scales[channel]!;
    own.forEach((value, i) => {
      bytes[channel * perChannel + i] = clamp(Math.round(value / scale), -127, 127);
    });
    if (bias) biasUnits[channel] = Math.round(bias[channel]! / (inputScale * scale));
  }
  const prefix = requireOutput(node);
  const names = [writeDequantised(`${prefix}:weight8`, weights.dims, bytes, scales, writer)];
  if (bias) {
    const biasScales = scales.map((scale) => Math.fround(scale * inputScale));
    names.push(writeDequantised(`${prefix}:bias32`, [channels], biasUnits, biasScales, writer));
  }
  return names;
}

/** Writes integers, their scales per channel, and the node that turns them into floats. @returns the name of the floats */
function writeDequantised(
  name: string,
  dims: readonly number[],
  data: Int8Array | Int32Array,
  scales: Float32Array,
  writer: GraphWriter,
): string {
  const zeros = data instanceof Int8Array ? new Int8Array(scales.length) : new Int32Array(scales.length);
  const inputs = [
    writer.addConstant(`${name}:bytes`, dims, data),
    writer.addConstant(`${name}:scale`, [scales.length], scales),
    writer.addConstant(`${name}:zero`, [scales.length], zeros),
  ];
  return writer.addNode('DequantizeLinear', inputs, name, { axis: 0 });
}
