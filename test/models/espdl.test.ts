// The conversion of ESP-DL files: what the result computes, what is refused, and files that are damaged.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.js';
import { convertEspdl } from '../../src/models/espdl/convert.js';
import { orderWeights } from '../../src/models/espdl/convolution-weights.js';
import { readEspdl } from '../../src/models/espdl/espdl-model.js';
import { loadManifest } from '../../src/models/manifest.js';
import { ModelSession } from '../../src/models/session.js';
import { seedRandom } from '../hostile/files.js';
import { espdlDir, missing } from '../support/shared.js';
import { TINY, tinyEspdl, wrapEspdl, writeEspdl, writeFlatBuffer, type Table, type TestModel } from './espdl-file.js';
import { sha256, signalToNoise } from './tiny-model.js';

const invalid = (message: RegExp): Error =>
  expect.objectContaining({
    code: 'MODEL_INVALID',
    message: expect.stringMatching(message) as string,
  }) as Error;

/** A node with an attribute of a type that does not exist. */
const ODD_NODE: Table = { 3: { text: 'Conv' }, 5: { tables: [{ 0: { text: 'odd' }, 3: { int32: 9 } }] } };

/** Makes the file of the small model after a change. */
function tinyFile(change: (model: TestModel) => void = () => undefined): Uint8Array {
  const model = tinyEspdl();
  change(model);
  return writeEspdl(model);
}

const getNode = (model: TestModel, opType: string) => model.nodes.find((node) => node.opType === opType)!;

/** Computes the small model in another way than the conversion: with the channels last, straight from the integers of the file. */
function computeTiny(picture: Float32Array): Float32Array {
  const { tensors } = tinyEspdl();
  const read = (name: string): number[] => {
    const { values, exponents } = tensors.find((tensor) => tensor.name === name)!;
    return values.map((value) => value * 2 ** exponents[0]!);
  };
  /** Place of a weight in the file: blocks of 16 output channels, and in them row, column, input and output channel. */
  const place = (dims: number[], row: number, column: number, input: number, output: number): number => {
    const [, width, inputs, outputs] = dims as [number, number, number, number];
    const block = output - (output % 16);
    const blockWidth = Math.min(16, outputs - block);
    return block * dims[0]! * width * inputs + ((row * width + column) * inputs + input) * blockWidth + (output % 16);
  };
  type Map = { side: number; channels: number; at: (row: number, column: number, channel: number) => number };
  const makeMap = (
    side: number,
    channels: number,
    value: (row: number, column: number, channel: number) => number,
  ): Map => {
    const values = new Map<string, number>();
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++)
        for (let channel = 0; channel < channels; channel++)
          values.set([row, column, channel].join(), value(row, column, channel));
    return { side, channels, at: (...key) => values.get(key.join()) ?? 0 };
  };
  const conv = (from: Map, name: string, kernel: number, outputs: number, stride: number, perChannel = false): Map => {
    const [weights, bias] = [read(`${name}.weight`), read(`${name}.bias`)];
    const inputs = perChannel ? 1 : from.channels;
    const pad = (kernel - 1) / 2;
    return makeMap(from.side / stride, outputs, (row, column, output) => {
      let sum = bias[output]!;
      for (let y = 0; y < kernel; y++)
        for (let x = 0; x < kernel; x++)
          for (let input = 0; input < inputs; input++) {
            const weight = weights[place([kernel, kernel, inputs, outputs], y, x, input, output)]!;
            sum += weight * from.at(row * stride + y - pad, column * stride + x - pad, perChannel ? output : input);
          }
      return sum;
    });
  };
  const input = makeMap(6, 3, (row, column, channel) => picture[channel * 36 + row * 6 + column]!);
  const stem = conv(input, 'stem', 3, TINY.middle, 2);
  const prelu = (from: Map, name: string): Map => {
    const slopes = read(`${name}.slope`);
    return makeMap(from.side, from.channels, (...key) => from.at(...key) * (from.at(...key) < 0 ? slopes[key[2]]! : 1));
  };
  const second = prelu(conv(prelu(stem, 'stem.out'), 'depth', 3, TINY.middle, 1, true), 'depth.out');
  const point = conv(second, 'point', 1, TINY.middle, 1);
  const again = conv(point, 'again', 1, TINY.middle, 1);
  const side = prelu(conv(second, 'side', 1, 16, 1), 'side.out');
  const both = makeMap(3, TINY.joined, (row, column, channel) =>
    channel < TINY.middle
      ? point.at(row, column, channel) + again.at(row, column, channel)
      : side.at(row, column, channel - TINY.middle),
  );
  const [weights, bias] = [read('full.weight'), read('full.bias')];
  return Float32Array.from({ length: TINY.results }, (_, output) => {
    let result = bias[output]!;
    for (let channel = 0; channel < TINY.joined; channel++)
      for (let row = 0; row < 3; row++)
        for (let column = 0; column < 3; column++) {
          const inputs = 9 * TINY.joined;
          const weight = weights[place([1, 1, inputs, TINY.results], 0, 0, channel * 9 + row * 3 + column, output)]!;
          result += weight * both.at(row, column, channel);
        }
    return result;
  });
}

