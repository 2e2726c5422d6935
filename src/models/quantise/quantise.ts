// Static quantisation of a prepared float graph: 8-bit weights per channel and 8-bit activations by recorded ranges, written as pairs of
// QuantizeLinear and DequantizeLinear that onnxruntime turns into integer kernels.
import { createHash } from 'node:crypto';
import { AppError } from '../../errors.js';
import { GraphIndex, dropUnused, requireOutput, shortenNames } from '../onnx/onnx-graph.js';
import { GraphWriter } from '../onnx/graph-writer.js';
import { writeOnnx, type OnnxGraph, type OnnxModel, type OnnxNode } from '../onnx/onnx-model.js';
import { splitIntoBands } from './bands.js';
import { doublesPixels, writeDoubling } from './doubling.js';
import { equaliseChannels } from './equalise.js';
import { prepareModel } from './prepare.js';
import type { RecordedRanges } from './ranges.js';
import { MOVING, computeScale, findQuantisableLayers, type Layer, type Range, type Scale } from './layers.js';
import { writeConvConstants } from './weights.js';

export interface QuantiseOptions {
  /** Range of every tensor that is quantised, by the tensor's name. */
  ranges: ReadonlyMap<string, Range>;
  /** Names of the tensors whose layers stay in float; an activation function belongs to the layer before it. */
  floatLayers: ReadonlySet<string>;
  /** Type of the activations. x86 processors with VNNI multiply uint8 activations with int8 weights. */
  activations: 'uint8' | 'int8';
}

/**
 * Quantises a float model. The result is the same on every machine, byte for byte.
 * @param bytes the float ONNX file
 * @returns the ONNX file in 8 bits
 * @throws AppError MODEL_INVALID where the ranges were recorded on another file, or do not fit
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

/** Quantises a prepared model in place. @throws AppError MODEL_INVALID where a range is missing */
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
  readonly #writer: GraphWriter;
  /** Scale of each quantised tensor. */
  readonly #scales = new Map<string, Scale>();
  /** Name under which quantised layers read a tensor: its values after a round trip through 8 bits. */
  readonly #readAs = new Map<string, string>();

  constructor(graph: OnnxGraph, options: QuantiseOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#index = new GraphIndex(graph);
    this.#writer = new GraphWriter(graph);
  }

  run(): void {
    const layers = new Map<OnnxNode, Layer>();
    const absorbed = new Set<string>();
    const quantised = new Set<string>();
    for (const layer of findQuantisableLayers(this.#graph)) {
      if (this.#options.floatLayers.has(layer.output)) continue;
      // Moving the bytes of a tensor that is in float gains nothing.
      if (MOVING.has(layer.node.opType) && !quantised.has(layer.inputs[0])) continue;
      layers.set(layer.node, layer);
      quantised.add(layer.output);
      if (layer.output !== requireOutput(layer.node)) absorbed.add(layer.output);
    }
    for (const node of this.#graph.node) {
      const layer = layers.get(node);
      if (layer) this.#quantise(layer);
      else if (!absorbed.has(requireOutput(node))) this.#writer.nodes.push(node);
    }
    this.#graph.node = this.#writer.nodes;
  }

  #quantise(layer: Layer): void {
    const { node, output, inputs } = layer;
    if (node.opType === 'Resize' && doublesPixels(node, this.#index)) {
      this.#double(layer);
      return;
    }
    const read = inputs.map((name) => this.#read(name));
    const raw = `${output}:raw`;
    const constants =
      node.opType === 'Conv'
        ? writeConvConstants(node, this.#getScale(inputs[0]).scale, this.#index, this.#writer)
        : node.input.slice(read.length);
    this.#writer.nodes.push({ ...node, input: [...read, ...constants], output: [raw] });
    if (MOVING.has(node.opType)) this.#scales.set(output, this.#getScale(inputs[0]));
    this.#writeRoundTrip(output, raw, output);
    this.#readAs.set(output, output);
  }

  #double({ output, inputs: [input] }: Layer): void {
    this.#scales.set(output, this.#getScale(input));
    this.#read(input);
    this.#graph.valueInfo.push(writeDoubling({ input, output, index: this.#index, writer: this.#writer }));
    this.#writer.addNode('DequantizeLinear', [`${output}:bytes`, ...this.#addScaleConstants(output)], output);
    this.#readAs.set(output, output);
  }

  /** Quantises a tensor that a float layer made, unless that is done. @returns the name under which the quantised values are read */
  #read(name: string): string {
    let as = this.#readAs.get(name);
    if (as === undefined) {
      as = `${name}:read`;
      this.#writeRoundTrip(name, name, as);
      this.#readAs.set(name, as);
    }
    return as;
  }

  /** Writes the pair of nodes that takes the values of `from` through the 8 bits of `tensor` to `to`. */
  #writeRoundTrip(tensor: string, from: string, to: string): void {
    const names = this.#addScaleConstants(tensor);
    this.#writer.addNode('QuantizeLinear', [from, ...names], `${tensor}:bytes`);
    this.#writer.addNode('DequantizeLinear', [`${tensor}:bytes`, ...names], to);
  }

  #addScaleConstants(tensor: string): [scale: string, zero: string] {
    const { scale, zeroPoint } = this.#getScale(tensor);
    const zero = this.#options.activations === 'uint8' ? Uint8Array.of(zeroPoint) : Int8Array.of(zeroPoint);
    return [
      this.#writer.addConstant(`${tensor}:scale`, [], Float32Array.of(scale)),
      this.#writer.addConstant(`${tensor}:zero`, [], zero),
    ];
  }

  #getScale(tensor: string): Scale {
    let scale = this.#scales.get(tensor);
    if (!scale) {
      const range = this.#options.ranges.get(tensor);
      if (!range) throw new AppError('MODEL_INVALID', `there is no recorded range for the tensor ${tensor}`);
      scale = computeScale(range, this.#options.activations);
      this.#scales.set(tensor, scale);
    }
    return scale;
  }
}
