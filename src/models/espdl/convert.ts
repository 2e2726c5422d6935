// Converts an ESP-DL model into a float ONNX model: the weights become floats, and the channels come first. Activations stay in float, which
// ESP-DL rounds to 8 bits.
import { AppError } from '../../errors.js';
import { makeNode, type AttributeValues } from '../onnx/onnx-graph.js';
import { DATA_TYPE, writeOnnx, type OnnxGraph, type OnnxValueInfo } from '../onnx/onnx-model.js';
import { countElements, makeConstant } from '../onnx/onnx-tensor.js';
import { orderWeights } from './convolution-weights.js';
import { replacePrelus } from '../onnx/replace-prelu.js';
import {
  ESPDL_TYPE,
  readEspdl,
  type EspdlGraph,
  type EspdlNode,
  type EspdlTensor,
  type EspdlValue,
} from './espdl-model.js';

const OPERATOR_SET = 13;
const IR_VERSION = 7;
/** Largest number of values of a tensor, far above that of any model of faces: a damaged file must not claim all the memory. */
const MOST_VALUES = 2 ** 26;
const MOST_EXPONENT = 64;
/** Largest padding, stride and dilation of a convolution: they decide how much work and memory the converted model needs. */
const MOST_PIXELS = 1_024;

/**
 * Converts a model of convolutions, PRelu, Add and Concat with one input and one output. The result is the same on every machine, byte for
 * byte.
 * @param bytes the .espdl file: input [1,h,w,c], output [1,n] or [1,1,1,n], weights of 8 bits, channels last
 * @returns the ONNX file: input [1,c,h,w] and output [1,n], float32, under their names in the .espdl file
 * @throws AppError MODEL_INVALID where the file is damaged, or contains what is not known here
 */
export function convertEspdl(bytes: Uint8Array): Uint8Array {
  const graph = new Converter(readEspdl(bytes)).run();
  replacePrelus(graph);
  return writeOnnx({
    irVersion: IR_VERSION,
    producerName: 'lintel',
    graph,
    opsetImport: [{ domain: '', version: OPERATOR_SET }],
  });
}

class Converter {
  readonly #input: EspdlValue;
  readonly #output: EspdlValue;
  readonly #nodes: readonly EspdlNode[];
  readonly #constants: ReadonlyMap<string, EspdlTensor>;
  /** Sizes of the computed tensors: batch, height, width, channels. */
  readonly #sizes: ReadonlyMap<string, readonly number[]>;
  /** Computed tensors by their names in the file, with their names in the result. */
  readonly #names = new Map<string, string>();
  /** Tensors whose channels come first in the file too. Only these can be flattened in the order of the result. */
  readonly #channelsFirst = new Set<string>();
  /** Flattened tensors by their names in the file. The result has the tensors that they were made from. */
  readonly #flattened = new Map<string, string>();
  /** Constants that the result has. */
  readonly #written = new Set<string>();
  readonly #result: OnnxGraph = { node: [], name: 'espdl', initializer: [], input: [], output: [], valueInfo: [] };

  constructor({ node, initializer, input, output, valueInfo }: EspdlGraph) {
    this.#input = requireOnly(input, 'input');
    this.#output = requireOnly(output, 'output');
    this.#nodes = node;
    this.#constants = new Map(initializer.map((tensor) => [tensor.name, tensor]));
    this.#sizes = new Map([...input, ...valueInfo].map(({ name, dims }) => [name, dims]));
  }