describe('an ESP-DL file', () => {
  it('becomes an ONNX model that computes the same', async () => {
    const next = seedRandom(5);
    const data = Float32Array.from({ length: 3 * TINY.heightPx * TINY.widthPx }, () => next() * 2 - 1);
    const picture = { data, dims: [1, 3, TINY.heightPx, TINY.widthPx] };
    const session = await ModelSession.create('tiny', convertEspdl(tinyFile()), {
      providers: ['cpu'],
      warmUp: { picture },
    });
    try {
      const { result } = await session.run({ picture });
      expect(signalToNoise(computeTiny(data), result!)).toBeGreaterThan(100);
    } finally {
      await session.release();
    }
  });

  it('becomes the same file each time', () => {
    expect(sha256(convertEspdl(tinyFile()))).toBe(sha256(convertEspdl(tinyFile())));
  });

  it('may lie anywhere in the memory', () => {
    const file = tinyFile();
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    expect(sha256(convertEspdl(shifted.subarray(3)))).toBe(sha256(convertEspdl(file)));
  });
});

describe('weights in blocks of 16 output channels', () => {
  it('are brought into the order of ONNX, with a narrower block at the end', () => {
    // 18 outputs, 2 inputs, one place: the first block has 16 outputs side by side, the second one has 2.
    const data = Int8Array.from({ length: 36 }, (_, i) => i);
    const ordered = orderWeights(data, { outputs: 18, inputs: 2, height: 1, width: 1 });
    expect([...ordered.subarray(0, 4)]).toEqual([0, 16, 1, 17]);
    expect([...ordered.subarray(32)]).toEqual([32, 34, 33, 35]);
  });

  it('are refused where values are missing', () => {
    const sizes = { outputs: 18, inputs: 2, height: 1, width: 1 };
    expect(() => orderWeights(new Int8Array(35), sizes)).toThrow(invalid(/has 35 weights, but its sizes need 36/));
  });
});

