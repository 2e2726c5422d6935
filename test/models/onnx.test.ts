// The protobuf of ONNX: a file that is read and written again stays the same.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeNode, shortenNames } from '../../src/models/onnx/onnx-graph.js';
import { ATTRIBUTE_TYPE, readOnnx, writeOnnx, type OnnxGraph } from '../../src/models/onnx/onnx-model.js';
import { makeConstant, readFloats, readIntegers } from '../../src/models/onnx/onnx-tensor.js';
import { decodeMessage, encodeMessage, UNKNOWN, type MessageType } from '../../src/models/onnx/protobuf.js';
import { missing, sharedModelsDir } from '../support/shared.js';
import { runTiny, tinyDetector, tinyInput } from './tiny-model.js';

const type: MessageType = () => ({
  small: { number: 1, kind: 'int', repeated: false, packed: false },
  big: { number: 2, kind: 'int64', repeated: true, packed: false },
  packed: { number: 3, kind: 'float', repeated: true, packed: true },
  inner: { number: 4, kind: type, repeated: true, packed: false },
  text: { number: 16, kind: 'string', repeated: false, packed: false },
});

describe('a message', () => {
  it('is read as it was written, with negative and large integers', () => {
    const message = {
      small: -3,
      big: [0n, -1n, 2n ** 63n - 1n, 300n],
      packed: [0.5, -2, 1e10],
      inner: [{ small: 7, big: [], packed: [], inner: [], text: 'grüß' }],
      text: '',
    };
    expect(decodeMessage(type, encodeMessage(type, message))).toEqual({ ...message });
  });

  it('is read packed or not, whatever the table says', () => {
    const packed = Uint8Array.of(0x12, 3, 1, 0xac, 0x02);
    expect(decodeMessage(type, packed).big).toEqual([1n, 300n]);
    const single = Uint8Array.of(0x1d, 0, 0, 0x80, 0x3f);
    expect(decodeMessage(type, single).packed).toEqual([1]);
  });

  it('keeps fields that the table does not know, of every wire type', () => {
    const unknown = Uint8Array.of(0x38, 0x96, 0x01, 0x41, 1, 2, 3, 4, 5, 6, 7, 8, 0x4a, 2, 9, 9, 0x55, 1, 2, 3, 4);
    const message = decodeMessage(type, Uint8Array.of(0x08, 5, ...unknown));
    expect(message.small).toBe(5);
    expect(message[UNKNOWN]).toHaveLength(4);
    expect([...encodeMessage(type, message)]).toEqual([0x08, 5, ...unknown]);
  });

  it.each([
    ['a length beyond the end', [0x82, 0x01, 9, 65]],
    ['a varint that does not end', [0x08, 0xff, 0xff]],
    ['a varint of eleven bytes', [0x08, ...new Array<number>(11).fill(0xff)]],
    ['a number that is no safe integer', [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a group', [0x3b]],
    ['a known field of another type', [0x0d, 1, 2, 3, 4]],
  ])('is refused with %s', (_name, bytes) => {
    expect(() => decodeMessage(type, Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID' }) as Error,
    );
  });
});

describe('a model', () => {
  it('survives a round trip byte for byte', () => {
    const bytes = tinyDetector();
    expect(Buffer.compare(writeOnnx(readOnnx(bytes)), bytes)).toBe(0);
  });

  it('that is cut off is refused', () => {
    const bytes = tinyDetector();
    expect(() => readOnnx(bytes.subarray(0, bytes.length - 9))).toThrow(/no ONNX model/);
  });

  const skip = missing('round trip of the standard models', sharedModelsDir);
  it.skipIf(skip)('of the standard set survives a round trip byte for byte', () => {
    const dir = sharedModelsDir ?? '';
    const files = readdirSync(dir).filter((name) => name.endsWith('.onnx'));
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const name of files) {
      const bytes = readFileSync(join(dir, name));
      expect(Buffer.compare(writeOnnx(readOnnx(bytes)), bytes), name).toBe(0);
    }
  });
});

describe('a constant tensor', () => {
  it('can be read from raw data at any offset, and from lists', () => {
    const raw = new Uint8Array(9);
    raw.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
    const tensor = { ...makeConstant('a', [2], Float32Array.of(0, 0)), rawData: raw.subarray(1) };
    expect([...readFloats(tensor)]).toEqual([1.5, -2]);
    const { dims, dataType, int32Data, int64Data } = tensor;
    expect([...readFloats({ dims, dataType: dataType!, int32Data, int64Data, floatData: [3, 4] })]).toEqual([3, 4]);
    expect(readIntegers(makeConstant('b', [2], BigInt64Array.of(-1n, 5n)))).toEqual([-1, 5]);
    expect(readIntegers(makeConstant('c', [1], Int32Array.of(-7)))).toEqual([-7]);
  });

  it('of another type or size is refused', () => {
    const tensor = makeConstant('a', [3], Float32Array.of(1, 2));
    expect(() => readFloats(tensor)).toThrow(/has 2 values/);
    expect(() => readIntegers(tensor)).toThrow(/of type 1/);
    expect(() => readFloats(makeConstant('b', [1], Int8Array.of(1)))).toThrow(/of type 3/);
  });
});

describe('short names', () => {
  it('change neither the inputs, the outputs nor the results of the graph', async () => {
    const model = readOnnx(tinyDetector());
    const names = (graph: OnnxGraph): string[] => [...graph.input, ...graph.output].map(({ name }) => name);
    const before = names(model.graph);
    shortenNames(model.graph);
    expect(names(model.graph)).toEqual(before);
    expect(before).toEqual(['input', 'score', 'place']);
    const tensors = model.graph.node.flatMap(({ input, output }) => [...input, ...output]);
    for (const name of tensors) expect(before.includes(name) || name.length <= 2).toBe(true);
    expect(model.graph.node.some(({ name }) => name !== undefined)).toBe(false);
    const bytes = writeOnnx(model);
    expect(bytes.length).toBeLessThan(tinyDetector().length);
    expect(await runTiny(bytes, tinyInput(3))).toEqual(await runTiny(tinyDetector(), tinyInput(3)));
  });

  it('differ from the names of inputs and outputs, and keep the empty names of absent inputs', () => {
    const graph: OnnxGraph = {
      node: [makeNode('Clip', ['0', '', 'greatest'], ['between']), makeNode('Relu', ['between'], ['1'])],
      initializer: [makeConstant('greatest', [], Float32Array.of(6))],
      input: [{ name: '0' }],
      output: [{ name: '1' }],
      valueInfo: [{ name: 'between' }],
    };
    shortenNames(graph);
    expect(graph.initializer.map(({ name }) => name)).toEqual(['2']);
    expect(graph.node.map(({ input, output }) => [...input, ...output])).toEqual([
      ['0', '', '2', '3'],
      ['3', '1'],
    ]);
    expect(graph.valueInfo).toEqual([]);
  });

  it('are refused for a node that contains a graph', () => {
    const branch = makeNode('If', ['condition'], ['chosen']);
    branch.attribute.push({ name: 'then_branch', floats: [], ints: [], type: ATTRIBUTE_TYPE.graph });
    const graph: OnnxGraph = {
      node: [branch],
      initializer: [],
      input: [],
      output: [{ name: 'chosen' }],
      valueInfo: [],
    };
    expect(() => shortenNames(graph)).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }) as Error);
  });
});
