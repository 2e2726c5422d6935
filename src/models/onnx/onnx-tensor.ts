// Constant tensors of an ONNX model as typed arrays, and typed arrays as constant tensors.
import { AppError } from '../../errors.js';
import { DATA_TYPE, type OnnxTensor } from './onnx-model.js';

/**
 * Reads the values of a float tensor.
 * @returns a copy, in row-major order
 * @throws AppError MODEL_INVALID for a tensor of another type, or with another number of values than its shape says
 */
export function readFloats(tensor: OnnxTensor): Float32Array {
  if (tensor.dataType !== DATA_TYPE.float) throw wrongType(tensor, 'float');
  return checkCount(
    tensor,
    tensor.rawData ? new Float32Array(copyAligned(tensor.rawData)) : Float32Array.from(tensor.floatData),
  );
}

/**
 * Reads the values of an int32 or int64 tensor.
 * @returns a copy, in row-major order
 * @throws AppError MODEL_INVALID for a tensor of another type, or with another number of values than its shape says
 */
export function readIntegers(tensor: OnnxTensor): number[] {
  if (tensor.dataType === DATA_TYPE.int64) {
    const values = tensor.rawData ? new BigInt64Array(copyAligned(tensor.rawData)) : tensor.int64Data;
    return [...checkCount(tensor, values)].map(Number);
  }
  if (tensor.dataType === DATA_TYPE.int32) {
    return [...checkCount(tensor, tensor.rawData ? new Int32Array(copyAligned(tensor.rawData)) : tensor.int32Data)];
  }
  throw wrongType(tensor, 'integer');
}

export function countElements(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/**
 * Makes a constant tensor, whose type follows from the kind of the array.
 * @param dims the shape
 * @param data values in row-major order; the tensor shares their memory
 */
export function makeConstant(
  name: string,
  dims: readonly number[],
  data: Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array,
): OnnxTensor {
  return {
    dims: [...dims],
    dataType: findDataType(data),
    floatData: [],
    int32Data: [],
    int64Data: [],
    name,
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function findDataType(data: ArrayBufferView): number {
  if (data instanceof Float32Array) return DATA_TYPE.float;
  if (data instanceof Int8Array) return DATA_TYPE.int8;
  if (data instanceof Uint8Array) return DATA_TYPE.uint8;
  return data instanceof Int32Array ? DATA_TYPE.int32 : DATA_TYPE.int64;
}

/** Copies raw data, which can lie at any offset of the file, into a new buffer: typed arrays need an aligned buffer. */
function copyAligned(raw: Uint8Array): ArrayBuffer {
  return Uint8Array.from(raw).buffer;
}

function checkCount<T extends { length: number }>(tensor: OnnxTensor, values: T): T {
  const wanted = countElements(tensor.dims);
  if (values.length === wanted) return values;
  throw new AppError(
    'MODEL_INVALID',
    `the tensor ${tensor.name} has ${values.length} values, but its shape has ${wanted}`,
  );
}

function wrongType(tensor: OnnxTensor, wanted: string): AppError {
  return new AppError('MODEL_INVALID', `the tensor ${tensor.name} is of type ${tensor.dataType}, not ${wanted}`);
}
