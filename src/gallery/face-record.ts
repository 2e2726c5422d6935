// Encodes faces and groups for the sealed store.
import { endianness } from 'node:os';
import type { FaceCondition } from '../domain/condition.js';
import { AppError } from '../errors.js';
import { makeBinarySequenceKeys } from '../store/sequence-keys.js';
import { decodeOrigin, decodeQuality, encodeOrigin, encodeQuality } from './enrolment-facts.js';
import type { CopyOrigin, EnrolledFace, EnrolmentFacts } from './gallery.types.js';

const GROUP_VERSION = 1;
const FACE_VERSION = 3;
const MAX_TEXT_BYTES = 255;
const CONDITION_AT = 3 + 5 * 8;
const FACTS_AT = CONDITION_AT + 1 + 8;
/**
 * Bytes of a face before the texts, by version. Version 1: the version (1), dimensions (2), then x0, y0, x1, y1, detectionScore in float64.
 * Version 2 also: the condition (1) and the recognisability in float64. Version 3 also: the time of the enrolment in milliseconds (6; 0: not
 * known), the quality in steps of 0.0001 (2; 65535: not measured) and the origin (1; 0: not known).
 */
const HEADER_BYTES: Readonly<Record<number, number>> = { 1: CONDITION_AT, 2: FACTS_AT, 3: FACTS_AT + 6 + 2 + 1 };
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
  /** Absent for a group of this device alone. */
  copyOf?: CopyOrigin;
  /** Id of the group that this one follows under another model version; see successors.ts. */
  successorOf?: string;
}

/**
 * Encodes a face: header, three texts (length in one byte, then Latin-1; length 0 if there is none), floats of the embedding. All numbers
 * are little endian.
 */
export function encodeFace(face: EnrolledFace, embedding: Float32Array): Buffer {
  const { x0, y0, x1, y1 } = face.bbox;
  const { condition } = face;
  const header = Buffer.alloc(HEADER_BYTES[FACE_VERSION]!);
  header[0] = FACE_VERSION;
  header.writeUInt16LE(embedding.length, 1);
  [x0, y0, x1, y1, face.detectionScore].forEach((value, i) => header.writeDoubleLE(value, 3 + i * 8));
  header[CONDITION_AT] = condition ? CONDITION[condition.masked ? 'masked' : 'bare'] : CONDITION.unknown;
  header.writeDoubleLE(condition?.recognisability ?? 0, CONDITION_AT + 1);
  header.writeUIntLE(face.enrolledAtMs ?? 0, FACTS_AT, 6);
  header.writeUInt16LE(encodeQuality(face.quality), FACTS_AT + 6);
  header[FACTS_AT + 8] = encodeOrigin(face.origin);
  const texts = [face.faceId, face.imageId, face.externalImageId ?? ''].map(encodeText);
  const floats = Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return Buffer.concat([header, ...texts, littleEndian(floats)]);
}

export interface DecodedFace {
  face: EnrolledFace;
  embedding: Float32Array;
}

/**
 * Decodes a face of any version. Fields that the record does not have are undefined. The face of a record of version 1 or 2 becomes one of
 * version 3 when it is written again.
 * @param scratch array that the embedding is written into if it has the right length; a start with many faces reuses one array
 * @throws AppError STORE_CORRUPT
 */
export function decodeFace(record: Buffer, scratch?: Float32Array): DecodedFace {
  const version = record[0] ?? 0;
  const headerBytes = HEADER_BYTES[version];
  if (headerBytes === undefined || record.length < headerBytes) throw unknownFormat('face');
  let at = headerBytes;
  const condition = version >= 2 ? decodeCondition(record) : undefined;
  const facts = version >= 3 ? decodeFacts(record) : {};
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
    ...facts,
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

function decodeFacts(record: Buffer): EnrolmentFacts {
  const enrolledAtMs = record.readUIntLE(FACTS_AT, 6);
  const quality = decodeQuality(record.readUInt16LE(FACTS_AT + 6));
  try {
    const origin = decodeOrigin(record[FACTS_AT + 8]!);
    if (Number.isNaN(quality)) throw new TypeError('the bits are no quality');
    return {
      ...(enrolledAtMs > 0 && { enrolledAtMs }),
      ...(quality !== undefined && { quality }),
      ...(origin !== undefined && { origin }),
    };
  } catch (cause) {
    throw unknownFormat('face', cause);
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
