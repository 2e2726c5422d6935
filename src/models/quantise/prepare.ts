// Prepares a float ONNX graph for quantisation without changing what it computes: constants, folded layers, one operator set.
import { AppError } from '../../errors.js';
import { GraphIndex, dropUnused, findAttribute, requireInput, requireOutput } from '../onnx/onnx-graph.js';
import { readOnnx, type OnnxGraph, type OnnxModel, type OnnxNode } from '../onnx/onnx-model.js';
import { countElements, makeConstant, readFloats, readIntegers } from '../onnx/onnx-tensor.js';
import { mergeHeads } from './merge-heads.js';
import { raiseOperatorSet } from './operator-set.js';

/**
 * Reads a float model and prepares it.
 * @param outputs names of the outputs to keep; default: all
 * @throws AppError MODEL_INVALID where the bytes are no model, or the model has none of the outputs or an operator set that is not known here
 */
export function prepareModel(bytes: Uint8Array, outputs?: readonly string[]): OnnxModel {
  const model = readOnnx(bytes);
  const { graph } = model;
  if (outputs) graph.output = graph.output.filter(({ name }) => outputs.includes(name));
  if (graph.output.length === 0) throw new AppError('MODEL_INVALID', 'the model has no such output');
  graph.valueInfo = [];
  turnConstantsIntoInitialisers(graph);
  fixReshapes(graph);
  dropOnes(graph);
  foldBatchNorms(graph);
  // Nodes that compute sizes read the heads' tensors as well; without them each tensor has one reader, and heads can be merged.
  dropUnused(graph);
  mergeHeads(graph);
  dropUnused(graph);
  raiseOperatorSet(model);
  // Older files list their constants among the inputs, which makes them changeable: nothing could be folded.
  const constants = new Set(graph.initializer.map(({ name }) => name));
  graph.input = graph.input.filter(({ name }) => !constants.has(name));
  return model;
}

function turnConstantsIntoInitialisers(graph: OnnxGraph): void {
  graph.node = graph.node.filter((node) => {
    const value = node.opType === 'Constant' ? findAttribute(node, 'value')?.t : undefined;
    if (!value) return true;
    graph.initializer.push({ ...value, name: requireOutput(node) });
    return false;
  });
}

/**
 * Makes the shapes of Reshape nodes constant. Exporters compute the batch size while the model runs, only to keep it: a 0 in the shape has
 * the same effect.
 */
function fixReshapes(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  for (const node of graph.node) {
    const sizes = node.opType === 'Reshape' ? findFixedSizes(node, index) : undefined;
    if (!sizes) continue;
    const name = `${requireOutput(node)}:shape`;
    graph.initializer.push(makeConstant(name, [sizes.length], BigInt64Array.from(sizes, BigInt)));
    node.input[1] = name;
  }
}

/** Returns the sizes of a Reshape whose shape is made of the first size of its own input and constants; undefined for any other. */
function findFixedSizes(reshape: OnnxNode, index: GraphIndex): number[] | undefined {
  const concat = index.producer(reshape.input[1]);
  if (concat?.opType !== 'Concat') return undefined;
  const [first, ...others] = concat.input;
  const unsqueeze = index.producer(first);
  const gather = unsqueeze?.opType === 'Unsqueeze' ? index.producer(unsqueeze.input[0]) : undefined;
  const shape = gather?.opType === 'Gather' ? index.producer(gather.input[0]) : undefined;
  const at = gather && index.findConstant(gather.input[1]);
  if (shape?.opType !== 'Shape' || !at || readIntegers(at)[0] !== 0) return undefined;
  // A Transpose that keeps the first axis keeps the batch size.
  const findSource = (name: string): string => {
    const node = index.producer(name);
    const keepsFirst = node?.opType === 'Transpose' && Number(findAttribute(node, 'perm')?.ints[0]) === 0;
    return keepsFirst ? requireInput(node, 0) : name;
  };
  if (findSource(requireInput(reshape, 0)) !== findSource(requireInput(shape, 0))) return undefined;
  const sizes = [0];
  for (const name of others) {
    const constant = index.findConstant(name);
    if (!constant) return undefined;
    sizes.push(...readIntegers(constant));
  }
  return sizes;
}

/** Removes multiplications by one, which exporters leave behind. */
function dropOnes(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  for (const node of graph.node) {
    if (node.opType !== 'Mul' || index.outputs.has(requireOutput(node))) continue;
    const one = index.findConstant(node.input[1]);
    if (!one || countElements(one.dims) !== 1 || readFloats(one)[0] !== 1) continue;
    renameInputs(graph, requireOutput(node), requireInput(node, 0));
  }
}

/** Folds batch normalisations into the convolution before them: y = scale (x - mean) / sqrt(variance + epsilon) + bias. */
function foldBatchNorms(graph: OnnxGraph): void {
  const index = new GraphIndex(graph);
  for (const node of graph.node) {
    if (node.opType !== 'BatchNormalization') continue;
    const conv = index.producer(node.input[0]);
    if (conv?.opType !== 'Conv' || index.onlyConsumer(conv.output[0]) !== node) continue;
    const read = (input: number): Float32Array => readFloats(index.constant(requireInput(node, input)));
    const [scale, bias, mean, variance] = [read(1), read(2), read(3), read(4)];
    const epsilon = findAttribute(node, 'epsilon')?.f ?? 1e-5;
    const factors = scale.map((value, i) => value / Math.sqrt(variance[i]! + epsilon));
    const tensor = index.constant(requireInput(conv, 1));
    const weights = readFloats(tensor);
    const perChannel = weights.length / factors.length;
    const before = conv.input[2] ? readFloats(index.constant(conv.input[2])) : new Float32Array(factors.length);
    const prefix = requireOutput(node);
    const foldedWeights = weights.map((value, i) => value * factors[Math.floor(i / perChannel)]!);
    const foldedBias = before.map((value, i) => (value - mean[i]!) * factors[i]! + bias[i]!);
    graph.initializer.push(
      makeConstant(`${prefix}:weight`, tensor.dims, foldedWeights),
      makeConstant(`${prefix}:bias`, [factors.length], foldedBias),
    );
    conv.input = [requireInput(conv, 0), `${prefix}:weight`, `${prefix}:bias`];
    conv.output = [prefix];
    node.output = [];
  }
  graph.node = graph.node.filter(({ output }) => output.length > 0);
}

function renameInputs(graph: OnnxGraph, from: string, to: string): void {
  for (const node of graph.node) node.input = node.input.map((name) => (name === from ? to : name));
}
