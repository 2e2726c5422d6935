// Static quantisation of a prepared float graph: 8-bit weights per channel, 8-bit activations by recorded ranges, as QuantizeLinear and
// DequantizeLinear pairs that onnxruntime turns into integer kernels.
import { createHash } from 'node:crypto';
import { AppError } from '../../errors.js';
import {
  GraphIndex,
  attributeOf,
  dropUnused,
  makeNode,
  shortenNames,
  type AttributeValues,
} from './onnx/onnx-graph.js';
import { DATA_TYPE, writeOnnx, type OnnxGraph, type OnnxModel, type OnnxNode } from './onnx/onnx-model.js';
import { constantTensor, elementCount, floatsOf } from './onnx/onnx-tensor.js';
import { splitIntoBands } from './bands.js';
import { equaliseChannels } from './equalise.js';
import { prepareModel } from './prepare.js';
import type { RecordedRanges } from './ranges.js';
import { MOVING, clamp, quantisableLayers, scaleFor, type Layer, type Range, type Scale } from './layers.js';

export interface QuantiseOptions {
  /** By the tensor's name, for all that are to be quantised. */
  ranges: ReadonlyMap<string, Range>;
  /** Names of tensors whose layers stay in float; an activation function belongs to the layer before it. */
  floatLayers: ReadonlySet<string>;
  /** uint8 is what x86's VNNI multiplies with int8 weights. */
  activations: 'uint8' | 'int8';
}

/**
 * The quantised form of a float model: the same bytes for the same input, wherever it runs.
 * @throws AppError MODEL_INVALID where the ranges are those of another file, or do not fit
 */
export function quantiseFile(bytes: Uint8Array, recorded: RecordedRanges): Uint8Array {
  if (createHash('sha256').update(bytes).digest('hex') !== recorded.sha256) {
    throw new AppError('MODEL_INVALID', `the ranges of ${recorded.file} were recorded on another file`);
  }
  const model = prepareModel(bytes, recorded.outputs);
  equaliseChannels(model.graph, recorded.factors);
  quantiseModel(model, {
    ranges: new Map(Object.entries(recorded.ranges)),
    floatLayers: new Set(recorded.floatLayers),
    activations: 'uint8',
  });
  if (recorded.bands) splitIntoBands(model.graph, recorded.bands);
  shortenNames(model.graph);
  model.producerName = 'lintel';
  model.producerVersion = '';
  return writeOnnx(model);
}

/** Changes the model in place. @throws AppError MODEL_INVALID where a range is missing */
export function quantiseModel(model: OnnxModel, options: QuantiseOptions): void {
  const { graph } = model;
  const quantiser = new Quantiser(graph, options);
  quantiser.run();
  dropUnused(graph);
}

class Quantiser {
  readonly #graph: OnnxGraph;
  readonly #options: QuantiseOptions;
  readonly #index: GraphIndex;
  readonly #nodes: OnnxNode[] = [];
  /** How each quantised tensor is written. */
  readonly #scales = new Map<string, Scale>();
  /** What quantised layers read in the place of a tensor. */
  readonly #readAs = new Map<string, string>();

  constructor(graph: OnnxGraph, options: QuantiseOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#index = new GraphIndex(graph);
  }

