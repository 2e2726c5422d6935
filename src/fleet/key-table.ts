// The record keys of earlier epochs, wrapped under the present epoch key, per bucket: doors that joined later read old records with them.
import { AppError } from '../errors.js';
import { findPacked, isPacked } from './packed-table.js';
import { WRAPPED_KEY_BYTES } from './record-seal.js';

const VERSION = 1;
const HEADER_BYTES = 1 + 4;

/** The wrapped keys of one bucket. Nothing signs a table: each key opens for its record, group and epoch alone. */
export interface KeyTable {
  /** Epoch whose key opens the wrapped keys. */
  epoch: number;
  /** Returns the wrapped key of a record by its id in hexadecimal: WRAPPED_KEY_BYTES. */
  find(id: string): Buffer | undefined;
}

/**
 * Encodes a table.
 * @param keys id in hexadecimal and wrapped key of each record, in the order of the ids
 * @returns version (1 byte), epoch (4, big endian), then id (16) and wrapped key (60) of each record
 */
export function encodeKeyTable(epoch: number, keys: readonly (readonly [id: string, wrapped: Buffer])[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = VERSION;
  header.writeUInt32BE(epoch, 1);
  return Buffer.concat([header, ...keys.flatMap(([id, wrapped]) => [Buffer.from(id, 'hex'), wrapped])]);
}

/** Decodes the table of a bucket. @throws AppError FLEET_FORGED: the bytes are none */
export function decodeKeyTable(bucket: number, bytes: Buffer): KeyTable {
  const encoded = bytes.subarray(HEADER_BYTES);
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION || !isPacked(bucket, encoded, WRAPPED_KEY_BYTES)) {
    throw new AppError('FLEET_FORGED', 'a table of keys of the fleet has no known form');
  }
  return { epoch: bytes.readUInt32BE(1), find: (id) => findPacked(encoded, id, WRAPPED_KEY_BYTES) };
}
