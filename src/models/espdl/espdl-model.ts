// An ESP-DL model file (.espdl) as plain objects: a 16-byte header and a FlatBuffer whose tables resemble the messages of ONNX.
import { AppError } from '../../errors.js';
import { FlatTable } from './flat-buffer.js';

const MAGIC = 'EDL2';
const HEADER_BYTES = 16;
/** Raw data are a vector of blocks of this size, so that they lie aligned in the file. */
const BLOCK_BYTES = 16;

/** Numbers of the fields in the tables, in the order of Espressif's schema. */
const FIELDS = {
  model: { graph: 7 },
  graph: { node: 0, initializer: 2, input: 4, output: 5, valueInfo: 6 },
  node: { input: 0, output: 1, opType: 3, attribute: 5 },
  attribute: { name: 0, type: 3, f: 4, i: 5, s: 6, ints: 11 },
  tensor: { dims: 0, dataType: 1, name: 6, docString: 7, rawData: 8, exponents: 13 },
  // A union takes two fields: the kind of its value, and the value.
  valueInfo: { name: 0, type: 1 },
  type: { value: 1 },
  tensorType: { shape: 1 },
  shape: { dim: 0 },
  dimension: { value: 0 },
  dimensionValue: { value: 1 },
} as const;

/** Element types of tensors; the numbers of this file format differ from those of ONNX. */
export const ESPDL_TYPE = { int8: 3, int32: 6 } as const;

export interface EspdlTensor {
  name: string;
  /** Sizes in the order of the file: height, width, input channels, output channels for a convolution's weights. */
  dims: number[];
  dataType: number;
  /** Words about the order of the values, such as `layout ==> N16HWC16`. */
  layout: string;
  /** Little-endian values, padded to a multiple of 16 bytes; they share the memory of the file. */
  rawData: Uint8Array;
  /** value = integer * 2 ** exponent: one exponent for the tensor. */
  exponents: number[];
}

export interface EspdlNode {
  opType: string;
  input: string[];
  output: string[];
  /** Attributes by name: a number, a list of whole numbers, or a word. */
  attributes: ReadonlyMap<string, number | number[] | string>;
}

/** A tensor that is computed, with its sizes: batch, height, width, channels. */
export interface EspdlValue {
  name: string;
  dims: number[];
}

export interface EspdlGraph {
  node: EspdlNode[];
  initializer: EspdlTensor[];
  input: EspdlValue[];
  output: EspdlValue[];
  /** Sizes of the tensors between the layers. */
  valueInfo: EspdlValue[];
}

/** Attribute types, as in ONNX. */
const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;

/**
 * Reads an ESP-DL file.
 * @returns the graph, whose raw data share the memory of `bytes`
 * @throws AppError MODEL_INVALID where the bytes are no such file, are encrypted, cut off or damaged
 */
export function readEspdl(bytes: Uint8Array): EspdlGraph {
  const graph = FlatTable.open(readContent(bytes)).table(FIELDS.model.graph);
  if (!graph) throw new AppError('MODEL_INVALID', 'the ESP-DL model has no graph');
  const { node, initializer, input, output, valueInfo } = FIELDS.graph;
  return {
    node: graph.tables(node).map(readNode),
    initializer: graph.tables(initializer).map(readTensor),
    input: graph.tables(input).map(readValue),
    output: graph.tables(output).map(readValue),
    valueInfo: graph.tables(valueInfo).map(readValue),
  };
}

/** Checks the header: the letters EDL2, whether the content is encrypted, its size, and four bytes of padding. */
function readContent(bytes: Uint8Array): Uint8Array {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEADER_BYTES));
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, 4) !== MAGIC) {
    throw new AppError('MODEL_INVALID', `the file is no ESP-DL model: it does not begin with ${MAGIC}`);
  }
  if (header.readUInt32LE(4) !== 0) throw new AppError('MODEL_INVALID', 'the ESP-DL model is encrypted');
  const size = header.readUInt32LE(8);
  const content = bytes.subarray(HEADER_BYTES);
  if (size !== content.length) {
    const sizes = `its header says ${size} bytes of content, and the file has ${content.length}`;
    throw new AppError('MODEL_INVALID', `the ESP-DL model is cut off or too long: ${sizes}`);
  }
  return content;
}

function readNode(table: FlatTable): EspdlNode {
  const { input, output, opType, attribute } = FIELDS.node;
  return {
    opType: table.string(opType),
    input: table.strings(input),
    output: table.strings(output),
    attributes: new Map(
      table.tables(attribute).map((one) => [one.string(FIELDS.attribute.name), readAttribute(one)] as const),
    ),
  };
}

function readAttribute(table: FlatTable): number | number[] | string {
  const { name, type, f, i, s, ints } = FIELDS.attribute;
  const kind = table.int32(type);
  if (kind === ATTRIBUTE.float) return table.float32(f);
  if (kind === ATTRIBUTE.int) return table.int64(i);
  if (kind === ATTRIBUTE.string) return Buffer.from(table.bytes(s)).toString('utf8');
  if (kind === ATTRIBUTE.ints) return table.int64s(ints);
  throw new AppError('MODEL_INVALID', `the attribute ${table.string(name)} has the type ${kind}, which is not known`);
}

function readTensor(table: FlatTable): EspdlTensor {
  const { dims, dataType, name, docString, rawData, exponents } = FIELDS.tensor;
  return {
    name: table.string(name),
    dims: table.int64s(dims),
    dataType: table.int32(dataType),
    layout: table.string(docString),
    rawData: table.bytes(rawData, BLOCK_BYTES),
    exponents: table.int64s(exponents),
  };
}

function readValue(table: FlatTable): EspdlValue {
  const type = table.table(FIELDS.valueInfo.type)?.table(FIELDS.type.value);
  const dims = type?.table(FIELDS.tensorType.shape)?.tables(FIELDS.shape.dim) ?? [];
  return {
    name: table.string(FIELDS.valueInfo.name),
    dims: dims.map((one) => one.table(FIELDS.dimension.value)?.int64(FIELDS.dimensionValue.value) ?? 0),
  };
}