  run(): void {
    const layers = new Map<OnnxNode, Layer>();
    const absorbed = new Set<string>();
    const quantised = new Set<string>();
    for (const layer of quantisableLayers(this.#graph)) {
      if (this.#options.floatLayers.has(layer.output)) continue;
      // Moving bytes of a float tensor gains nothing.
      if (MOVING.has(layer.node.opType) && !quantised.has(layer.inputs[0])) continue;
      layers.set(layer.node, layer);
      quantised.add(layer.output);
      if (layer.output !== layer.node.output[0]) absorbed.add(layer.output);
    }
    for (const node of this.#graph.node) {
      const layer = layers.get(node);
      if (layer) this.#quantise(layer);
      else if (!absorbed.has(node.output[0])) this.#nodes.push(node);
    }
    this.#graph.node = this.#nodes;
  }

  #quantise(layer: Layer): void {
    const { node, output, inputs } = layer;
    if (node.opType === 'Resize' && this.#doubles(node)) {
      this.#double(layer);
      return;
    }
    const read = inputs.map((name) => this.#read(name));
    const raw = `${output}:raw`;
    if (node.opType === 'Conv') {
      const { scale } = this.#scaleOf(inputs[0]);
      this.#nodes.push({ ...node, input: [read[0], ...this.#convConstants(node, scale)], output: [raw] });
    } else {
      this.#nodes.push({ ...node, input: [...read, ...node.input.slice(read.length)], output: [raw] });
    }
    if (MOVING.has(node.opType)) this.#scales.set(output, this.#scaleOf(inputs[0]));
    this.#writeAs(output, raw, output);
    this.#readAs.set(output, output);
  }

  /** Whether a Resize repeats each pixel twice in both directions. */
  #doubles(node: OnnxNode): boolean {
    const scales = this.#index.constants.get(node.input[2]);
    const word = (name: string): string => Buffer.from(attributeOf(node, name)?.s ?? []).toString();
    return (
      scales !== undefined &&
      floatsOf(scales).join() === '1,1,2,2' &&
      word('mode') === 'nearest' &&
      word('nearest_mode') === 'floor' &&
      word('coordinate_transformation_mode') === 'asymmetric'
    );
  }

  /**
   * Doubles both sides by Expand, channels last as the integer convolutions have them: whole pixels and rows are copied, where
   * onnxruntime's Resize of bytes goes value by value (30 x 40 x 64: 0.28 ms against 0.04, EPYC, November 2026).
   */
  #double({ output, inputs }: Layer): void {
    this.#scales.set(output, this.#scaleOf(inputs[0]));
    this.#read(inputs[0]);
    const name = (part: string): string => `${output}:${part}`;
    const integers = (part: string, values: readonly number[]): string => {
      const data = BigInt64Array.from(values, BigInt);
      this.#graph.initializer.push(constantTensor(name(part), [values.length], data));
      return name(part);
    };
    const add = (opType: string, input: readonly string[], part: string, attributes?: AttributeValues): string => {
      this.#nodes.push(makeNode(opType, input, [name(part)], attributes));
      return name(part);
    };
    const last = add('Transpose', [`${inputs[0]}:bytes`], 'last', { perm: [0, 2, 3, 1] });
    const size = add('Mul', [add('Shape', [last], 'size'), integers('twice', [1, 2, 2, 1])], 'doubled');
    // [n,h,w,c] to [n,h,1,w,1,c]: a 0 keeps the size at its place, so the width has to be the one that is worked out.
    const channels = this.#channelsOf(inputs[0]);
    const apart = add('Reshape', [last, integers('apart', [0, 0, 1, -1, 1, channels])], 'split');
    const copies = add('Expand', [apart, integers('copies', [1, 1, 2, 1, 2, 1])], 'copied');
    add('Transpose', [add('Reshape', [copies, size], 'joined')], 'bytes', { perm: [0, 3, 1, 2] });
    // Where the rank is not known, onnxruntime leaves all convolutions that follow channels first, and turns each one's input around.
    const dim = ['n', 'h', 'w'].map((side) => ({ parameter: name(side) }));
    const shape = { dim: [...dim, { value: channels }] };
    this.#graph.valueInfo.push({ name: name('joined'), type: { tensorType: { elemType: DATA_TYPE.uint8, shape } } });
    this.#readBytes(output, output);
    this.#readAs.set(output, output);
  }

  #channelsOf(tensor: string): number {
    const maker = this.#index.producer(tensor);
    const conv = maker && (maker.opType === 'Conv' ? maker : this.#index.producer(maker.input[0]));
    if (conv?.opType !== 'Conv') throw new AppError('MODEL_INVALID', `the channels of ${tensor} are not known`);
    return this.#index.constant(conv.input[1]).dims[0];
  }