describe('a model is refused', () => {
  it.each<[string, (model: TestModel) => void, RegExp]>([
    ['an unknown operator', (m) => (getNode(m, 'Add').opType = 'Einsum'), /the operator Einsum is not known/],
    ['activations of 16 bits', (m) => setAttribute(m, 'Add', 'quant_type', 'S16'), /a Add has the quant_type S16/],
    ['a built-in activation', (m) => setAttribute(m, 'Conv', 'activation', 'Relu'), /the activation Relu/],
    ['groups of channels', (m) => setAttribute(m, 'Conv', 'group', 2), /a Conv has 2 groups/],
    ['a number that is a word', (m) => setAttribute(m, 'Conv', 'group', 'two'), /group of a Conv is no number/],
    ['a list that is a number', (m) => setAttribute(m, 'Conv', 'pads', 1), /pads of a Conv is no list/],
    ['a Concat of rows', (m) => setAttribute(m, 'Concat', 'axis', 1), /Concat does not join channels/],
    ['another Transpose', (m) => setAttribute(m, 'Transpose', 'perm', [0, 2, 1, 3]), /does not put the channels first/],
    ['a Flatten of channels that come last', (m) => setInput(m, 'Flatten', 0, 'both'), /channels come last/],
    ['a Gemm of a tensor that is not flat', (m) => setInput(m, 'Gemm', 0, 'moved'), /does not read a flattened/],
    ['a Gemm with a factor', (m) => setAttribute(m, 'Gemm', 'alpha', 2), /factors or transposed/],
    ['a Gemm of another size', (m) => (m.sizes.both = [1, 2, 3, 36]), /a Gemm reads 324 values/],
    ['a tensor that nobody makes', (m) => setInput(m, 'Add', 1, 'later'), /"later" is read, but no earlier node/],
    ['a tensor that two nodes make', (m) => (getNode(m, 'Add').output = ['stem']), /"stem" is made twice/],
    ['weights that are not constant', (m) => setInput(m, 'Conv', 1, 'picture'), /no constant input 1/],
    ['constants that two nodes read', (m) => setInput(m, 'PRelu', 1, 'stem.bias'), /stem\.bias/],
    ['a node without an output', (m) => (getNode(m, 'Add').output = []), /a Add has no output/],
    ['two inputs', (m) => m.input.push({ name: 'more', dims: [1, 1, 1, 1] }), /2 tensors as input/],
    ['no output', (m) => m.output.pop(), /0 tensors as output/],
    ['an input without its sizes', (m) => (m.input[0]!.dims = []), /picture has the sizes/],
    ['a size below one', (m) => (m.input[0]!.dims = [1, 6, -6, 3]), /picture has the sizes 1 x 6 x -6 x 3/],
    ['enormous sizes', (m) => (m.tensors[0]!.dims = [2 ** 20, 2 ** 20, 3, 20]), /stem\.weight has the sizes 1048576/],
    ['too few weights', (m) => (m.tensors[0]!.values = [1, 2]), /has 16 weights, but its sizes need 540/],
    ['too few biases', (m) => (m.tensors[1]!.values = [1, 2]), /fewer than 20 values/],
    ['a bias of 8 bits', (m) => (m.tensors[1]!.bits = 8), /the bias stem\.bias is of type 3/],
    ['weights of 32 bits', (m) => (m.tensors[0]!.bits = 32), /stem\.weight is of type 6/],
    ['two exponents', (m) => (m.tensors[0]!.exponents = [-7, -6]), /stem\.weight has the exponents -7,-6/],
    ['an exponent far away', (m) => (m.tensors[0]!.exponents = [-1000]), /stem\.weight has the exponents -1000/],
    ['slopes above 1 before an Add', (m) => setInput(m, 'Add', 0, 'depth.out'), /does not lie between convolutions/],
    ['a slope for each place', (m) => (m.tensors[2]!.dims = [20, 2, 1]), /more than one slope for a channel/],
  ])('that has %s', (_words, change, message) => {
    expect(() => convertEspdl(tinyFile(change))).toThrow(invalid(message));
  });

  const content = (root: Table): Uint8Array => wrapEspdl(writeFlatBuffer(root));
  const change = (at: number, value: number): Uint8Array => {
    const file = tinyFile();
    file[at] = value;
    return file;
  };
  it.each<[string, Uint8Array, RegExp]>([
    ['of no bytes', new Uint8Array(0), /does not begin with EDL2/],
    ['of another kind', Buffer.from('<!DOCTYPE html><html></html>'), /does not begin with EDL2/],
    ['that is encrypted', change(4, 1), /encrypted/],
    ['that is longer than its header says', Buffer.concat([tinyFile(), Buffer.alloc(16)]), /cut off or too long/],
    ['of a header alone', wrapEspdl(new Uint8Array(0)), /leads out of the file/],
    ['without a graph', content({ 0: { int32: 7 } }), /has no graph/],
    ['with an attribute of an unknown type', content({ 7: { table: { 0: { tables: [ODD_NODE] } } } }), /type 9/],
  ])('%s', (_words, bytes, message) => {
    expect(() => convertEspdl(bytes)).toThrow(invalid(message));
  });

  it('in which many references lead to the same long vector, without reading it again and again', () => {
    const node: Table = { 0: { texts: new Array<string>(1_000).fill('input') } };
    const bomb = content({ 7: { table: { 0: { tables: new Array<Table>(20_000).fill(node) } } } });
    const started = performance.now();
    expect(() => readEspdl(bomb)).toThrow(invalid(/contain more than the whole file/));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('a damaged file', () => {
  /** Converts a damaged file. @returns true where it was refused @throws whatever is not a clear refusal */
  const isRefused = (bytes: Uint8Array): boolean => {
    try {
      convertEspdl(bytes);
      return false;
    } catch (error) {
      if (error instanceof AppError && error.code === 'MODEL_INVALID') return true;
      throw error;
    }
  };
  /** Writes the size of the content into the header, so that the damage is found behind it. */
  const withSize = (bytes: Uint8Array): Uint8Array => {
    const copy = Buffer.from(bytes);
    if (copy.length >= 16) copy.writeUInt32LE(copy.length - 16, 8);
    return copy;
  };

  it('that is cut off is refused, wherever it ends', () => {
    const file = tinyFile();
    const whole = sha256(convertEspdl(file));
    for (let length = 0; length < file.length; length++) {
      expect(isRefused(file.subarray(0, length))).toBe(true);
      // The file ends with the sizes of the tensors between the layers. Without those that are not needed, it is still complete.
      const shorter = withSize(file.subarray(0, length));
      if (!isRefused(shorter)) expect(sha256(convertEspdl(shorter))).toBe(whole);
    }
  });

  it('is refused clearly, or converted, whichever bytes are wrong', () => {
    const file = tinyFile();
    const next = seedRandom(11);
    let refused = 0;
    for (let round = 0; round < 4_000; round++) {
      const copy = Uint8Array.from(file);
      // Most of the bytes are structure; the others are weights, which may be anything.
      const changes = 1 + Math.floor(next() * 4);
      for (let i = 0; i < changes; i++) {
        const at = 16 + Math.floor(next() * (copy.length - 16));
        copy[at] = next() < 0.3 ? 0xff : Math.floor(next() * 256);
      }
      if (isRefused(copy)) refused++;
    }
    expect(refused).toBeGreaterThan(1_000);
  });
});

describe.skipIf(missing("Espressif's embedders", espdlDir))("the files of Espressif's embedders", () => {
  const published = Object.entries(loadManifest().models).flatMap(([name, { origin, sha256: wanted }]) =>
    'format' in origin ? [{ name, wanted, origin, file: origin.path.split('/').at(-1)! }] : [],
  );

  it.each(published)('$name: becomes the file that the manifest names', ({ file, origin, wanted }) => {
    const bytes = readFileSync(join(espdlDir!, file));
    expect(sha256(bytes)).toBe(origin.sha256);
    expect(sha256(convertEspdl(bytes))).toBe(wanted);
  });

  it.each(published)('$name: with wrong bytes, is refused clearly or converted', ({ file }) => {
    const bytes = readFileSync(join(espdlDir!, file));
    const next = seedRandom(13);
    for (let round = 0; round < 40; round++) {
      const copy = Uint8Array.from(bytes);
      for (let i = 0; i < 400; i++) copy[16 + Math.floor(next() * (copy.length - 16))] = Math.floor(next() * 256);
      try {
        convertEspdl(copy);
      } catch (error) {
        expect(error).toMatchObject({ code: 'MODEL_INVALID' });
      }
    }
  });
});

function setAttribute(model: TestModel, opType: string, name: string, value: number | number[] | string): void {
  const node = getNode(model, opType);
  node.attributes = { ...node.attributes, [name]: value };
}

function setInput(model: TestModel, opType: string, index: number, name: string): void {
  const node = getNode(model, opType);
  node.input = node.input.map((one, i) => (i === index ? name : one));
}
