// The bytes of a face and of a group in the sealed store.
import { endianness } from 'node:os';
import { AppError } from '../errors.js';
import { binarySequenceKeys } from '../store/sequence-keys.js';
import type { EnrolledFace } from './gallery.types.js';

const VERSION = 1;
const MAX_TEXT_BYTES = 255;
/** Version (1), dimensions (2), then x0, y0, x1, y1, detectionScore in float64. */
const HEADER_BYTES = 3 + 5 * 8;

/** Below all face keys. */
export const GROUP_KEY = Buffer.from('a');
/** Keys of the faces, in the order of their enrolment. */
export const FACE_KEYS = binarySequenceKeys('f');

/** What is stored of a group, beside its faces. */
export interface GroupRecord {
  owner: string;
  groupId: string;
  modelVersion: string;
  createdAtMs: number;
}

/** Header, three texts (length in one byte, then Latin-1; none is length 0), the floats. Little endian throughout. */
export function encodeFace(face: EnrolledFace, embedding: Float32Array): Buffer {
  const { x0, y0, x1, y1 } = face.bbox;
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = VERSION;
  header.writeUInt16LE(embedding.length, 1);
  [x0, y0, x1, y1, face.detectionScore].forEach((value, i) => header.writeDoubleLE(value, 3 + i * 8));
  const texts = [face.faceId, face.imageId, face.externalImageId ?? ''].map(encodeText);
  const floats = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return Buffer.concat([header, ...texts, littleEndian(floats)]);
}

export interface DecodedFace {
  face: EnrolledFace;
  embedding: Float32Array;
}

/**
 * @param scratch takes the embedding where it has its length, so that a start with many faces makes no array for each
 * @throws AppError STORE_CORRUPT
 */
export function decodeFace(record: Buffer, scratch?: Float32Array): DecodedFace {
  if (record.length < HEADER_BYTES || record[0] !== VERSION) throw unknownForm('face');
  const dimensions = record.readUInt16LE(1);
  const number = (i: number): number => record.readDoubleLE(3 + i * 8);
  let at = HEADER_BYTES;
  const text = (): string => {
    const end = at + 1 + record[at];
    const value = record.toString('latin1', at + 1, end);
    at = end;
    return value;
  };
  const faceId = text();
  const imageId = text();
  const externalImageId = text();
  if (record.length !== at + dimensions * 4) throw unknownForm('face');
  const embedding = scratch?.length === dimensions ? scratch : new Float32Array(dimensions);
  Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength).set(littleEndian(record.subarray(at)));
  const face: EnrolledFace = {
    faceId,
    imageId,
    bbox: { x0: number(0), y0: number(1), x1: number(2), y1: number(3) },
    detectionScore: number(4),
  };
  if (externalImageId !== '') face.externalImageId = externalImageId;
  return { face, embedding };
}

export function encodeGroup(group: GroupRecord): Buffer {
  return Buffer.concat([Buffer.of(VERSION), Buffer.from(JSON.stringify(group))]);
}

/** @throws AppError STORE_CORRUPT */
export function decodeGroup(record: Buffer): GroupRecord {
  if (record[0] !== VERSION) throw unknownForm('group');
  try {
    // It is authenticated: what opens was written by encodeGroup.
    return JSON.parse(record.toString('utf8', 1)) as GroupRecord;
  } catch (cause) {
    throw unknownForm('group', cause);
  }
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length > MAX_TEXT_BYTES || bytes.toString('latin1') !== text) {
    throw new TypeError('an id that is not at most 255 characters of Latin-1');
  }
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function unknownForm(what: string, cause?: unknown): AppError {
  return new AppError('STORE_CORRUPT', `a ${what} record has no known form`, { cause });
}

function littleEndian(floats: Buffer): Buffer {
  return endianness() === 'LE' ? floats : Buffer.from(floats).swap32();
}