  run(): OnnxGraph {
    const input = this.#input.name;
    const [batch, height, width, channels] = requireSizes(input, this.#input.dims, 4);
    this.#names.set(input, input);
    this.#result.input.push(describeFloats(input, [batch, channels, height, width]));
    for (const node of this.#nodes) this.#convert(node);
    const output = this.#output.name;
    this.#add('Flatten', [this.#read(output)], output, { axis: 1 });
    this.#result.output.push(describeFloats(output, [batch, ...requireSizes(output, this.#output.dims.slice(-1), 1)]));
    return this.#result;
  }

  #convert(node: EspdlNode): void {
    requireWord(node, 'quant_type', 'S8');
    requireWord(node, 'activation', 'Linear');
    switch (node.opType) {
      case 'Conv':
        return this.#convertConv(node);
      case 'PRelu':
        return this.#convertPrelu(node);
      case 'Add':
        return this.#add('Add', [this.#readInput(node, 0), this.#readInput(node, 1)], this.#make(node));
      case 'Concat':
        return this.#convertConcat(node);
      case 'Transpose':
        return this.#convertTranspose(node);
      case 'Flatten':
        return this.#convertFlatten(node);
      case 'Gemm':
        return this.#convertGemm(node);
      default:
        throw invalid(`the operator ${node.opType} is not known`);
    }
  }

  #convertConv(node: EspdlNode): void {
    const weights = this.#getConstant(node, 1);
    const [height, width, inputs, last] = requireSizes(weights.name, weights.dims, 4);
    const groups = readNumber(node, 'group', 1);
    // The weights of a convolution per channel have the channels in the place of the input channels.
    const isPerChannel = groups !== 1;
    if (isPerChannel && (groups !== inputs || last !== 1)) throw invalid(`a Conv has ${groups} groups`);
    const sizes = isPerChannel
      ? { outputs: inputs, inputs: 1, height, width }
      : { outputs: last, inputs, height, width };
    const ordered = orderWeights(readBytes(weights), sizes);
    const values = this.#addConstant(weights, ordered, [sizes.outputs, sizes.inputs, height, width]);
    this.#add('Conv', [this.#readInput(node, 0), values, this.#addBias(node, sizes.outputs)], this.#make(node), {
      dilations: readPixels(node, 'dilations', [1, 1]),
      group: groups,
      kernel_shape: [height, width],
      pads: readPixels(node, 'pads', [0, 0, 0, 0]),
      strides: readPixels(node, 'strides', [1, 1]),
    });
  }

  #convertPrelu(node: EspdlNode): void {
    const slopes = this.#getConstant(node, 1);
    const [channels, ...others] = requireSizes(slopes.name, slopes.dims, 3);
    if (others.some((size) => size !== 1)) throw invalid(`${slopes.name} has more than one slope for a channel`);
    const bytes = readBytes(slopes).subarray(0, channels);
    this.#add(
      'PRelu',
      [this.#readInput(node, 0), this.#addConstant(slopes, bytes, [channels, 1, 1])],
      this.#make(node),
    );
  }

  #convertConcat(node: EspdlNode): void {
    if (readNumber(node, 'axis', 0) !== 3) throw invalid('a Concat does not join channels');
    const inputs = node.input.map((_, i) => this.#readInput(node, i));
    this.#add('Concat', inputs, this.#make(node), { axis: 1 });
  }

  /** Drops a Transpose that puts the channels first: in the result they are first everywhere. */
  #convertTranspose(node: EspdlNode): void {
    if (readNumbers(node, 'perm', []).join() !== '0,3,1,2') {
      throw invalid('a Transpose does not put the channels first');
    }
    const output = requireName(node, 'output');
    this.#names.set(output, this.#readInput(node, 0));
    this.#channelsFirst.add(output);
  }

  #convertFlatten(node: EspdlNode): void {
    const input = requireName(node, 'input');
    if (!this.#channelsFirst.has(input)) throw invalid('a Flatten reads a tensor whose channels come last');
    this.#flattened.set(requireName(node, 'output'), this.#read(input));
  }

  /** Writes a fully connected layer as a convolution whose kernel is as large as the tensor that was flattened. */
  #convertGemm(node: EspdlNode): void {
    const input = this.#flattened.get(requireName(node, 'input'));
    if (input === undefined) throw invalid('a Gemm does not read a flattened tensor');
    const isPlain =
      readNumber(node, 'alpha', 1) === 1 && readNumber(node, 'beta', 1) === 1 && readNumber(node, 'transB', 0) === 0;
    if (!isPlain) throw invalid('a Gemm has factors or transposed weights');
    const [, height, width, channels] = requireSizes(input, this.#sizes.get(input) ?? [], 4);
    const weights = this.#getConstant(node, 1);
    const [, , inputs, outputs] = requireSizes(weights.name, weights.dims, 4);
    if (height * width * channels !== inputs) throw invalid(`a Gemm reads ${inputs} values, and ${input} has others`);
    const ordered = orderWeights(readBytes(weights), { outputs, inputs, height: 1, width: 1 });
    const values = this.#addConstant(weights, ordered, [outputs, channels, height, width]);
    this.#add('Conv', [input, values, this.#addBias(node, outputs)], this.#make(node), {
      kernel_shape: [height, width],
    });
  }

  #addBias(node: EspdlNode, channels: number): string {
    const bias = this.#getConstant(node, 2);
    const { name, dataType, rawData } = bias;
    if (dataType !== ESPDL_TYPE.int32) throw invalid(`the bias ${name} is of type ${dataType}`);
    if (rawData.length < 4 * channels) throw invalid(`the bias ${name} has fewer than ${channels} values`);
    const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.length);
    return this.#addConstant(
      bias,
      Int32Array.from({ length: channels }, (_, i) => view.getInt32(4 * i, true)),
      [channels],
    );
  }

  /** Adds a constant of floats: integer * 2 ** exponent. @returns its name */
  #addConstant(
    { name, exponents }: EspdlTensor,
    integers: Int8Array | Int32Array,
    dims: readonly [number, ...number[]],
  ): string {
    const [exponent] = exponents;
    if (exponent === undefined || exponents.length > 1 || Math.abs(exponent) > MOST_EXPONENT) {
      throw invalid(`${name} has the exponents ${exponents.slice(0, 4).join()}`);
    }
    if (integers.length !== countElements(dims)) throw invalid(`${name} has ${integers.length} values`);
    if (this.#written.has(name)) throw invalid(`${name} is read twice`);
    this.#written.add(name);
    const unit = 2 ** exponent;
    this.#result.initializer.push(
      makeConstant(
        name,
        dims,
        new Float32Array(integers).map((value) => value * unit),
      ),
    );
    return name;
  }

  #getConstant(node: EspdlNode, index: number): EspdlTensor {
    const tensor = this.#constants.get(node.input[index] ?? '');
    if (!tensor) throw invalid(`a ${node.opType} has no constant input ${index}`);
    return tensor;
  }

  #readInput(node: EspdlNode, index: number): string {
    return this.#read(node.input[index] ?? '');
  }

  /** Returns the name that a computed tensor has in the result. */
  #read(name: string): string {
    const known = this.#names.get(name);
    if (known === undefined) throw invalid(`"${name}" is read, but no earlier node makes it`);
    return known;
  }

  /** Returns the name that a node's output has in the result. The name of the model's output is kept for the flattened one. */
  #make(node: EspdlNode): string {
    const name = requireName(node, 'output');
    if (this.#names.has(name)) throw invalid(`"${name}" is made twice`);
    const made = name === this.#output.name ? `${name}:map` : name;
    this.#names.set(name, made);
    return made;
  }

  #add(opType: string, inputs: readonly string[], output: string, attributes?: AttributeValues): void {
    this.#result.node.push(makeNode(opType, inputs, [output], attributes));
  }
}