  /** @returns the name under which the quantised values are read; quantises what a float layer made */
  #read(name: string): string {
    let as = this.#readAs.get(name);
    if (as === undefined) {
      as = `${name}:read`;
      this.#writeAs(name, name, as);
      this.#readAs.set(name, as);
    }
    return as;
  }

  #writeAs(tensor: string, from: string, to: string): void {
    const names = this.#scaleConstants(tensor);
    this.#nodes.push(makeNode('QuantizeLinear', [from, ...names], [`${tensor}:bytes`]));
    this.#nodes.push(makeNode('DequantizeLinear', [`${tensor}:bytes`, ...names], [to]));
  }

  #readBytes(tensor: string, to: string): void {
    this.#nodes.push(makeNode('DequantizeLinear', [`${tensor}:bytes`, ...this.#scaleConstants(tensor)], [to]));
  }

  #scaleConstants(tensor: string): string[] {
    const { scale, zeroPoint } = this.#scaleOf(tensor);
    const isUnsigned = this.#options.activations === 'uint8';
    const names = [`${tensor}:scale`, `${tensor}:zero`];
    this.#graph.initializer.push(
      constantTensor(names[0], [], Float32Array.of(scale)),
      constantTensor(names[1], [], isUnsigned ? Uint8Array.of(zeroPoint) : Int8Array.of(zeroPoint)),
    );
    return names;
  }

  #scaleOf(tensor: string): Scale {
    let scale = this.#scales.get(tensor);
    if (!scale) {
      const range = this.#options.ranges.get(tensor);
      if (!range) throw new AppError('MODEL_INVALID', `there is no recorded range for the tensor ${tensor}`);
      scale = scaleFor(range, this.#options.activations);
      this.#scales.set(tensor, scale);
    }
    return scale;
  }

  /** Weights as int8, one scale per output channel; the bias as int32 in the units of the products. */
  #convConstants(node: OnnxNode, inputScale: number): string[] {
    const weights = this.#index.constant(node.input[1]);
    const bias = node.input[2] === undefined ? undefined : floatsOf(this.#index.constant(node.input[2]));
    const channels = weights.dims[0];
    const perChannel = elementCount(weights.dims) / channels;
    const values = floatsOf(weights);
    const scales = new Float32Array(channels);
    const bytes = new Int8Array(values.length);
    const biasUnits = new Int32Array(channels);
    for (let channel = 0; channel < channels; channel++) {
      const own = values.subarray(channel * perChannel, (channel + 1) * perChannel);
      let greatest = 0;
      for (const value of own) greatest = Math.max(greatest, Math.abs(value));
      // A channel of next to no weights must still be able to say its bias in 31 bits.
      const leastForBias = bias ? Math.abs(bias[channel]) / (inputScale * 2 ** 30) : 0;
      scales[channel] = Math.max(greatest / 127, leastForBias, 1e-12);
      const scale = scales[channel];
      own.forEach((value, i) => {
        bytes[channel * perChannel + i] = clamp(Math.round(value / scale), -127, 127);
      });
      if (bias) biasUnits[channel] = Math.round(bias[channel] / (inputScale * scale));
    }
    const prefix = node.output[0];
    const names = [this.#dequantised(`${prefix}:weight8`, weights.dims, bytes, scales)];
    if (bias) {
      const biasScales = scales.map((scale) => Math.fround(scale * inputScale));
      names.push(this.#dequantised(`${prefix}:bias32`, [channels], biasUnits, biasScales));
    }
    return names;
  }

  #dequantised(name: string, dims: readonly number[], data: Int8Array | Int32Array, scales: Float32Array): string {
    const zeros = data instanceof Int8Array ? new Int8Array(scales.length) : new Int32Array(scales.length);
    this.#graph.initializer.push(
      constantTensor(`${name}:bytes`, dims, data),
      constantTensor(`${name}:scale`, [scales.length], scales),
      constantTensor(`${name}:zero`, [scales.length], zeros),
    );
    const inputs = [`${name}:bytes`, `${name}:scale`, `${name}:zero`];
    this.#nodes.push(makeNode('DequantizeLinear', inputs, [name], { axis: 0 }));
    return name;
  }
}
