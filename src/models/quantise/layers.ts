// Which layers of a graph can be quantised, and how a range of values becomes a scale of 8 bits.
import { GraphIndex } from './onnx/onnx-graph.js';
import type { OnnxGraph, OnnxNode } from './onnx/onnx-model.js';
import { floatsOf } from './onnx/onnx-tensor.js';

/** The least and the greatest value that a tensor is given; what lies outside is cut off. */
export type Range = readonly [number, number];

export interface Scale {
  scale: number;
  zeroPoint: number;
}

/** A node together with the activation function after it, which the limits of the 8-bit range take over. */
export interface Layer {
  node: OnnxNode;
  /** The activation function's output where there is one. */
  output: string;
  /** Names of the tensors, not the constants, that it reads. */
  inputs: readonly string[];
}

/** Layers that can be quantised, in the order of the graph. */
export function quantisableLayers(graph: OnnxGraph): Layer[] {
  const index = new GraphIndex(graph);
  const layers: Layer[] = [];
  for (const node of graph.node) {
    const inputs = quantisableInputs(node, index);
    if (!inputs) continue;
    const next = index.onlyConsumer(node.output[0]);
    const isCut = ABSORBING.has(node.opType) && next !== undefined && cutsBelowZero(next, index);
    layers.push({ node, output: isCut ? next.output[0] : node.output[0], inputs });
  }
  return layers;
}

const ABSORBING: ReadonlySet<string> = new Set(['Conv', 'Add', 'Mul']);
/** Their output has the range of their input, so that they only move bytes. */
export const MOVING: ReadonlySet<string> = new Set(['MaxPool', 'Resize', 'Transpose', 'Reshape', 'Flatten']);

function quantisableInputs(node: OnnxNode, index: GraphIndex): string[] | undefined {
  const { opType, input } = node;
  if (opType === 'Conv') {
    const isKnown = input.slice(1).every((name) => index.constants.has(name));
    return isKnown && index.constant(input[1]).dims.length === 4 ? [input[0]] : undefined;
  }
  if (opType === 'Add' || opType === 'Mul' || opType === 'Concat') {
    return input.every((name) => !index.constants.has(name)) ? input : undefined;
  }
  return opType === 'GlobalAveragePool' || MOVING.has(opType) ? [input[0]] : undefined;
}

/** Relu, and Clip from zero: the range of 0 to the greatest value does the same. */
function cutsBelowZero(node: OnnxNode, index: GraphIndex): boolean {
  if (node.opType === 'Relu') return true;
  if (node.opType !== 'Clip') return false;
  const least = index.constants.get(node.input[1]);
  return least !== undefined && floatsOf(least)[0] === 0;
}

/** Zero is always a value of its own, so that a border of zeros is exact. */
export function scaleFor([from, to]: Range, type: 'uint8' | 'int8'): Scale {
  const least = Math.min(0, from);
  const greatest = Math.max(0, to);
  const scale = Math.fround(Math.max(greatest - least, 1e-6) / 255);
  const zero = clamp(Math.round(-least / scale), 0, 255);
  return { scale, zeroPoint: type === 'uint8' ? zero : zero - 128 };
}

export function clamp(value: number, least: number, greatest: number): number {
  return Math.max(least, Math.min(greatest, value));
}