function describeFloats(name: string, dims: readonly number[]): OnnxValueInfo {
  return {
    name,
    type: { tensorType: { elemType: DATA_TYPE.float, shape: { dim: dims.map((value) => ({ value })) } } },
  };
}

function requireOnly(values: readonly EspdlValue[], kind: string): EspdlValue {
  const [first, ...others] = values;
  if (!first || others.length > 0) throw invalid(`it has ${values.length} tensors as ${kind}, not one`);
  return first;
}

function requireName(node: EspdlNode, side: 'input' | 'output'): string {
  const [name] = node[side];
  if (name === undefined) throw invalid(`a ${node.opType} has no ${side}`);
  return name;
}

/** Checks sizes that the file gives. @returns as many as `count` says */
function requireSizes(name: string, dims: readonly number[], count: 1): [number];
function requireSizes(name: string, dims: readonly number[], count: 3): [number, number, number];
function requireSizes(name: string, dims: readonly number[], count: 4): [number, number, number, number];
function requireSizes(name: string, dims: readonly number[], count: number): number[] {
  const isKnown = dims.length === count && dims.every((size) => size >= 1) && countElements(dims) <= MOST_VALUES;
  if (!isKnown) throw invalid(`${name} has the sizes ${dims.slice(0, 6).join(' x ')}`);
  return [...dims];
}

function readBytes({ name, dataType, rawData }: EspdlTensor): Int8Array {
  if (dataType !== ESPDL_TYPE.int8) throw invalid(`${name} is of type ${dataType}, not of 8 bits`);
  return new Int8Array(rawData.buffer, rawData.byteOffset, rawData.length);
}

function requireWord(node: EspdlNode, name: string, wanted: string): void {
  const word = node.attributes.get(name) ?? wanted;
  if (word !== wanted) throw invalid(`a ${node.opType} has the ${name} ${String(word)}`);
}

function readNumber(node: EspdlNode, name: string, fallback: number): number {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value !== 'number') throw invalid(`the attribute ${name} of a ${node.opType} is no number`);
  return value;
}

function readNumbers(node: EspdlNode, name: string, fallback: readonly number[]): readonly number[] {
  const values = node.attributes.get(name) ?? fallback;
  if (typeof values !== 'object') throw invalid(`the attribute ${name} of a ${node.opType} is no list`);
  return values;
}

/** Reads as many whole numbers as the default has, each at most MOST_PIXELS. */
function readPixels(node: EspdlNode, name: string, fallback: readonly number[]): readonly number[] {
  const values = readNumbers(node, name, fallback);
  const isKnown = values.length === fallback.length && values.every((value) => value >= 0 && value <= MOST_PIXELS);
  if (!isKnown) throw invalid(`the attribute ${name} of a ${node.opType} is ${values.slice(0, 6).join()}`);
  return values;
}

function invalid(problem: string): AppError {
  return new AppError('MODEL_INVALID', `the ESP-DL model cannot be converted: ${problem}`);
}
