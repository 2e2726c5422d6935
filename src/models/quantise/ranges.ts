// The ranges of a model's tensors: recorded once on pictures, committed as data, and used on the device without any picture.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { AppError } from '../../errors.js';
import { layOut } from '../../platform/json-layout.js';
import type { OnnxModel } from './onnx/onnx-model.js';
import { writeOnnx } from './onnx/onnx-model.js';
import type { Bands } from './bands.js';
import { prepareModel } from './prepare.js';
import { equaliseChannels, equalisableTensors, factorsFor, type ChannelFactors } from './equalise.js';
import { quantisableLayers, scaleFor, type Range } from './layers.js';
import type { FloatTensor } from '../session.js';

const rangesSchema = z.strictObject({
  /** The float file that the ranges belong to. */
  file: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** What they were recorded on, in words. */
  recordedOn: z.string(),
  method: z.string(),
  /** The outputs that are kept; all where it is not given. */
  outputs: z.array(z.string()).min(1).optional(),
  /** Tensors whose layers stay in float, chosen by measurement. */
  floatLayers: z.array(z.string()),
  /** Up to which tensor, in how many bands of rows, the first layers in float are done. */
  bands: z.strictObject({ until: z.string(), count: z.int().min(2).max(8) }).optional(),
  /** Per tensor and channel: what the channel's values are divided by before the range is taken. */
  factors: z.record(z.string(), z.array(z.number().positive())),
  ranges: z.record(z.string(), z.tuple([z.number(), z.number()])),
});

/** A file under models/ranges. */
export type RecordedRanges = z.infer<typeof rangesSchema>;

