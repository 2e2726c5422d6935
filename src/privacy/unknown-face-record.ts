// The records of a kept face in the sealed store: one with what a listing shows, and one with the crop and the embedding.
import { endianness } from 'node:os';
import * as z from 'zod';
import type { FaceCondition } from '../domain/condition.js';
import { AppError } from '../errors.js';
import { makeBinarySequenceKeys } from '../store/sequence-keys.js';

/** Label of the spaces with kept faces, one space for each span of time. */
export const UNKNOWN_FACES_LABEL = 'unknown-faces';

/** The part of a kept face that a listing shows. */
export interface UnknownFaceInfo {
  /** UUID. */
  id: string;
  cameraId: string;
  trackId: number;
  /** Epoch, ms. */
  capturedAtMs: number;
  /** 0..1 */
  quality: number;
  /** Absent where the embedder has no measure of it. */
  condition?: FaceCondition | undefined;
  modelVersion: string;
}

/** Face of an unknown person, as recognition hands it over and as it can be read again. */
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
  condition: z.strictObject({ recognisability: z.number(), masked: z.boolean() }).optional(),
  modelVersion: z.string(),
});
const LENGTH_BYTES = 4;

/** Key of the record with the start of the span of time. It sorts before the keys of the faces. */
export const SPAN_KEY = Buffer.from('a');
/** Keys of the records for the listing. */
export const INFO_KEYS = makeBinarySequenceKeys('i');
/** Keys of the records with crop and embedding. */
export const PICTURE_KEYS = makeBinarySequenceKeys('p');

/** Encodes a record for the listing as JSON. */
export function encodeInfo(info: UnknownFaceInfo): Buffer {
  return Buffer.from(JSON.stringify(info));
}

/** Decodes a record for the listing. @returns undefined when the bytes are not such a record */
export function decodeInfo(value: Buffer): UnknownFaceInfo | undefined {
  try {
    return infoSchema.parse(JSON.parse(value.toString()));
  } catch {
    return undefined;
  }
}

/** Writes the length of the crop (4 bytes), the crop, and the floats of the embedding; little endian throughout. */
export function encodePicture({ crop, embedding }: Pick<UnknownFace, 'crop' | 'embedding'>): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(crop.length);
  const floats = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return Buffer.concat([length, crop, littleEndian(floats)]);
}

/** Decodes what encodePicture wrote. @throws AppError STORE_CORRUPT */
export function decodePicture(value: Buffer): Pick<UnknownFace, 'crop' | 'embedding'> {
  const cropEnd = value.length < LENGTH_BYTES ? Infinity : LENGTH_BYTES + value.readUInt32LE();
  if (value.length < cropEnd || (value.length - cropEnd) % 4 !== 0) {
    throw new AppError('STORE_CORRUPT', 'the record of a kept face has an unknown format');
  }
  const embedding = new Float32Array((value.length - cropEnd) / 4);
  Buffer.from(embedding.buffer).set(littleEndian(value.subarray(cropEnd)));
  return { crop: Uint8Array.from(value.subarray(LENGTH_BYTES, cropEnd)), embedding };
}

function littleEndian(floats: Buffer): Buffer {
  return endianness() === 'LE' ? floats : Buffer.from(floats).swap32();
}
