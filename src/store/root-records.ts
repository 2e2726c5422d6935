// The roots of the records: one of each space over its records, and the top root over all roots, key records and the check record.
import { AppError } from '../errors.js';
import { parseUid, UID_BYTES } from './key-records.js';
import { seal, unseal, type RandomBytes, type SealingKey } from './sealing.js';
import { decodeSet, encodeSet, SET_VALUE_BYTES, type SetValue } from './set-hash.js';

/** The place of the top root is the prefix alone. It sorts before the roots of the spaces. */
export const ROOT_PREFIX = Buffer.from('r');
export const TOP_PLACE = ROOT_PREFIX;

/** What the audit log does not know yet of the roots; an entry about it clears it. */
export const PENDING = {
  /** A database without roots, of an earlier version, has got them. */
  adopted: 1,
  /** The operator accepted records that did not add up, or an older database. */
  accepted: 2,
  /** A new database was made although the counter outside knew another one. */
  replaced: 4,
} as const;

export interface TopRoot {
  /** STORE_ID_BYTES; random, one for each database. */
  readonly id: Buffer;
  /** Rises by one with each batch that changes a record. */
  readonly version: number;
  readonly set: SetValue;
  /** Sum of values of PENDING. */
  readonly pending: number;
}

const STORE_ID_BYTES = 16;
const TOP_BYTES = STORE_ID_BYTES + 8 + 1 + SET_VALUE_BYTES;

export function newStoreId(randomBytes: RandomBytes): Buffer {
  return randomBytes(STORE_ID_BYTES);
}

/** Returns the place of the root of a space. */
export function rootPlace(uid: Buffer): Buffer {
  return Buffer.concat([ROOT_PREFIX, uid]);
}

/** Returns the uid in the place of a space's root; undefined for the place of the top root. */
export function parseRootUid(place: Buffer): Buffer | undefined {
  return place.length === 1 + UID_BYTES ? parseUid(place) : undefined;
}

/** Seals the root of a space under its data key. */
export function sealSpaceRoot(dataKey: SealingKey, uid: Buffer, set: SetValue, randomBytes: RandomBytes): Buffer {
  return seal(dataKey, rootPlace(uid), encodeSet(set), randomBytes);
}

/** Opens the root of a space. @throws AppError STORE_CORRUPT */
export function unsealSpaceRoot(dataKey: SealingKey, uid: Buffer, sealed: Buffer): SetValue {
  const plain = unseal(dataKey, rootPlace(uid), sealed);
  if (plain.length !== SET_VALUE_BYTES) throw new AppError('STORE_CORRUPT', 'a root has an unknown form');
  return decodeSet(plain);
}

/** Seals the top root under the master key. */
export function sealTopRoot(
  master: SealingKey,
  { id, version, set, pending }: TopRoot,
  randomBytes: RandomBytes,
): Buffer {
  const numbers = Buffer.alloc(9);
  numbers.writeBigUInt64BE(BigInt(version));
  numbers.writeUInt8(pending, 8);
  return seal(master, TOP_PLACE, Buffer.concat([id, numbers, encodeSet(set)]), randomBytes);
}

/** Opens the top root. @throws AppError STORE_CORRUPT */
export function unsealTopRoot(master: SealingKey, sealed: Buffer): TopRoot {
  const plain = unseal(master, TOP_PLACE, sealed);
  if (plain.length !== TOP_BYTES) throw new AppError('STORE_CORRUPT', 'the top root has an unknown form');
  return {
    id: plain.subarray(0, STORE_ID_BYTES),
    version: Number(plain.readBigUInt64BE(STORE_ID_BYTES)),
    pending: plain.readUInt8(STORE_ID_BYTES + 8),
    set: decodeSet(plain.subarray(STORE_ID_BYTES + 9)),
  };
}