/** @throws AppError MODEL_INVALID */
export function readRanges(path: string): RecordedRanges {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new AppError('MODEL_INVALID', `the ranges ${path} cannot be read as JSON`, { cause });
  }
  const parsed = rangesSchema.safeParse(json);
  if (!parsed.success) {
    throw new AppError('MODEL_INVALID', `the ranges ${path} are not valid: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

/** As it is committed. */
export function formatRanges(recorded: RecordedRanges): string {
  return `${layOut(recorded)}\n`;
}

/** How a range is found from what was seen: all of it, or as much as keeps the error of 8 bits least. */
export type RangeMethod = 'minmax' | 'mse';

/** What runs a model in the form of bytes: made, fed, and released by the recorder. */
export interface RunnableModel {
  run(feeds: Readonly<Record<string, FloatTensor>>): Promise<Record<string, Float32Array>>;
  release(): Promise<void>;
}

export interface RecordOptions {
  /** Of the float model. */
  file: string;
  bytes: Uint8Array;
  inputName: string;
  outputs?: readonly string[];
  floatLayers: readonly string[];
  bands?: Bands;
  recordedOn: string;
  method: RangeMethod;
  /** Gives the same pictures each time it is called. */
  pictures: () => AsyncIterable<FloatTensor>;
  open: (model: Uint8Array) => Promise<RunnableModel>;
}

/** Runs the float model with all tensors in between as outputs: once for the channels' ranges, once for the histograms. */
export async function recordRanges(options: RecordOptions): Promise<RecordedRanges> {
  const { bytes, inputName, floatLayers, method } = options;
  const prepare = (): OnnxModel => prepareModel(bytes, options.outputs);
  const channelRanges = new Map<string, [number, number][]>();
  const whole = new Map<string, [number, number]>();
  const canEqualise = equalisableTensors(prepare().graph);
  await runThrough(prepare(), options, (name, data, channels) => {
    if (canEqualise.includes(name)) {
      const size = data.length / channels;
      const known = channelRanges.get(name) ?? [];
      for (let c = 0; c < channels; c++) known[c] = widen(known[c], data.subarray(c * size, (c + 1) * size));
      channelRanges.set(name, known);
    }
    whole.set(name, widen(whole.get(name), data));
  });
  const factors: ChannelFactors = Object.fromEntries(
    [...channelRanges].map(([name, ranges]) => [name, factorsFor(ranges)]),
  );
  for (const [name, ranges] of channelRanges) {
    const equal = ranges.map(([least, greatest], c) => [least / factors[name][c], greatest / factors[name][c]]);
    whole.set(name, [Math.min(...equal.map(([least]) => least)), Math.max(...equal.map(([, greatest]) => greatest))]);
  }
  if (method === 'mse') {
    const equalised = prepare();
    equaliseChannels(equalised.graph, factors);
    const histograms = new Map([...whole].map(([name, range]) => [name, new Histogram(range)]));
    await runThrough(equalised, options, (name, data) => histograms.get(name)?.add(data));
    for (const [name, histogram] of histograms) whole.set(name, histogram.bestRange());
  }
  const used = new Set(quantisableLayers(prepare().graph).flatMap(({ inputs, output }) => [...inputs, output]));
  const rounded = [...whole].filter(([name]) => used.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    file: options.file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    recordedOn: options.recordedOn,
    method,
    ...(options.outputs ? { outputs: [...options.outputs] } : {}),
    floatLayers: [...floatLayers],
    ...(options.bands ? { bands: options.bands } : {}),
    factors: factors as Record<string, number[]>,
    ranges: Object.fromEntries(rounded.map(([name, [a, b]]) => [name, [significant(a), significant(b)]])),
  };

  function runThrough(
    model: OnnxModel,
    { pictures, open }: RecordOptions,
    see: (name: string, data: Float32Array, channels: number) => void,
  ): Promise<void> {
    return observe(model, inputName, pictures(), open, see);
  }
}

/** Runs the model on each picture and shows every tensor of the quantisable layers. */
async function observe(
  model: OnnxModel,
  inputName: string,
  pictures: AsyncIterable<FloatTensor>,
  open: (model: Uint8Array) => Promise<RunnableModel>,
  see: (name: string, data: Float32Array, channels: number) => void,
): Promise<void> {
  const layers = quantisableLayers(model.graph);
  const channels = new Map<string, number>();
  for (const { node, output } of layers) {
    const weights = node.opType === 'Conv' && model.graph.initializer.find(({ name }) => name === node.input[1]);
    if (weights) channels.set(output, weights.dims[0]);
  }
  const names = new Set(layers.flatMap(({ inputs, output }) => [...inputs, output]));
  names.delete(inputName);
  const probe: OnnxModel = { ...model, graph: { ...model.graph, output: [...names].map((name) => ({ name })) } };
  const session = await open(writeOnnx(probe));
  try {
    for await (const picture of pictures) {
      see(inputName, picture.data, 1);
      const outputs = await session.run({ [inputName]: picture });
      for (const [name, data] of Object.entries(outputs)) see(name, data, channels.get(name) ?? 1);
    }
  } finally {
    await session.release();
  }
}

function widen(range: readonly [number, number] | undefined, data: Float32Array): [number, number] {
  let [least, greatest] = range ?? [Infinity, -Infinity];
  for (const value of data) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}

const BINS = 2048;

/** How often values fall where, between the least and the greatest. */
class Histogram {
  readonly #least: number;
  readonly #width: number;
  readonly #counts = new Float64Array(BINS);

  constructor([least, greatest]: Range) {
    this.#least = least;
    this.#width = Math.max(greatest - least, 1e-12) / BINS;
  }

  add(data: Float32Array): void {
    for (const value of data) {
      const bin = Math.floor((value - this.#least) / this.#width);
      this.#counts[Math.max(0, Math.min(BINS - 1, bin))]++;
    }
  }

  /** Tries to cut the tails off, step by step, and takes the range whose 8 bits err least. */
  bestRange(): [number, number] {
    const greatest = this.#least + this.#width * BINS;
    let best: [number, number] = [this.#least, greatest];
    let least = Infinity;
    for (let share = 1; share >= 0.3; share -= 0.02) {
      const range: [number, number] = [this.#least * share, greatest * share];
      const error = this.#error(range);
      if (error < least) [least, best] = [error, range];
    }
    return best;
  }

  /** The mean square of rounding to 256 steps and of cutting off. */
  #error(range: Range): number {
    const { scale } = scaleFor(range, 'uint8');
    const [from, to] = [Math.min(0, range[0]), Math.max(0, range[1])];
    let sum = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#counts[bin];
      if (count === 0) continue;
      const value = this.#least + (bin + 0.5) * this.#width;
      const beyond = value < from ? from - value : value > to ? value - to : 0;
      sum += count * (beyond > 0 ? beyond ** 2 : scale ** 2 / 12);
    }
    return sum;
  }
}

function significant(value: number): number {
  return Number(value.toPrecision(6));
}
