// Constant tensors of an ONNX model as typed arrays, and back.
import { AppError } from '../../../errors.js';
import { DATA_TYPE, type OnnxTensor } from './onnx-model.js';

/** A copy, row-major. @throws AppError MODEL_INVALID for another type, or data of another length than the shape says */
export function floatsOf(tensor: OnnxTensor): Float32Array {
  if (tensor.dataType !== DATA_TYPE.float) throw wrongType(tensor, 'float');
  return counted(
    tensor,
    tensor.rawData ? new Float32Array(aligned(tensor.rawData)) : Float32Array.from(tensor.floatData),
  );
}

/** @throws AppError MODEL_INVALID for another type, or data of another length than the shape says */
export function integersOf(tensor: OnnxTensor): number[] {
  if (tensor.dataType === DATA_TYPE.int64) {
    const values = tensor.rawData ? new BigInt64Array(aligned(tensor.rawData)) : tensor.int64Data;
    return [...counted(tensor, values)].map(Number);
  }
  if (tensor.dataType === DATA_TYPE.int32) {
    return [...counted(tensor, tensor.rawData ? new Int32Array(aligned(tensor.rawData)) : tensor.int32Data)];
  }
  throw wrongType(tensor, 'integer');
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** The array's kind says the tensor's type. `data` is shared, not copied. */
export function constantTensor(
  name: string,
  dims: readonly number[],
  data: Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array,
): OnnxTensor {
  return {
    dims: [...dims],
    dataType: typeOf(data),
    floatData: [],
    int32Data: [],
    int64Data: [],
    name,
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function typeOf(data: ArrayBufferView): number {
  if (data instanceof Float32Array) return DATA_TYPE.float;
  if (data instanceof Int8Array) return DATA_TYPE.int8;
  if (data instanceof Uint8Array) return DATA_TYPE.uint8;
  return data instanceof Int32Array ? DATA_TYPE.int32 : DATA_TYPE.int64;
}

/** Raw data lies at any offset of the file; typed arrays want their own. */
function aligned(raw: Uint8Array): ArrayBuffer {
  return Uint8Array.from(raw).buffer;
}

function counted<T extends { length: number }>(tensor: OnnxTensor, values: T): T {
  if (values.length !== elementCount(tensor.dims)) {
    throw new AppError(
      'MODEL_INVALID',
      `the tensor ${tensor.name} has ${values.length} values, not those of its shape`,
    );
  }
  return values;
}

function wrongType(tensor: OnnxTensor, wanted: string): AppError {
  return new AppError('MODEL_INVALID', `the tensor ${tensor.name} is of type ${tensor.dataType}, not ${wanted}`);
}
