// The content of a fleet record: one face with its place in the order of the enrolments, and the id under which the log has it.
import { createHmac } from 'node:crypto';
import type { CopiedFace } from '../gallery/copy-records.js';
import type { SourceFace } from '../gallery/group-copies.js';
import { AppError } from '../errors.js';
import type { CopiedRecord } from './group-copy.js';
import { FLEET_ID_BYTES } from './record-seal.js';

const SEQUENCE_BYTES = 8;

/**
 * Makes the id of a face in the log: HMAC-SHA256 of its faceId, cut to 16 bytes, in hexadecimal. Without the secret nobody can tell which face
 * a record is, and the authority finds it again without a table.
 * @param secret of the group, known to the authority alone
 */
export function makeRecordId(secret: Uint8Array, faceId: string): string {
  return createHmac('sha256', secret).update(faceId).digest().subarray(0, FLEET_ID_BYTES).toString('hex');
}

/** @returns sequence (8 bytes, big endian), then the face as the gallery stores it */
export function encodePayload({ sequence, record }: Pick<SourceFace, 'sequence' | 'record'>): Buffer {
  const payload = Buffer.alloc(SEQUENCE_BYTES + record.length);
  payload.writeBigUInt64BE(BigInt(sequence));
  record.copy(payload, SEQUENCE_BYTES);
  return payload;
}

/** @throws AppError FLEET_FORGED: the content is too short */
export function decodePayload({ id, digest, plain }: CopiedRecord): CopiedFace {
  if (plain.length <= SEQUENCE_BYTES) throw new AppError('FLEET_FORGED', 'a record of the fleet holds no face');
  const sequence = Number(plain.readBigUInt64BE());
  return { id, digest, sequence, record: plain.subarray(SEQUENCE_BYTES) };
}
