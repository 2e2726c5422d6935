// An ONNX model as plain objects: the messages of onnx.proto that Lintel uses. All other fields of a file are kept unchanged.
import { decodeMessage, encodeMessage, type Field, type Kind, type Message, type MessageType } from './protobuf.js';

/** Element types: TensorProto.DataType of onnx.proto. */
export const DATA_TYPE = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
/** Attribute types: AttributeProto.AttributeType of onnx.proto. */
export const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const;

export interface OnnxTensor {
  dims: number[];
  dataType?: number;
  floatData: number[];
  int32Data: number[];
  int64Data: bigint[];
  name?: string;
  /** All values, little-endian and in row-major order; used in place of the lists above. */
  rawData?: Uint8Array;
}

export interface OnnxAttribute {
  name: string;
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: OnnxTensor;
  floats: number[];
  ints: bigint[];
  type?: number;
}

export interface OnnxNode {
  /** Names of tensors. An empty name stands for an optional input that is not given. */
  input: string[];
  output: string[];
  name?: string;
  opType: string;
  attribute: OnnxAttribute[];
  domain?: string;
}

export interface OnnxDimension {
  value?: number;
  /** Name of a size that is not fixed. */
  parameter?: string;
}

export interface OnnxValueInfo {
  name: string;
  type?: { tensorType?: { elemType?: number; shape?: { dim: OnnxDimension[] } } };
}

export interface OnnxGraph {
  node: OnnxNode[];
  name?: string;
  initializer: OnnxTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
  /** Shapes of the tensors between the layers; they are optional. */
  valueInfo: OnnxValueInfo[];
}

export interface OnnxModel {
  irVersion?: number;
  producerName?: string;
  producerVersion?: string;
  graph: OnnxGraph;
  opsetImport: { domain?: string; version: number }[];
}

const one = (number: number, kind: Kind): Field => ({ number, kind, repeated: false, packed: false });
const many = (number: number, kind: Kind, packed = false): Field => ({ number, kind, repeated: true, packed });

const tensor: MessageType = () => ({
  dims: many(1, 'int'),
  dataType: one(2, 'int'),
  floatData: many(4, 'float', true),
  int32Data: many(5, 'int', true),
  int64Data: many(7, 'int64', true),
  name: one(8, 'string'),
  rawData: one(9, 'bytes'),
});
const attribute: MessageType = () => ({
  name: one(1, 'string'),
  f: one(2, 'float'),
  i: one(3, 'int64'),
  s: one(4, 'bytes'),
  t: one(5, tensor),
  floats: many(7, 'float'),
  ints: many(8, 'int64'),
  type: one(20, 'int'),
});
const node: MessageType = () => ({
  input: many(1, 'string'),
  output: many(2, 'string'),
  name: one(3, 'string'),
  opType: one(4, 'string'),
  attribute: many(5, attribute),
  domain: one(7, 'string'),
});
const dimension: MessageType = () => ({ value: one(1, 'int'), parameter: one(2, 'string') });
const shape: MessageType = () => ({ dim: many(1, dimension) });
const tensorType: MessageType = () => ({ elemType: one(1, 'int'), shape: one(2, shape) });
const valueType: MessageType = () => ({ tensorType: one(1, tensorType) });
const valueInfo: MessageType = () => ({ name: one(1, 'string'), type: one(2, valueType) });
const graph: MessageType = () => ({
  node: many(1, node),
  name: one(2, 'string'),
  initializer: many(5, tensor),
  input: many(11, valueInfo),
  output: many(12, valueInfo),
  valueInfo: many(13, valueInfo),
});
const operatorSet: MessageType = () => ({ domain: one(1, 'string'), version: one(2, 'int') });
const model: MessageType = () => ({
  irVersion: one(1, 'int'),
  producerName: one(2, 'string'),
  producerVersion: one(3, 'string'),
  graph: one(7, graph),
  opsetImport: many(8, operatorSet),
});

/**
 * Reads an ONNX file.
 * @returns the model, whose raw data and unknown fields share the memory of `bytes`
 * @throws AppError MODEL_INVALID where the bytes are no ONNX model or are cut off
 */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  const message = decodeMessage(model, bytes) as unknown as OnnxModel;
  // A file of another kind can look like a message of unknown fields alone.
  message.graph ??= { node: [], initializer: [], input: [], output: [], valueInfo: [] };
  return message;
}

/** Writes a model as protobuf's own libraries do: fields in the order of their numbers, unknown ones last. */
export function writeOnnx(onnx: OnnxModel): Uint8Array {
  return encodeMessage(model, onnx as unknown as Message);
}
