// Tools for ONNX graphs: attributes, inputs and outputs of nodes, the producer and the consumers of a tensor.
import { AppError } from '../../errors.js';
import { ATTRIBUTE_TYPE, type OnnxAttribute, type OnnxGraph, type OnnxNode, type OnnxTensor } from './onnx-model.js';

/** Attributes by name: a whole number or a list of them. */
export type AttributeValues = Readonly<Record<string, number | readonly number[]>>;

export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: AttributeValues = {},
): OnnxNode {
  return {
    input: [...input],
    output: [...output],
    name: `${opType}:${output[0]}`,
    opType,
    attribute: Object.entries(attributes).map(([name, value]) => makeAttribute(name, value)),
  };
}

export function makeAttribute(name: string, value: number | readonly number[]): OnnxAttribute {
  return typeof value === 'number'
    ? { name, i: BigInt(value), floats: [], ints: [], type: ATTRIBUTE_TYPE.int }
    : { name, floats: [], ints: value.map(BigInt), type: ATTRIBUTE_TYPE.ints };
}

export function findAttribute(node: OnnxNode, name: string): OnnxAttribute | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

export function readIntegerAttribute(node: OnnxNode, name: string, fallback: number): number {
  return Number(findAttribute(node, name)?.i ?? fallback);
}

/** Returns the name of an input that the operator requires. @throws AppError MODEL_INVALID where the node has none at this place */
export function requireInput(node: OnnxNode, index: number): string {
  const name = node.input[index];
  if (name === undefined) throw new AppError('MODEL_INVALID', `a node ${node.opType} has no input ${index}`);
  return name;
}

/** Returns the name of a node's first output. @throws AppError MODEL_INVALID where the node has none */
export function requireOutput(node: OnnxNode): string {
  const [name] = node.output;
  if (name === undefined) throw new AppError('MODEL_INVALID', `a node ${node.opType} has no output`);
  return name;
}

/** Returns one size of a tensor's shape. @throws AppError MODEL_INVALID where the tensor has fewer dimensions */
export function requireDimension(tensor: OnnxTensor, index: number): number {
  const size = tensor.dims[index];
  if (size === undefined) throw new AppError('MODEL_INVALID', `the tensor ${tensor.name} has no dimension ${index}`);
  return size;
}

/** Index of a graph by the names of its tensors. It does not follow later changes of the graph. */
export class GraphIndex {
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  /** Names of the graph's outputs. */
  readonly outputs: ReadonlySet<string>;
  readonly #producers = new Map<string, OnnxNode>();
  readonly #consumers = new Map<string, OnnxNode[]>();

  constructor(graph: OnnxGraph) {
    this.constants = new Map(graph.initializer.map((tensor) => [tensor.name ?? '', tensor]));
    this.outputs = new Set(graph.output.map(({ name }) => name));
    for (const node of graph.node) {
      for (const name of node.output) this.#producers.set(name, node);
      for (const name of new Set(node.input)) {
        const users = this.#consumers.get(name);
        if (users) users.push(node);
        else this.#consumers.set(name, [node]);
      }
    }
  }

  producer(name: string | undefined): OnnxNode | undefined {
    return name === undefined ? undefined : this.#producers.get(name);
  }

  consumers(name: string): readonly OnnxNode[] {
    return this.#consumers.get(name) ?? [];
  }

  /** Returns the node that alone uses the tensor; undefined where several do, none does, or the tensor is an output of the graph. */
  onlyConsumer(name: string | undefined): OnnxNode | undefined {
    if (name === undefined || this.outputs.has(name)) return undefined;
    const [user, ...others] = this.consumers(name);
    return others.length === 0 ? user : undefined;
  }

  findConstant(name: string | undefined): OnnxTensor | undefined {
    return name === undefined ? undefined : this.constants.get(name);
  }

  /** @throws AppError MODEL_INVALID where there is no constant of this name */
  constant(name: string): OnnxTensor {
    const tensor = this.constants.get(name);
    if (!tensor) throw new AppError('MODEL_INVALID', `the tensor ${name} is not constant`);
    return tensor;
  }
}

/** Removes constants and nodes that lead to no output. Each node of the graph comes after the nodes that it depends on. */
export function dropUnused(graph: OnnxGraph): void {
  const used = new Set(graph.output.map(({ name }) => name));
  const kept: OnnxNode[] = [];
  for (const node of graph.node.toReversed()) {
    if (!node.output.some((name) => used.has(name))) continue;
    kept.push(node);
    for (const name of node.input) used.add(name);
  }
  graph.node = kept.reverse();
  graph.initializer = graph.initializer.filter(({ name }) => used.has(name ?? ''));
}

/**
 * Gives every tensor a short name, except the graph's inputs and outputs, and removes the names of the nodes. In a file of many small layers
 * the names are a tenth of the size.
 * @throws AppError MODEL_INVALID where a node contains a graph, which would still use the old names
 */
export function shortenNames(graph: OnnxGraph): void {
  const nested = graph.node.find(({ attribute }) => attribute.some(({ type }) => type === ATTRIBUTE_TYPE.graph));
  if (nested) throw new AppError('MODEL_INVALID', `the node ${nested.opType} contains a graph`);
  const names = new Map([...graph.input, ...graph.output].map(({ name }) => [name, name]));
  // The empty name stands for an optional input that is not given.
  names.set('', '');
  const taken = new Set(names.keys());
  let next = 0;
  const shorten = (name: string): string => {
    const known = names.get(name);
    if (known !== undefined) return known;
    let short = '';
    do short = (next++).toString(36);
    while (taken.has(short));
    names.set(name, short);
    return short;
  };
  for (const tensor of graph.initializer) tensor.name = shorten(tensor.name ?? '');
  for (const node of graph.node) {
    node.input = node.input.map(shorten);
    node.output = node.output.map(shorten);
    delete node.name;
  }
  graph.valueInfo = [];
}
