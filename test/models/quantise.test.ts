// Quantisation of a small detector with invented weights: compares its results before and after.
import { beforeAll, describe, expect, it } from 'vitest';
import { DATA_TYPE, readOnnx, writeOnnx, type OnnxModel } from '../../src/models/onnx/onnx-model.js';
import { readFloats } from '../../src/models/onnx/onnx-tensor.js';
import { prepareModel } from '../../src/models/quantise/prepare.js';
import { splitIntoBands } from '../../src/models/quantise/bands.js';
import { equaliseChannels, listEqualisableTensors, computeFactors } from '../../src/models/quantise/equalise.js';
import { findQuantisableLayers, computeScale } from '../../src/models/quantise/layers.js';
import { formatRanges, readRanges, type RecordedRanges } from '../../src/models/quantise/ranges.js';
import { recordRanges } from '../../src/models/quantise/record-ranges.js';
import { measureSensitivities } from '../../src/models/quantise/sensitivity.js';
import { quantiseFile } from '../../src/models/quantise/quantise.js';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '../support/temp-dir.js';
import { TINY_OUTPUTS, openTiny, runTiny, sha256, signalToNoise, tinyDetector, tinyInput } from './tiny-model.js';

const bytes = tinyDetector();
const probe = tinyInput(11, 48, 64);

function operators(model: OnnxModel): string[] {
  return [...new Set(model.graph.node.map(({ opType }) => opType))].sort();
}

function record(changes: Partial<Parameters<typeof recordRanges>[0]> = {}): Promise<RecordedRanges> {
  return recordRanges({
    file: 'tiny.onnx',
    bytes,
    inputName: 'input',
    floatLayers: [],
    recordedOn: 'twelve made-up pictures',
    method: 'minmax',
    pictures: async function* () {
      for (let seed = 1; seed <= 12; seed++) yield tinyInput(seed);
    },
    open: (model) => openTiny(model),
    ...changes,
  });
}

describe('a prepared model', () => {
  it('computes the same as the file, with constant sizes, folded layers and merged heads', async () => {
    const model = prepareModel(bytes);
    expect(operators(model)).not.toContain('BatchNormalization');
    expect(operators(model)).not.toContain('Shape');
    // The four convolutions of the heads became two.
    expect(model.graph.node.filter(({ opType }) => opType === 'Conv')).toHaveLength(7);
    const [before, after] = [await runTiny(bytes, probe), await runTiny(writeOnnx(model), probe)];
    for (const name of TINY_OUTPUTS) {
      expect(after[name]).toHaveLength(before[name]!.length);
      expect(signalToNoise(before[name]!, after[name]!)).toBeGreaterThan(100);
    }
  });

  it('keeps the requested outputs and only the nodes that they need', () => {
    const model = prepareModel(bytes, ['place']);
    expect(model.graph.output.map(({ name }) => name)).toEqual(['place']);
    expect(operators(model)).not.toContain('Sigmoid');
    expect(() => prepareModel(bytes, ['nonesuch'])).toThrow(/no such output/);
  });

  it.each([
    [8, /operator set 8/],
    [99, /operator set 99/],
  ])('of operator set %i is refused', (version, words) => {
    const model = readOnnx(bytes);
    model.opsetImport = [{ version }];
    expect(() => prepareModel(writeOnnx(model))).toThrow(words);
  });
});

describe('equalising', () => {
  it('does not change the results of the graph', async () => {
    const model = prepareModel(bytes);
    const tensors = listEqualisableTensors(model.graph);
    expect(tensors).toEqual(['fine.point', 'coarse.point', 'sum:heads:point']);
    equaliseChannels(
      model.graph,
      Object.fromEntries(tensors.map((name, i) => [name, Array.from({ length: i === 2 ? 4 : 16 }, (_, c) => 0.1 + c)])),
    );
    const [before, after] = [await runTiny(bytes, probe), await runTiny(writeOnnx(model), probe)];
    for (const name of TINY_OUTPUTS) expect(signalToNoise(before[name]!, after[name]!)).toBeGreaterThan(100);
  });

  it('does not amplify a channel that is always zero', () => {
    expect(
      computeFactors([
        [-2, 8],
        [-4, 1],
        [0, 0],
      ]),
    ).toEqual([1, 0.5, 0.01563]);
    expect(computeFactors([[0, 0]])).toEqual([1]);
  });
});

