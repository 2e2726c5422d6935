// Composes small ESP-DL files: a FlatBuffer writer, and a model with every operator that the conversion knows.
import { seedRandom } from '../hostile/files.js';

/** The value of a field. */
type Value =
  | { int32: number }
  | { int64: number }
  | { float32: number }
  | { text: string }
  | { table: Table }
  | { tables: readonly Table[] }
  | { texts: readonly string[] }
  | { int64s: readonly number[] }
  /** A vector of blocks of `size` bytes. */
  | { blocks: Uint8Array; size: number };

/** A table of a FlatBuffer: its values by the numbers of the fields. */
export type Table = Readonly<Record<number, Value>>;

/**
 * Writes a FlatBuffer. Each field takes eight bytes, and what it refers to comes after the table. A table that appears several times in one
 * list is written once.
 */
export function writeFlatBuffer(root: Table): Uint8Array {
  const buffer = Buffer.alloc(1 << 20);
  const places = new Map<Table, number>();
  let end = 4;
  const take = (length: number): number => (end += length) - length;
  const refer = (at: number, to: number): void => void buffer.writeUInt32LE(to - at, at);
  const writeVector = (count: number, bytes: number): number => {
    const at = take(4 + bytes);
    buffer.writeUInt32LE(count, at);
    return at;
  };
  const writeText = (text: string): number => {
    const at = writeVector(Buffer.byteLength(text), Buffer.byteLength(text));
    buffer.write(text, at + 4);
    return at;
  };
  const writeReferences = <T>(items: readonly T[], write: (item: T) => number): number => {
    const at = writeVector(items.length, 4 * items.length);
    items.forEach((item, i) => refer(at + 4 + 4 * i, write(item)));
    return at;
  };
  const writeTarget = (value: Value): number => {
    if ('text' in value) return writeText(value.text);
    if ('table' in value) return writeTable(value.table);
    if ('tables' in value) return writeReferences(value.tables, writeTable);
    if ('texts' in value) return writeReferences(value.texts, writeText);
    if ('int64s' in value) {
      const at = writeVector(value.int64s.length, 8 * value.int64s.length);
      value.int64s.forEach((number, i) => buffer.writeBigInt64LE(BigInt(number), at + 4 + 8 * i));
      return at;
    }
    if ('blocks' in value) {
      const count = Math.ceil(value.blocks.length / value.size);
      const at = writeVector(count, count * value.size);
      buffer.set(value.blocks, at + 4);
      return at;
    }
    throw new TypeError('a value without a target');
  };
  const writeTable = (table: Table): number => {
    const known = places.get(table);
    if (known !== undefined) return known;
    const fields = Object.keys(table).map(Number);
    const slots = Math.max(-1, ...fields) + 1;
    const layout = take(4 + 2 * slots);
    const at = take(4 + 8 * fields.length);
    places.set(table, at);
    buffer.writeUInt16LE(4 + 2 * slots, layout);
    buffer.writeUInt16LE(4 + 8 * fields.length, layout + 2);
    buffer.writeInt32LE(at - layout, at);
    fields.forEach((field, i) => {
      const offset = 4 + 8 * i;
      buffer.writeUInt16LE(offset, layout + 4 + 2 * field);
      const value = table[field]!;
      if ('int32' in value) buffer.writeInt32LE(value.int32, at + offset);
      else if ('int64' in value) buffer.writeBigInt64LE(BigInt(value.int64), at + offset);
      else if ('float32' in value) buffer.writeFloatLE(value.float32, at + offset);
      else refer(at + offset, writeTarget(value));
    });
    return at;
  };
  refer(0, writeTable(root));
  return buffer.subarray(0, end);
}

/** Puts the header in front of a FlatBuffer. */
export function wrapEspdl(content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(16);
  header.write('EDL2');
  header.writeUInt32LE(content.length, 8);
  return Buffer.concat([header, content]);
}

export interface TestTensor {
  name: string;
  dims: readonly number[];
  /** Integers in the order of the file. */
  values: readonly number[];
  bits: 8 | 32;
  exponents: readonly number[];
}

export interface TestNode {
  opType: string;
  input: readonly string[];
  output: readonly string[];
  attributes?: Readonly<Record<string, number | readonly number[] | string>>;
}

export interface TestModel {
  nodes: TestNode[];
  tensors: TestTensor[];
  input: { name: string; dims: readonly number[] }[];
  output: { name: string; dims: readonly number[] }[];
  sizes: Record<string, readonly number[]>;
}

/** Writes a model as an ESP-DL file. */
export function writeEspdl({ nodes, tensors, input, output, sizes }: TestModel): Uint8Array {
  const describe = ({ name, dims }: { name: string; dims: readonly number[] }): Table => {
    const dim = dims.map((size): Table => ({ 0: { table: { 0: { int32: 1 }, 1: { int64: size } } } }));
    return { 0: { text: name }, 1: { table: { 1: { table: { 1: { table: { 0: { tables: dim } } } } } } } };
  };
  const between = Object.entries(sizes).map(([name, dims]) => describe({ name, dims }));
  return wrapEspdl(
    writeFlatBuffer({
      0: { int32: 7 },
      7: {
        table: {
          0: { tables: nodes.map(describeNode) },
          1: { text: 'test' },
          2: { tables: tensors.map(describeTensor) },
          4: { tables: input.map(describe) },
          5: { tables: output.map(describe) },
          6: { tables: between },
        },
      },
    }),
  );
}

