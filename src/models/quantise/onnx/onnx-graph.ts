// Looking around in an ONNX graph: attributes, constants, who makes a tensor and who uses it.
import { AppError } from '../../../errors.js';
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
    attribute: Object.entries(attributes).map(([name, value]): OnnxAttribute =>
      typeof value === 'number'
        ? { name, i: BigInt(value), floats: [], ints: [], type: ATTRIBUTE_TYPE.int }
        : { name, floats: [], ints: value.map(BigInt), type: ATTRIBUTE_TYPE.ints },
    ),
  };
}

export function attributeOf(node: OnnxNode, name: string): OnnxAttribute | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

export function integerAttribute(node: OnnxNode, name: string, fallback: number): number {
  return Number(attributeOf(node, name)?.i ?? fallback);
}

/** The indices of a graph as it was when they were made. */
export class GraphIndex {
  readonly constants: ReadonlyMap<string, OnnxTensor>;
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

  producer(name: string): OnnxNode | undefined {
    return this.#producers.get(name);
  }

  consumers(name: string): readonly OnnxNode[] {
    return this.#consumers.get(name) ?? [];
  }

  /** The one node that uses the tensor, where there is one and the tensor is no output of the graph. */
  onlyConsumer(name: string): OnnxNode | undefined {
    const users = this.consumers(name);
    return users.length === 1 && !this.outputs.has(name) ? users[0] : undefined;
  }

  /** @throws AppError MODEL_INVALID where the input is not constant */
  constant(name: string): OnnxTensor {
    const tensor = this.constants.get(name);
    if (!tensor) throw new AppError('MODEL_INVALID', `the tensor ${name} is not constant`);
    return tensor;
  }
}

/** Drops constants and nodes that lead to no output. The nodes are in an order in which each follows those it depends on. */
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
 * Gives every tensor but the graph's inputs and outputs a short name, and its nodes none: with many small layers, names are a tenth of a file.
 * @throws AppError MODEL_INVALID where a node has a graph of its own, which would go on using the names
 */
export function shortenNames(graph: OnnxGraph): void {
  const nested = graph.node.find(({ attribute }) => attribute.some(({ type }) => type === ATTRIBUTE_TYPE.graph));
  if (nested) throw new AppError('MODEL_INVALID', `the node ${nested.opType} has a graph of its own`);
  const names = new Map([...graph.input, ...graph.output].map(({ name }) => [name, name]));
  // An optional input that is not given.
  names.set('', '');
  const taken = new Set(names.keys());
  let next = 0;
  const shortOf = (name: string): string => {
    const known = names.get(name);
    if (known !== undefined) return known;
    let short = '';
    do short = (next++).toString(36);
    while (taken.has(short));
    names.set(name, short);
    return short;
  };
  for (const tensor of graph.initializer) tensor.name = shortOf(tensor.name ?? '');
  for (const node of graph.node) {
    node.input = node.input.map(shortOf);
    node.output = node.output.map(shortOf);
    delete node.name;
  }
  graph.valueInfo = [];
}
