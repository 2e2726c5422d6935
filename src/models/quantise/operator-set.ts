// Raises an ONNX graph to the operator set that quantisation needs.
import { AppError } from '../../errors.js';
import { findAttribute, readIntegerAttribute, requireOutput } from '../onnx/onnx-graph.js';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../onnx/onnx-model.js';
import { makeConstant } from '../onnx/onnx-tensor.js';

/** First set in which DequantizeLinear has an axis, for one scale per channel. */
const OPERATOR_SET = 13;
const OLDEST_OPERATOR_SET = 9;
/** Newest set that is accepted: the operators that Lintel writes did not change up to here. */
const NEWEST_OPERATOR_SET = 22;
const IR_VERSION = 7;

/**
 * Rewrites the nodes whose form changed between the file's operator set and set 13. A newer set is left as it is.
 * @throws AppError MODEL_INVALID for a set that is not known here, and for operators that would need more than a rewriting
 */
export function raiseOperatorSet(model: OnnxModel): void {
  const { graph } = model;
  const own = model.opsetImport.find(({ domain }) => !domain);
  if (!own || own.version > NEWEST_OPERATOR_SET || own.version < OLDEST_OPERATOR_SET) {
    throw new AppError('MODEL_INVALID', `the model is of operator set ${own?.version}, which is not known here`);
  }
  if (own.version >= OPERATOR_SET) return;
  for (const node of graph.node) {
    if (node.opType === 'Slice' && own.version < 10) turnIntoInputs(graph, node, ['starts', 'ends', 'axes']);
    if (['Squeeze', 'Unsqueeze'].includes(node.opType)) turnIntoInputs(graph, node, ['axes']);
    if (['ReduceSum', 'Upsample', 'Dropout', 'Split', 'Pad'].includes(node.opType)) {
      throw new AppError('MODEL_INVALID', `the operator ${node.opType} of set ${own.version} is not known here`);
    }
    // Before set 13, Softmax flattened all axes from this one on. The result is the same only where this axis is the last one.
    if (node.opType === 'Softmax' && readIntegerAttribute(node, 'axis', 1) < 2) {
      throw new AppError('MODEL_INVALID', 'a Softmax over several axes is not known here');
    }
  }
  own.version = OPERATOR_SET;
  model.irVersion = Math.max(model.irVersion ?? 0, IR_VERSION);
}

/** Turns attributes of a node into constant inputs. */
function turnIntoInputs(graph: OnnxGraph, node: OnnxNode, names: readonly string[]): void {
  for (const name of names) {
    const values = findAttribute(node, name)?.ints;
    if (!values) continue;
    const constant = `${requireOutput(node)}:${name}`;
    graph.initializer.push(makeConstant(constant, [values.length], BigInt64Array.from(values)));
    node.input.push(constant);
  }
  node.attribute = node.attribute.filter(({ name }) => !names.includes(name));
}