function describeTensor({ name, dims, values, bits, exponents }: TestTensor): Table {
  const typed = bits === 8 ? Int8Array.from(values) : Int32Array.from(values);
  const bytes = new Uint8Array(typed.buffer);
  return {
    0: { int64s: dims },
    1: { int32: bits === 8 ? 3 : 6 },
    6: { text: name },
    8: { blocks: bytes, size: 16 },
    13: { int64s: exponents },
  };
}

function describeNode({ opType, input, output, attributes = {} }: TestNode): Table {
  return {
    0: { texts: input },
    1: { texts: output },
    3: { text: opType },
    5: {
      tables: Object.entries(attributes).map(([name, value]): Table => {
        if (typeof value === 'string') {
          return { 0: { text: name }, 3: { int32: 3 }, 6: { blocks: Buffer.from(value), size: 1 } };
        }
        if (typeof value !== 'number') return { 0: { text: name }, 3: { int32: 7 }, 11: { int64s: value } };
        if (name === 'alpha' || name === 'beta') return { 0: { text: name }, 3: { int32: 1 }, 4: { float32: value } };
        return { 0: { text: name }, 3: { int32: 2 }, 5: { int64: value } };
      }),
    },
  };
}

/** Sizes of the small model: an input of 6 x 6 x 3, 20 and 16 channels between, and 5 numbers as the result. */
export const TINY = { heightPx: 6, widthPx: 6, middle: 20, joined: 36, results: 5 } as const;

/** Makes a small model with each operator that is known. Its numbers of channels fill a block of 16 or not. */
export function tinyEspdl(): TestModel {
  const { heightPx, widthPx, middle, joined, results } = TINY;
  const next = seedRandom(3);
  const tensors: TestTensor[] = [];
  const weights = (name: string, dims: number[], exponent: number, bits: 8 | 32 = 8): string => {
    const count = dims.reduce((product, size) => product * size, 1);
    const most = bits === 8 ? 100 : 1000;
    const values = Array.from({ length: count }, () => Math.round((next() * 2 - 1) * most));
    tensors.push({ name, dims, values, bits, exponents: [exponent] });
    return name;
  };
  const nodes: TestNode[] = [];
  const add = (
    opType: string,
    input: string[],
    output: string,
    attributes: NonNullable<TestNode['attributes']> = {},
  ): string => {
    nodes.push({ opType, input, output: [output], attributes: { ...attributes, quant_type: 'S8' } });
    return output;
  };
  const conv = (input: string, output: string, dims: [number, number, number, number], stride: number): string => {
    const isPerChannel = dims[3] === 1;
    const channels = isPerChannel ? dims[2] : dims[3];
    const pad = dims[0] === 3 ? 1 : 0;
    return add(
      'Conv',
      [input, weights(`${output}.weight`, dims, -7), weights(`${output}.bias`, [channels], -9, 32)],
      output,
      {
        activation: 'Linear',
        group: isPerChannel ? channels : 1,
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
        dilations: [1, 1],
        kernel_shape: [dims[0], dims[1]],
      },
    );
  };
  // With the exponent -6 some slopes are above 1, with -7 none is.
  const prelu = (input: string, output: string, channels: number, exponent = -6): string =>
    add('PRelu', [input, weights(`${output}.slope`, [channels, 1, 1], exponent)], output);
  const first = prelu(conv('picture', 'stem', [3, 3, 3, middle], 2), 'stem.out', middle);
  const second = prelu(conv(first, 'depth', [3, 3, middle, 1], 1), 'depth.out', middle);
  const point = conv(second, 'point', [1, 1, middle, middle], 1);
  const sum = add('Add', [point, conv(point, 'again', [1, 1, middle, middle], 1)], 'sum');
  const side = prelu(conv(second, 'side', [1, 1, middle, 16], 1), 'side.out', 16, -7);
  const both = add('Concat', [sum, side], 'both', { axis: 3 });
  const flat = add('Flatten', [add('Transpose', [both], 'moved', { perm: [0, 3, 1, 2] })], 'flat', { axis: 1 });
  const inputs = (heightPx / 2) * (widthPx / 2) * joined;
  add(
    'Gemm',
    [flat, weights('full.weight', [1, 1, inputs, results], -9), weights('full.bias', [results], -8, 32)],
    'result',
    { alpha: 1, beta: 1, transB: 0, activation: 'Linear' },
  );
  return {
    nodes,
    tensors,
    input: [{ name: 'picture', dims: [1, heightPx, widthPx, 3] }],
    output: [{ name: 'result', dims: [1, results] }],
    sizes: { both: [1, heightPx / 2, widthPx / 2, joined] },
  };
}