describe('bands of rows', () => {
  it.each([
    ['fine', 2, 32],
    ['fine', 4, 48],
    ['stem.bn', 2, 16],
  ])('up to %s, %i of them at a height of %i, compute the same', async (until, count, heightPx) => {
    const model = prepareModel(bytes);
    splitIntoBands(model.graph, { until, count });
    expect(model.graph.node.filter(({ opType }) => opType === 'Slice').length).toBeGreaterThanOrEqual(count);
    const input = tinyInput(4, heightPx, 40);
    const [before, after] = [await runTiny(bytes, input), await runTiny(writeOnnx(model), input)];
    for (const name of TINY_OUTPUTS) expect(signalToNoise(before[name]!, after[name]!)).toBeGreaterThan(100);
  });

  it.each([
    ['pooled', /no chain from the input/],
    ['nonesuch', /no chain from the input/],
    ['sum', /Add cannot be done in bands/],
  ])('up to %s are refused', (until, words) => {
    expect(() => splitIntoBands(prepareModel(bytes).graph, { until, count: 2 })).toThrow(words);
  });

  it('are part of the quantised file when the ranges file names them', async () => {
    const recorded = await record({ floatLayers: ['stem.bn', 'stem.out'], bands: { until: 'stem.out', count: 2 } });
    const plain: RecordedRanges = { ...recorded, bands: undefined };
    const [with2, without] = [quantiseFile(bytes, recorded), quantiseFile(bytes, plain)];
    expect(readOnnx(with2).graph.node.length).toBeGreaterThan(readOnnx(without).graph.node.length);
    expect(await runTiny(with2, probe)).toEqual(await runTiny(without, probe));
  });
});

describe('a scale', () => {
  it.each([
    [[0, 6], 'uint8', 0, 6 / 255],
    [[-1, 2], 'uint8', 85, 3 / 255],
    [[2, 4], 'uint8', 0, 4 / 255],
    [[-6, -1], 'uint8', 255, 6 / 255],
    [[0, 6], 'int8', -128, 6 / 255],
    [[0, 0], 'uint8', 0, 1e-6 / 255],
  ] as const)('of the range %j as %s has its zero at %i', (range, type, zeroPoint, scale) => {
    const made = computeScale(range, type);
    expect(made.zeroPoint).toBe(zeroPoint);
    expect(made.scale).toBeCloseTo(scale, 7);
  });
});

describe('quantising', () => {
  let recorded: RecordedRanges;
  let quantised: Uint8Array;
  beforeAll(async () => {
    recorded = await record();
    quantised = quantiseFile(bytes, recorded);
  });

  it('gives results close to the float model, also at another size', async () => {
    for (const input of [probe, tinyInput(5, 32, 32), tinyInput(3, 64, 96)]) {
      const [before, after] = [await runTiny(bytes, input), await runTiny(quantised, input)];
      for (const name of TINY_OUTPUTS) {
        expect(after[name]).toHaveLength(before[name]!.length);
        expect(signalToNoise(before[name]!, after[name]!), name).toBeGreaterThan(25);
      }
    }
  });

  it('writes the same bytes each time and on every machine', () => {
    expect(Buffer.compare(quantiseFile(tinyDetector(), recorded), quantised)).toBe(0);
    const fixed: RecordedRanges = {
      ...recorded,
      factors: {},
      ranges: Object.fromEntries(Object.keys(recorded.ranges).map((name) => [name, [-1.7, 3.3]])),
    };
    expect(sha256(quantiseFile(bytes, fixed))).toBe('74c28008d72dde46759482144e5e6f7fb601454b84ee6b9a917fe383a4a0e6e0');
  });

  it('stores weights as bytes with a scale per channel', () => {
    const { graph } = readOnnx(quantised);
    // The weights belong to the convolution `fine.point`.
    const weights = graph.initializer.find(({ dims }) => dims.join() === '16,8,1,1');
    const reader = graph.node.find(({ input }) => input[0] === weights?.name);
    const scale = graph.initializer.find(({ name }) => name === reader?.input[1]);
    expect(scale && readFloats(scale)).toHaveLength(16);
    expect(weights?.rawData).toHaveLength(16 * 8);
    expect(Math.max(...new Int8Array(weights?.rawData ?? []))).toBe(127);
  });

  it('replaces activation functions by the limits of the ranges, and copies pixels where the size doubles', () => {
    expect(operators(readOnnx(quantised))).not.toContain('Relu');
    expect(operators(readOnnx(quantised))).not.toContain('Resize');
    expect(operators(readOnnx(quantised))).toContain('Expand');
  });

  it('leaves the named layers in float, with their activation functions', async () => {
    const partly = quantiseFile(bytes, { ...recorded, floatLayers: ['stem.out', 'sum:heads:depth'] });
    const countQuantised = (file: Uint8Array): number =>
      readOnnx(file).graph.initializer.filter(({ dataType, dims }) => dataType === DATA_TYPE.int8 && dims.length === 4)
        .length;
    expect(countQuantised(partly)).toBe(countQuantised(quantised) - 2);
    expect(operators(readOnnx(partly))).toContain('Relu');
    const [float, all, some] = [
      await runTiny(bytes, probe),
      await runTiny(quantised, probe),
      await runTiny(partly, probe),
    ];
    expect(signalToNoise(float.place!, some.place!)).toBeGreaterThan(signalToNoise(float.place!, all.place!));
  });

  it('is more exact when the channels were equalised', async () => {
    const uneven = await runTiny(quantiseFile(bytes, { ...recorded, ...(await rangesWithoutFactors()) }), probe);
    const [float, even] = [await runTiny(bytes, probe), await runTiny(quantised, probe)];
    expect(signalToNoise(float.place!, even.place!)).toBeGreaterThan(signalToNoise(float.place!, uneven.place!));
  });

  it('refuses ranges of another file, and incomplete ranges', () => {
    expect(() => quantiseFile(bytes, { ...recorded, sha256: '0'.repeat(64) })).toThrow(/recorded on another file/);
    const ranges = { ...recorded.ranges };
    delete ranges.fine;
    expect(() => quantiseFile(bytes, { ...recorded, ranges })).toThrow(/no recorded range for the tensor fine/);
  });

  /** Records the ranges of the tensors without factors. */
  async function rangesWithoutFactors(): Promise<Pick<RecordedRanges, 'factors' | 'ranges'>> {
    const model = prepareModel(bytes);
    const ranges = { ...recorded.ranges };
    model.graph.output = Object.keys(recorded.factors).map((name) => ({ name }));
    const session = await openTiny(writeOnnx(model));
    for (const name of Object.keys(recorded.factors)) ranges[name] = [0, 0];
    for (let seed = 1; seed <= 12; seed++) {
      for (const [name, data] of Object.entries(await session.run({ input: tinyInput(seed) }))) {
        ranges[name] = [Math.min(ranges[name]![0], ...data), Math.max(ranges[name]![1], ...data)];
      }
    }
    await session.release();
    return { factors: {}, ranges };
  }
});

