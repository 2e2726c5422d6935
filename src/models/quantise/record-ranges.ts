// Records the ranges of a model's tensors: runs the float model on pictures and measures every tensor of its layers.
import { createHash } from 'node:crypto';
import type { FloatTensor } from '../session.js';
import type { Bands } from './bands.js';
import { computeFactors, equaliseChannels, listEqualisableTensors, type ChannelFactors } from './equalise.js';
import { Histogram } from './histogram.js';
import { findQuantisableLayers, type Range } from './layers.js';
import { requireDimension } from '../onnx/onnx-graph.js';
import { writeOnnx, type OnnxModel } from '../onnx/onnx-model.js';
import { prepareModel } from './prepare.js';
import type { RecordedRanges } from './ranges.js';

/** Method of finding a range: `minmax` covers all values, `mse` cuts off both ends where that makes the error of 8 bits smallest. */
export type RangeMethod = 'minmax' | 'mse';

/** A model opened from its bytes; the recorder releases it. */
export interface RunnableModel {
  run(feeds: Readonly<Record<string, FloatTensor>>): Promise<Record<string, Float32Array>>;
  release(): Promise<void>;
}

export interface RecordOptions {
  /** Name of the float file. */
  file: string;
  bytes: Uint8Array;
  inputName: string;
  /** Names of the outputs that are kept; default: all. */
  outputs?: readonly string[] | undefined;
  floatLayers: readonly string[];
  bands?: Bands | undefined;
  recordedOn: string;
  method: RangeMethod;
  /** Returns the same pictures each time it is called. */
  pictures: () => AsyncIterable<FloatTensor>;
  open: (model: Uint8Array) => Promise<RunnableModel>;
}

/** Receives the values of one tensor for one picture. @param channels number of channels, where the tensor is a convolution's; else 1 */
type Observer = (name: string, data: Float32Array, channels: number) => void;

/**
 * Runs the float model on all pictures: once for the ranges of the channels, once more for the ranges where channels are equalised, and with
 * `mse` once more for the histograms.
 */
export async function recordRanges(options: RecordOptions): Promise<RecordedRanges> {
  const { bytes, floatLayers, method } = options;
  const prepare = (): OnnxModel => prepareModel(bytes, options.outputs);
  const first = await measureRanges(prepare(), options);
  const factors = Object.fromEntries([...first.channels].map(([name, ranges]) => [name, computeFactors(ranges)]));
  const equalised = prepare();
  equaliseChannels(equalised.graph, factors);
  const { tensors } = first.channels.size > 0 ? await measureRanges(equalised, options) : first;
  if (method === 'mse') await cutTails(prepare(), tensors, factors, options);
  const used = new Set(findQuantisableLayers(prepare().graph).flatMap(({ inputs, output }) => [...inputs, output]));
  const kept = [...tensors].filter(([name]) => used.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    file: options.file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    recordedOn: options.recordedOn,
    method,
    ...(options.outputs ? { outputs: [...options.outputs] } : {}),
    floatLayers: [...floatLayers],
    ...(options.bands ? { bands: options.bands } : {}),
    factors,
    ranges: Object.fromEntries(kept.map(([name, [least, greatest]]) => [name, [shorten(least), shorten(greatest)]])),
  };
}

/** Measures the range of each tensor, and of each channel of the tensors that can be equalised. */
async function measureRanges(
  model: OnnxModel,
  options: RecordOptions,
): Promise<{ tensors: Map<string, Range>; channels: Map<string, Range[]> }> {
  const canEqualise = new Set(listEqualisableTensors(model.graph));
  const tensors = new Map<string, Range>();
  const channels = new Map<string, Range[]>();
  await observeTensors(model, options, (name, data, count) => {
    if (canEqualise.has(name)) {
      const size = data.length / count;
      const known = channels.get(name);
      const ranges = Array.from({ length: count }, (_, c) =>
        widenRange(known?.[c], data.subarray(c * size, (c + 1) * size)),
      );
      channels.set(name, ranges);
    }
    tensors.set(name, widenRange(tensors.get(name), data));
  });
  return { tensors, channels };
}

/** Replaces each range by the one whose 8 bits have the least mean square error. */
async function cutTails(
  model: OnnxModel,
  tensors: Map<string, Range>,
  factors: ChannelFactors,
  options: RecordOptions,
): Promise<void> {
  equaliseChannels(model.graph, factors);
  const histograms = new Map([...tensors].map(([name, range]) => [name, new Histogram(range)]));
  await observeTensors(model, options, (name, data) => histograms.get(name)?.add(data));
  for (const [name, histogram] of histograms) tensors.set(name, histogram.findBestRange());
}

/** Runs the model on each picture, with every tensor of the quantisable layers as an output, and shows them to the observer. */
async function observeTensors(
  model: OnnxModel,
  { inputName, pictures, open }: RecordOptions,
  observe: Observer,
): Promise<void> {
  const layers = findQuantisableLayers(model.graph);
  const channels = new Map<string, number>();
  for (const { node, output } of layers) {
    const weights = node.opType === 'Conv' && model.graph.initializer.find(({ name }) => name === node.input[1]);
    if (weights) channels.set(output, requireDimension(weights, 0));
  }
  const names = new Set(layers.flatMap(({ inputs, output }) => [...inputs, output]));
  names.delete(inputName);
  const probe: OnnxModel = { ...model, graph: { ...model.graph, output: [...names].map((name) => ({ name })) } };
  const session = await open(writeOnnx(probe));
  try {
    for await (const picture of pictures()) {
      observe(inputName, picture.data, 1);
      const outputs = await session.run({ [inputName]: picture });
      for (const [name, data] of Object.entries(outputs)) observe(name, data, channels.get(name) ?? 1);
    }
  } finally {
    await session.release();
  }
}

function widenRange(range: Range | undefined, data: Float32Array): Range {
  let [least, greatest] = range ?? [Infinity, -Infinity];
  for (const value of data) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}

/** Rounds to six significant digits. */
function shorten(value: number): number {
  return Number(value.toPrecision(6));
}
