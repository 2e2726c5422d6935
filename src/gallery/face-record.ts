// Encodes faces and groups for the sealed store.
import { endianness } from 'node:os';
import type { FaceCondition } from '../domain/condition.js';
import { AppError } from '../errors.js';
import { makeBinarySequenceKeys } from '../store/sequence-keys.js';
import type { EnrolledFace } from './gallery.types.js';

const GROUP_VERSION = 1;
const FACE_VERSION = 2;
/** Records of Lintel before conditions were measured: without the last two fields of the header. */
const FACE_VERSION_WITHOUT_CONDITION = 1;
const MAX_TEXT_BYTES = 255;
/**
 * Bytes of a face before the texts: version (1), dimensions (2), then x0, y0, x1, y1, detectionScore in float64; from version 2 on also the
 * condition (1) and the recognisability in float64.
 */
const HEADER_BYTES = 3 + 5 * 8 + 1 + 8;
const HEADER_BYTES_WITHOUT_CONDITION = 3 + 5 * 8;
const CONDITION_AT = HEADER_BYTES_WITHOUT_CONDITION;
/** Values of the condition's byte. */
const CONDITION = { unknown: 0, bare: 1, masked: 2 } as const;

/** Key of the group's own record; it sorts before all face keys. */
export const GROUP_KEY = Buffer.from('a');
/** Keys of the faces, in the order of their enrolment. */
export const FACE_KEYS = makeBinarySequenceKeys('f');
export const FACE_KEY_BYTES = 9;

/** A group as it is stored, without its faces. */
export interface GroupRecord {
  owner: string;
  groupId: string;
  modelVersion: string;
  createdAtMs: number;
}

/**
 * Encodes a face: header, three texts (length in one byte, then Latin-1; length 0 if there is none), floats of the embedding. All numbers
 * are little endian.
 */
export function encodeFace(face: EnrolledFace, embedding: Float32Array): Buffer {
  const { x0, y0, x1, y1 } = face.bbox;
  const { condition } = face;
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = FACE_VERSION;
  header.writeUInt16LE(embedding.length, 1);
  [x0, y0, x1, y1, face.detectionScore].forEach((value, i) => header.writeDoubleLE(value, 3 + i * 8));
  header[CONDITION_AT] = condition ? CONDITION[condition.masked ? 'masked' : 'bare'] : CONDITION.unknown;
  header.writeDoubleLE(condition?.recognisability ?? 0, CONDITION_AT + 1);
  const texts = [face.faceId, face.imageId, face.externalImageId ?? ''].map(encodeText);
  const floats = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return Buffer.concat([header, ...texts, littleEndian(floats)]);
}

export interface DecodedFace {
  face: EnrolledFace;
  embedding: Float32Array;
}

/**
 * Decodes a face of either version. Its condition is undefined where the record does not have it.
 * @param scratch array that the embedding is written into if it has the right length; a start with many faces reuses one array
 * @throws AppError STORE_CORRUPT
 */
export function decodeFace(record: Buffer, scratch?: Float32Array): DecodedFace {
  const hasCondition = record[0] === FACE_VERSION;
  if (!hasCondition && record[0] !== FACE_VERSION_WITHOUT_CONDITION) throw unknownFormat('face');
  let at = hasCondition ? HEADER_BYTES : HEADER_BYTES_WITHOUT_CONDITION;
  if (record.length < at) throw unknownFormat('face');
  const condition = hasCondition ? decodeCondition(record) : undefined;
  const dimensions = record.readUInt16LE(1);
  const number = (i: number): number => record.readDoubleLE(3 + i * 8);
  const text = (): string => {
    const end = at + 1 + (record[at] ?? 0);
    const value = record.toString('latin1', at + 1, end);
    at = end;
    return value;
  };
  const faceId = text();
  const imageId = text();
  const externalImageId = text();
  if (record.length !== at + dimensions * 4) throw unknownFormat('face');
  const embedding = scratch?.length === dimensions ? scratch : new Float32Array(dimensions);
  Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength).set(littleEndian(record.subarray(at)));
  const face: EnrolledFace = {
    faceId,
    imageId,
    bbox: { x0: number(0), y0: number(1), x1: number(2), y1: number(3) },
    detectionScore: number(4),
    ...(condition && { condition }),
  };
  if (externalImageId !== '') face.externalImageId = externalImageId;
  return { face, embedding };
}

function decodeCondition(record: Buffer): FaceCondition | undefined {
  const recognisability = record.readDoubleLE(CONDITION_AT + 1);
  switch (record[CONDITION_AT]) {
    case CONDITION.unknown:
      return undefined;
    case CONDITION.bare:
      return { recognisability, masked: false };
    case CONDITION.masked:
      return { recognisability, masked: true };
    default:
      throw unknownFormat('face');
  }
}

/** Encodes a group: version (1 byte), then JSON. */
export function encodeGroup(group: GroupRecord): Buffer {
  return Buffer.concat([Buffer.of(GROUP_VERSION), Buffer.from(JSON.stringify(group))]);
}

/** Decodes a group. @throws AppError STORE_CORRUPT */
export function decodeGroup(record: Buffer): GroupRecord {
  if (record[0] !== GROUP_VERSION) throw unknownFormat('group');
  try {
    // In the store the record is authenticated: only encodeGroup can have written it. Those of a backup are checked after this.
    return JSON.parse(record.toString('utf8', 1)) as GroupRecord;
  } catch (cause) {
    throw unknownFormat('group', cause);
  }
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length > MAX_TEXT_BYTES || bytes.toString('latin1') !== text) {
    throw new TypeError('an id must have at most 255 characters, all of them in Latin-1');
  }
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function unknownFormat(what: string, cause?: unknown): AppError {
  return new AppError('STORE_CORRUPT', `a ${what} record has an unknown format`, { cause });
}

function littleEndian(floats: Buffer): Buffer {
  return endianness() === 'LE' ? floats : Buffer.from(floats).swap32();
}