describe('sensitivity', () => {
  it('gives the loss of each layer alone, the worst first', async () => {
    const recorded = await record();
    // The range of one layer is far too narrow, so this layer must come first.
    const spoilt = { ...recorded, ranges: { ...recorded.ranges, coarse: [0, 0.05] as [number, number] } };
    const options = { bytes, inputName: 'input', pictures: [tinyInput(2), tinyInput(9)], open: openTiny };
    const before = await measureSensitivities({ ...options, recorded });
    const after = await measureSensitivities({ ...options, recorded: spoilt });
    expect(after[0]).toMatchObject({ layer: 'coarse', operator: 'Conv' });
    expect(after[0]!.signalToNoise).toBeLessThan(15);
    expect(before.map(({ layer }) => layer).sort()).toEqual(after.map(({ layer }) => layer).sort());
    expect(before).toHaveLength(8);
    expect(Math.min(...before.map(({ signalToNoise }) => signalToNoise))).toBeGreaterThan(25);
  });
});

describe('recording', () => {
  it('covers every quantised tensor, and names the model and the pictures', async () => {
    const recorded = await record();
    const layers = findQuantisableLayers(prepareModel(bytes).graph);
    const needed = new Set(layers.flatMap(({ inputs, output }) => [...inputs, output]));
    expect(new Set(Object.keys(recorded.ranges))).toEqual(needed);
    expect(recorded).toMatchObject({ file: 'tiny.onnx', sha256: sha256(bytes), method: 'minmax' });
    expect(recorded.ranges.fine![0]).toBe(0);
  });

  it('cuts off rare extremes with the method of the mean square error', async () => {
    const spiked = async function* (): AsyncGenerator<ReturnType<typeof tinyInput>> {
      for (let seed = 1; seed <= 4; seed++) {
        const input = tinyInput(seed, 256, 256);
        if (seed === 4) input.data[5] = 60;
        yield input;
      }
    };
    const all = await record({ pictures: spiked });
    const most = await record({ pictures: spiked, method: 'mse' });
    expect(all.ranges.input![1]).toBe(60);
    expect(most.ranges.input![1]).toBeLessThan(55);
  });

  it('can be written to a file and read again', async () => {
    const recorded = await record({ outputs: ['place'], floatLayers: ['fine'] });
    const path = join(tempDir(), 'tiny.json');
    writeFileSync(path, formatRanges(recorded));
    expect(readRanges(path)).toEqual(recorded);
  });

  it.each([
    ['no JSON', '{', /cannot be read as JSON/],
    ['another shape', '{"file":"a"}', /are not valid/],
  ])('that is %s is refused', (_name, text, words) => {
    const path = join(tempDir(), 'tiny.json');
    writeFileSync(path, text);
    expect(() => readRanges(path)).toThrow(words);
  });
});
