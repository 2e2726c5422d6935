// The bytes of a stranger's face in the sealed store: what is listed, and apart from it the crop with the embedding.
import { endianness } from 'node:os';
import { z } from 'zod';
import { AppError } from '../errors.js';
import { binarySequenceKeys } from '../store/sequence-keys.js';

/** Of the spaces that hold such faces, one for each span of time. */
export const UNKNOWN_FACES_LABEL = 'unknown-faces';

/** What a listing shows of a kept face. */
export interface UnknownFaceInfo {
  /** UUID. */
  id: string;
  cameraId: string;
  trackId: number;
  /** Epoch, ms. */
  capturedAtMs: number;
  /** 0..1 */
  quality: number;
  modelVersion: string;
}

/** A face as the recogniser hands it over, and as it can be seen again. */
export interface UnknownFace extends Omit<UnknownFaceInfo, 'id'> {
  /** The aligned crop, 112 x 112, RGB interleaved, 8 bit. */
  crop: Uint8Array;
  /** L2-normalised. */
  embedding: Float32Array;
}

const infoSchema = z.strictObject({
  id: z.uuid(),
  cameraId: z.string(),
  trackId: z.number(),
  capturedAtMs: z.number(),
  quality: z.number(),
  modelVersion: z.string(),
});
const LENGTH_BYTES = 4;

/** Below the faces: when the space's span of time begins. */
export const SPAN_KEY = Buffer.from('a');
/** Keys of what is listed of each face. */
export const INFO_KEYS = binarySequenceKeys('i');
/** Keys of the crops with their embeddings. */
export const PICTURE_KEYS = binarySequenceKeys('p');

export function encodeInfo(info: UnknownFaceInfo): Buffer {
  return Buffer.from(JSON.stringify(info));
}

/** @returns undefined for what is no such record */
export function decodeInfo(value: Buffer): UnknownFaceInfo | undefined {
  try {
    return infoSchema.parse(JSON.parse(value.toString()));
  } catch {
    return undefined;
  }
}

/** The length of the crop (4 bytes), the crop, the floats; little endian throughout. */
export function encodePicture({ crop, embedding }: Pick<UnknownFace, 'crop' | 'embedding'>): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(crop.length);
  const floats = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return Buffer.concat([length, crop, littleEndian(floats)]);
}

/** @throws AppError STORE_CORRUPT */
export function decodePicture(value: Buffer): Pick<UnknownFace, 'crop' | 'embedding'> {
  const cropEnd = value.length < LENGTH_BYTES ? Infinity : LENGTH_BYTES + value.readUInt32LE();
  if (value.length < cropEnd || (value.length - cropEnd) % 4 !== 0) {
    throw new AppError('STORE_CORRUPT', 'a kept face has no known form');
  }
  const embedding = new Float32Array((value.length - cropEnd) / 4);
  Buffer.from(embedding.buffer).set(littleEndian(value.subarray(cropEnd)));
  return { crop: Uint8Array.from(value.subarray(LENGTH_BYTES, cropEnd)), embedding };
}

function littleEndian(floats: Buffer): Buffer {
  return endianness() === 'LE' ? floats : Buffer.from(floats).swap32();
}
