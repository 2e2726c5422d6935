// What each layer's 8 bits cost: the model with only that layer quantised against the float model.
import { prepareModel } from './prepare.js';
import { quantisableLayers } from './layers.js';
import type { RecordedRanges, RunnableModel } from './ranges.js';
import { quantiseFile } from './quantise.js';
import type { FloatTensor } from '../session.js';

export interface LayerSensitivity {
  /** The tensor that names the layer in `floatLayers`. */
  layer: string;
  operator: string;
  /** Of the outputs, decibels: the least of them, where there are several. */
  signalToNoise: number;
}

export interface SensitivityOptions {
  bytes: Uint8Array;
  recorded: RecordedRanges;
  inputName: string;
  pictures: readonly FloatTensor[];
  open: (model: Uint8Array) => Promise<RunnableModel>;
}

/** Worst first. Layers that only move values lose nothing, and are left out. */
export async function layerSensitivities(options: SensitivityOptions): Promise<LayerSensitivity[]> {
  const { bytes, recorded, open } = options;
  const layers = quantisableLayers(prepareModel(bytes, recorded.outputs).graph);
  const names = layers.map(({ output }) => output);
  const runAll = async (floatLayers: readonly string[]): Promise<Record<string, Float32Array>[]> => {
    const session = await open(quantiseFile(bytes, { ...recorded, bands: undefined, floatLayers: [...floatLayers] }));
    try {
      const results: Record<string, Float32Array>[] = [];
      for (const picture of options.pictures) results.push(await session.run({ [options.inputName]: picture }));
      return results;
    } finally {
      await session.release();
    }
  };
  const expected = await runAll(names);
  const found: LayerSensitivity[] = [];
  for (const { output, node } of layers) {
    if (node.opType !== 'Conv' && node.opType !== 'Add' && node.opType !== 'Mul') continue;
    const actual = await runAll(names.filter((name) => name !== output));
    found.push({ layer: output, operator: node.opType, signalToNoise: leastRatio(expected, actual) });
  }
  return found.sort((a, b) => a.signalToNoise - b.signalToNoise);
}

function leastRatio(
  expected: readonly Record<string, Float32Array>[],
  actual: readonly Record<string, Float32Array>[],
): number {
  const ratios = Object.keys(expected[0]).map((name) => {
    let signal = 0;
    let noise = 0;
    expected.forEach((outputs, i) =>
      outputs[name].forEach((value, k) => {
        signal += value ** 2;
        noise += (value - actual[i][name][k]) ** 2;
      }),
    );
    return noise > 0 ? 10 * Math.log10(signal / noise) : Infinity;
  });
  return Math.min(...ratios);
}
