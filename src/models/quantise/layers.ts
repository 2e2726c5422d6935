// The layers of a graph that can be quantised, and the 8-bit scale of a range of values.
import { GraphIndex, requireInput, requireOutput } from '../onnx/onnx-graph.js';
import type { OnnxGraph, OnnxNode } from '../onnx/onnx-model.js';
import { readFloats } from '../onnx/onnx-tensor.js';

/** Least and greatest value of a tensor that are represented; values outside are cut off. */
export type Range = readonly [least: number, greatest: number];

/** value = (byte - zeroPoint) * scale */
export interface Scale {
  scale: number;
  zeroPoint: number;
}

/** A node together with the activation function after it, if there is one: the limits of the 8-bit range have the same effect. */
export interface Layer {
  node: OnnxNode;
  /** Name of the layer's result: the output of the activation function, else the output of the node. */
  output: string;
  /** Names of the tensors that the node reads, without its constants: at least one. */
  inputs: readonly [string, ...string[]];
}

/** Operators whose results may be followed by an activation function that becomes part of the layer. */
const ABSORBING: ReadonlySet<string> = new Set(['Conv', 'Add', 'Mul']);
/** Operators that only move values: their output has the range of their input. */
export const MOVING: ReadonlySet<string> = new Set(['MaxPool', 'Resize', 'Transpose', 'Reshape', 'Flatten']);

/** Finds the layers that can be quantised, in the order of the graph. */
export function findQuantisableLayers(graph: OnnxGraph): Layer[] {
  const index = new GraphIndex(graph);
  const layers: Layer[] = [];
  for (const node of graph.node) {
    const inputs = findQuantisableInputs(node, index);
    if (!inputs) continue;
    const next = ABSORBING.has(node.opType) ? index.onlyConsumer(node.output[0]) : undefined;
    const last = next && cutsBelowZero(next, index) ? next : node;
    layers.push({ node, output: requireOutput(last), inputs });
  }
  return layers;
}

function findQuantisableInputs(node: OnnxNode, index: GraphIndex): Layer['inputs'] | undefined {
  const { opType, input } = node;
  const [first, ...others] = input;
  if (first === undefined) return undefined;
  if (opType === 'Conv') {
    const isKnown = others.every((name) => index.constants.has(name));
    return isKnown && index.constant(requireInput(node, 1)).dims.length === 4 ? [first] : undefined;
  }
  if (opType === 'Add' || opType === 'Mul' || opType === 'Concat') {
    return input.every((name) => !index.constants.has(name)) ? [first, ...others] : undefined;
  }
  return opType === 'GlobalAveragePool' || MOVING.has(opType) ? [first] : undefined;
}

/** Returns true for Relu, and for Clip from zero: a range from 0 to the greatest value has the same effect. */
function cutsBelowZero(node: OnnxNode, index: GraphIndex): boolean {
  if (node.opType === 'Relu') return true;
  if (node.opType !== 'Clip') return false;
  const least = index.findConstant(node.input[1]);
  return least !== undefined && readFloats(least)[0] === 0;
}

/** Computes the scale of a range. Zero is always represented exactly, so that a border of zeros is exact. */
export function computeScale([from, to]: Range, type: 'uint8' | 'int8'): Scale {
  const least = Math.min(0, from);
  const greatest = Math.max(0, to);
  const scale = Math.fround(Math.max(greatest - least, 1e-6) / 255);
  const zero = clamp(Math.round(-least / scale), 0, 255);
  return { scale, zeroPoint: type === 'uint8' ? zero : zero - 128 };
}

export function clamp(value: number, least: number, greatest: number): number {
  return Math.max(least, Math.min(greatest, value));
}
