// The order in which ESP-DL files hold the weights of convolutions, and the order that ONNX has.
import { AppError } from '../../errors.js';

/** Output channels that lie side by side in the file. */
const BLOCK_CHANNELS = 16;

/** Sizes of a convolution's weights. A convolution per channel has one input channel for each output channel. */
export interface WeightSizes {
  outputs: number;
  inputs: number;
  height: number;
  width: number;
}

/**
 * Turns weights from N16HWC16 (blocks of 16 output channels; in a block row, column, input channel, output channel) into the order of ONNX:
 * output channel, input channel, row, column. The last block is narrower where the number of channels is no multiple of 16.
 * @param data the values in the order of the file, and padding at the end
 * @throws AppError MODEL_INVALID where there are fewer values than the sizes need
 */
export function orderWeights(data: Int8Array, { outputs, inputs, height, width }: WeightSizes): Int8Array {
  const area = height * width;
  const count = outputs * inputs * area;
  if (data.length < count) {
    throw new AppError('MODEL_INVALID', `a convolution has ${data.length} weights, but its sizes need ${count}`);
  }
  const ordered = new Int8Array(count);
  let next = 0;
  for (let first = 0; first < outputs; first += BLOCK_CHANNELS) {
    const end = Math.min(first + BLOCK_CHANNELS, outputs);
    for (let place = 0; place < area; place++) {
      for (let input = 0; input < inputs; input++) {
        for (let output = first; output < end; output++) {
          ordered[(output * inputs + input) * area + place] = data[next++]!;
        }
      }
    }
  }
  return ordered;
}
