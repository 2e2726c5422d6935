// Sensitivity of a model's layers to quantisation: the model with one layer in 8 bits against the float model.
import type { FloatTensor } from '../session.js';
import { findQuantisableLayers } from './layers.js';
import { prepareModel } from './prepare.js';
import { quantiseFile } from './quantise.js';
import type { RecordedRanges } from './ranges.js';
import type { RunnableModel } from './record-ranges.js';

export interface LayerSensitivity {
  /** Name of the tensor by which `floatLayers` names the layer. */
  layer: string;
  operator: string;
  /** Signal-to-noise ratio of the outputs in decibels, the lowest one where there are several. */
  signalToNoise: number;
}

export interface SensitivityOptions {
  /** The float ONNX file. */
  bytes: Uint8Array;
  recorded: RecordedRanges;
  inputName: string;
  pictures: readonly FloatTensor[];
  open: (model: Uint8Array) => Promise<RunnableModel>;
}

/**
 * Measures what the 8 bits of each layer cost. Layers that only move values lose nothing, and are left out.
 * @returns the most sensitive layer first
 */
export async function measureSensitivities(options: SensitivityOptions): Promise<LayerSensitivity[]> {
  const { bytes, recorded, open } = options;
  // Bands change nothing but the speed.
  const unbanded = { ...recorded };
  delete unbanded.bands;
  const layers = findQuantisableLayers(prepareModel(bytes, recorded.outputs).graph);
  const names = layers.map(({ output }) => output);
  const runAll = async (floatLayers: string[]): Promise<Record<string, Float32Array>[]> => {
    const session = await open(quantiseFile(bytes, { ...unbanded, floatLayers }));
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
    found.push({ layer: output, operator: node.opType, signalToNoise: findLowestRatio(expected, actual) });
  }
  return found.sort((a, b) => a.signalToNoise - b.signalToNoise);
}

/** Returns the lowest signal-to-noise ratio over all outputs, in decibels. */
function findLowestRatio(
  expected: readonly Record<string, Float32Array>[],
  actual: readonly Record<string, Float32Array>[],
): number {
  const sums = new Map<string, { signal: number; noise: number }>();
  expected.forEach((outputs, i) => {
    for (const [name, values] of Object.entries(outputs)) {
      const sum = sums.get(name) ?? { signal: 0, noise: 0 };
      const others = actual[i]?.[name];
      if (others?.length !== values.length) throw new RangeError(`the output ${name} has another size`);
      values.forEach((value, k) => {
        sum.signal += value ** 2;
        sum.noise += (value - others[k]!) ** 2;
      });
      sums.set(name, sum);
    }
  });
  return Math.min(
    ...[...sums.values()].map(({ signal, noise }) => (noise > 0 ? 10 * Math.log10(signal / noise) : Infinity)),
  );
}
