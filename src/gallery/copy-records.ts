// The records of a copied group in the store beside its faces: the head that was applied last, and what the fleet calls each face.
import { AppError, describeError } from '../errors.js';
import type { Operation, Space } from '../store/sealed-store.js';
import { mustBeCondition, mustBeEmbedding } from './checks.js';
import { decodeFace, FACE_KEYS, type DecodedFace } from './face-record.js';

const ID_BYTES = 16;
const DIGEST_BYTES = 32;
const ENTRY_BYTES = 8 + DIGEST_BYTES;
/** Keys of what is known of a face of the fleet: this prefix and its id. They sort between the group's record and its faces. */
const ENTRY_PREFIX = Buffer.from('c');
const ENTRY_RANGE = { gte: ENTRY_PREFIX, lt: Buffer.from('d') };
/** Key of the head that was applied last. */
export const HEAD_KEY = Buffer.from('b');

/** One face of a version. */
export interface CopiedFace {
  /** Id of the record in the fleet, 32 hexadecimal digits. */
  id: string;
  /** SHA-256 of the record as the fleet has it. */
  digest: Buffer;
  /** Place in the order of the authority's enrolments. */
  sequence: number;
  /** The face as encodeFace made it. */
  record: Buffer;
}

/** A face whose record was decoded and checked. */
export interface CheckedFace extends CopiedFace, DecodedFace {}

/**
 * Decodes a face and checks it by itself.
 * @param dimensions of the group; undefined where it has no face yet @throws AppError STORE_CORRUPT, FLEET_FORGED
 */
export function checkCopiedFace(face: CopiedFace, dimensions: number | undefined): CheckedFace {
  const checked: CheckedFace = { ...face, ...decodeFace(face.record) };
  try {
    mustBeEmbedding(checked.embedding, dimensions ?? checked.embedding.length);
    mustBeCondition(checked.face.condition);
  } catch (cause) {
    throw makeUnfit(describeError(cause), cause);
  }
  return checked;
}

/** Makes the error for a version that does not fit the group. */
export function makeUnfit(reason: string, cause?: unknown): AppError {
  return new AppError('FLEET_FORGED', `a version of the fleet does not fit the group: ${reason}`, { cause });
}

/** Describes the writing of a face and of what the fleet calls it. */
export function putCopied(space: Space, { id, digest, sequence, record }: CopiedFace): Operation[] {
  const entry = Buffer.alloc(ENTRY_BYTES);
  entry.writeBigUInt64BE(BigInt(sequence));
  digest.copy(entry, 8);
  return [space.put(FACE_KEYS.encode(sequence), record), space.put(encodeEntryKey(id), entry)];
}

/** Describes the deletion of what the fleet calls a face. */
export function deleteEntry(space: Space, id: string): Operation {
  return space.delete(encodeEntryKey(id));
}

/** Yields what the fleet calls each face of a copy. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
export async function* readEntries(space: Space): AsyncGenerator<Pick<CopiedFace, 'id' | 'digest' | 'sequence'>> {
  for await (const [key, value] of space.entries(ENTRY_RANGE)) {
    if (key.length !== 1 + ID_BYTES || value.length !== ENTRY_BYTES) {
      throw new AppError('STORE_CORRUPT', 'a record of a copied face has an unknown format');
    }
    const sequence = Number(value.readBigUInt64BE(0));
    yield { id: key.toString('hex', 1), sequence, digest: Buffer.from(value.subarray(8)) };
  }
}

function encodeEntryKey(id: string): Buffer {
  return Buffer.concat([ENTRY_PREFIX, Buffer.from(id, 'hex')]);
}
