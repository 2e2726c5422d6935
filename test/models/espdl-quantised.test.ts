// The 8-bit form of a converted ESP-DL model: channels are equalised through what stands for a PRelu, and no layer stays in float.
import { describe, expect, it } from 'vitest';
import { convertEspdl } from '../../src/models/espdl/convert.js';
import { equaliseChannels, listEqualisableTensors } from '../../src/models/quantise/equalise.js';
import { readOnnx, writeOnnx } from '../../src/models/onnx/onnx-model.js';
import { prepareModel } from '../../src/models/quantise/prepare.js';
import { quantiseFile } from '../../src/models/quantise/quantise.js';
import { recordRanges } from '../../src/models/quantise/record-ranges.js';
import { ModelSession, type FloatTensor } from '../../src/models/session.js';
import { seedRandom } from '../hostile/files.js';
import { TINY, tinyEspdl, writeEspdl } from './espdl-file.js';
import { signalToNoise } from './tiny-model.js';

const bytes = convertEspdl(writeEspdl(tinyEspdl()));

function makePicture(seed: number): FloatTensor {
  const next = seedRandom(seed);
  const data = Float32Array.from({ length: 3 * TINY.heightPx * TINY.widthPx }, () => next() * 2 - 1);
  return { data, dims: [1, 3, TINY.heightPx, TINY.widthPx] };
}

const open = (model: Uint8Array): Promise<ModelSession> =>
  ModelSession.create('tiny', model, { providers: ['cpu'], warmUp: { picture: makePicture(1) } });

async function run(model: Uint8Array, picture: FloatTensor): Promise<Float32Array> {
  const session = await open(model);
  try {
    return (await session.run({ picture })).result!;
  } finally {
    await session.release();
  }
}

describe('a converted model', () => {
  it('has its channels equalised through a PRelu, without another result', async () => {
    const model = prepareModel(bytes);
    // Behind the second PRelu are convolutions that mix channels: they cannot take up factors.
    expect(listEqualisableTensors(model.graph)).toEqual(['stem']);
    equaliseChannels(model.graph, { stem: Array.from({ length: TINY.middle }, (_, channel) => 0.1 + channel / 8) });
    const picture = makePicture(21);
    expect(signalToNoise(await run(bytes, picture), await run(writeOnnx(model), picture))).toBeGreaterThan(100);
  });

  it('has an 8-bit form that is close to the float one', async () => {
    const recorded = await recordRanges({
      file: 'tiny.onnx',
      bytes,
      inputName: 'picture',
      floatLayers: [],
      recordedOn: 'made-up pictures',
      method: 'minmax',
      pictures: async function* () {
        for (let seed = 1; seed <= 20; seed++) yield makePicture(seed);
      },
      open,
    });
    const quantised = quantiseFile(bytes, recorded);
    const { graph } = readOnnx(quantised);
    // Each Add and each convolution reads bytes that were turned into floats, which onnxruntime makes an integer kernel of.
    const makers = new Map(graph.node.flatMap(({ opType, output }) => output.map((name) => [name, opType])));
    for (const { opType, input } of graph.node) {
      if (opType === 'Conv' || opType === 'Add') expect(makers.get(input[0]!)).toBe('DequantizeLinear');
    }
    const picture = makePicture(33);
    expect(signalToNoise(await run(bytes, picture), await run(quantised, picture))).toBeGreaterThan(15);
  });
});
