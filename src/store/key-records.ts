// The places of records in the database, and the key records: each holds the data key of one space.
import { AppError } from '../errors.js';
import { KEY_BYTES, KEY_ID_BYTES, seal, unseal, type RandomBytes, type SealingKey } from './sealing.js';

export const UID_BYTES = 8;
const CHECK_TEXT = 'lintel store 2';
/** Databases of Lintel 0.2 and before, which have no roots. */
const CHECK_TEXT_WITHOUT_ROOTS = 'lintel store 1';

/** Place of the check record, which the first start seals: only the right master key opens it. */
export const CHECK_PLACE = Buffer.from('c');
export const DATA_PREFIX = Buffer.from('d');
export const KEY_PREFIX = Buffer.from('k');

/** Key and label of a space, sealed by the master key. Without this record nothing of the space can be read again. */
export interface KeyRecord {
  label: string;
  dataKey: SealingKey;
}

/** Makes a random uid for a space: 8 bytes. */
export function newUid(randomBytes: RandomBytes): Buffer {
  return randomBytes(UID_BYTES);
}

/** Returns the place of the key record of a space. */
export function keyPlace(uid: Buffer): Buffer {
  return Buffer.concat([KEY_PREFIX, uid]);
}

/** Returns the prefix of the places of a space's data records. */
export function dataPrefix(uid: Buffer): Buffer {
  return Buffer.concat([DATA_PREFIX, uid]);
}

/** Returns the uid in the place of a key record or a data record. */
export function parseUid(place: Buffer): Buffer {
  return place.subarray(1, 1 + UID_BYTES);
}

/** Seals a key record under the master key. */
export function sealKeyRecord(master: SealingKey, uid: Buffer, record: KeyRecord, randomBytes: RandomBytes): Buffer {
  const plain = Buffer.concat([record.dataKey.id, record.dataKey.secret, Buffer.from(record.label)]);
  return seal(master, keyPlace(uid), plain, randomBytes);
}

/** Opens a key record. @throws AppError STORE_CORRUPT */
export function unsealKeyRecord(master: SealingKey, uid: Buffer, sealed: Buffer): KeyRecord {
  const plain = unseal(master, keyPlace(uid), sealed);
  const labelAt = KEY_ID_BYTES + KEY_BYTES;
  if (plain.length < labelAt) throw new AppError('STORE_CORRUPT', 'a key record is too short');
  return {
    dataKey: { id: plain.subarray(0, KEY_ID_BYTES), secret: plain.subarray(KEY_ID_BYTES, labelAt) },
    label: plain.toString('utf8', labelAt),
  };
}

/** Seals the check record under the master key. */
export function sealCheck(master: SealingKey, randomBytes: RandomBytes): Buffer {
  return seal(master, CHECK_PLACE, Buffer.from(CHECK_TEXT), randomBytes);
}

/** Opens the check record. @returns whether the database has roots (root-records.ts) @throws AppError STORE_CORRUPT */
export function unsealCheck(master: SealingKey, sealed: Buffer): { hasRoots: boolean } {
  const text = unseal(master, CHECK_PLACE, sealed).toString();
  if (text === CHECK_TEXT) return { hasRoots: true };
  if (text === CHECK_TEXT_WITHOUT_ROOTS) return { hasRoots: false };
  throw new AppError('STORE_CORRUPT', 'the data directory has an unknown form');
}
