// Adds constants and nodes to an ONNX graph that is being rewritten.
import { makeNode, type AttributeValues } from './onnx-graph.js';
import type { OnnxGraph, OnnxNode } from './onnx-model.js';
import { makeConstant } from './onnx-tensor.js';

/** Constants go into the graph at once; nodes are collected in `nodes`, in the order in which they will run. */
export class GraphWriter {
  readonly nodes: OnnxNode[] = [];
  readonly #graph: OnnxGraph;

  constructor(graph: OnnxGraph) {
    this.#graph = graph;
  }

  /** @returns the name */
  addConstant(name: string, dims: readonly number[], data: Parameters<typeof makeConstant>[2]): string {
    this.#graph.initializer.push(makeConstant(name, dims, data));
    return name;
  }

  /** Adds a one-dimensional int64 constant. @returns the name */
  addIntegers(name: string, values: readonly number[]): string {
    return this.addConstant(name, [values.length], BigInt64Array.from(values, BigInt));
  }

  /** @returns the name of the output */
  addNode(opType: string, input: readonly string[], output: string, attributes?: AttributeValues): string {
    this.nodes.push(makeNode(opType, input, [output], attributes));
    return output;
  }
}
