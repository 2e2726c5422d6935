// Seals the records of a fleet group: each under a random key of its own, and that key under the epoch key of the group.
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { AppError } from '../errors.js';

export const EPOCH_KEY_BYTES = 32;
/** Random; the name of a group or a record outside of the authority and the doors. */
export const FLEET_ID_BYTES = 16;

const VERSION = 1;
export const RECORD_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';
export const WRAPPED_KEY_BYTES = NONCE_BYTES + RECORD_KEY_BYTES + TAG_BYTES;
const HEADER_BYTES = 1 + 4;
/** Offset of the record itself, behind its wrapped key. */
const BODY_AT = HEADER_BYTES + WRAPPED_KEY_BYTES;
const LEAST_BYTES = BODY_AT + NONCE_BYTES + TAG_BYTES;

/** Place of a record in the fleet. It opens at no other place: in no other group, epoch or model version, and under no other id. */
export interface RecordPlace {
  /** FLEET_ID_BYTES. */
  group: Uint8Array;
  /** Number of the epoch key, from 1. */
  epoch: number;
  /** FLEET_ID_BYTES. */
  record: Uint8Array;
  modelVersion: string;
}

/**
 * Seals a record. The same arguments give the same bytes: the authority writes a record that a log has lost as it was, and its digest still fits.
 * @param keys the epoch key, and the record key: RECORD_KEY_BYTES, random, and used for this content alone, so that nonces may follow from it
 * @returns version (1 byte), epoch (4, big endian), the record key sealed by the epoch key (nonce 12, key 32, tag 16), then the record sealed
 *   by the record key (nonce 12, ciphertext, tag 16)
 */
export function sealRecord(
  { epochKey, recordKey }: { epochKey: Uint8Array; recordKey: Uint8Array },
  place: RecordPlace,
  plain: Uint8Array,
): Buffer {
  const wrapped = wrapKey({ epochKey, recordKey }, encodePlace('key', place));
  const data = encodePlace('record', place);
  return Buffer.concat([
    encodeHeader(place.epoch),
    wrapped,
    encrypt(recordKey, data, plain, makeNonce(recordKey, data)),
  ]);
}

/** Opens a record. @throws AppError FLEET_FORGED: it was not sealed for this place under this key, or was altered since */
export function openRecord(epochKey: Uint8Array, place: RecordPlace, sealed: Buffer): Buffer {
  mustFit(place, sealed);
  const recordKey = decrypt(epochKey, encodePlace('key', place), sealed.subarray(HEADER_BYTES, BODY_AT));
  return decrypt(recordKey, encodePlace('record', place), sealed.subarray(BODY_AT));
}

/**
 * Seals the key of a record under the key of a later epoch, for doors that do not have the key of its own epoch.
 * @param place place of the record, with the later epoch
 * @returns WRAPPED_KEY_BYTES: nonce (12), key (32), tag (16); the same arguments give the same bytes
 */
export function wrapRecordKey(keys: { epochKey: Uint8Array; recordKey: Uint8Array }, place: RecordPlace): Buffer {
  return wrapKey(keys, encodePlace('rewrap', place));
}

/**
 * Opens a record of an earlier epoch.
 * @param wrapped the record key as `wrapRecordKey` gave it, and the epoch that it is wrapped for with its key
 * @param place place of the record, with its own epoch @throws AppError FLEET_FORGED like `openRecord`
 */
export function openWrappedRecord(
  { epoch, epochKey, bytes }: { epoch: number; epochKey: Uint8Array; bytes: Buffer },
  place: RecordPlace,
  sealed: Buffer,
): Buffer {
  mustFit(place, sealed);
  if (bytes.length !== WRAPPED_KEY_BYTES) throw forged('a key of the fleet has no known form');
  const recordKey = decrypt(epochKey, encodePlace('rewrap', { ...place, epoch }), bytes);
  return decrypt(recordKey, encodePlace('record', place), sealed.subarray(BODY_AT));
}

/** Returns the epoch that a record names; the record is not checked. @throws AppError FLEET_FORGED: it is too short */
export function readRecordEpoch(sealed: Buffer): number {
  if (sealed.length < HEADER_BYTES) throw forged('a record of the fleet has no known form');
  return sealed.readUInt32BE(1);
}

function encodeHeader(epoch: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = VERSION;
  header.writeUInt32BE(epoch, 1);
  return header;
}

/** Encodes the additional data. All parts but the last one have a fixed length, so that no two places are encoded alike. */
function encodePlace(
  purpose: 'key' | 'record' | 'rewrap',
  { group, epoch, record, modelVersion }: RecordPlace,
): Buffer {
  if (group.length !== FLEET_ID_BYTES || record.length !== FLEET_ID_BYTES)
    throw new TypeError('an id of another length');
  const label = Buffer.from(`lintel-fleet/1/${purpose.padEnd(8)}`);
  return Buffer.concat([label, group, encodeHeader(epoch), record, Buffer.from(modelVersion)]);
}

function mustFit(place: RecordPlace, sealed: Buffer): void {
  if (sealed.length < LEAST_BYTES || sealed[0] !== VERSION) throw forged('a record of the fleet has no known form');
  if (readRecordEpoch(sealed) !== place.epoch) throw forged('a record of the fleet is of another epoch');
}

function wrapKey({ epochKey, recordKey }: { epochKey: Uint8Array; recordKey: Uint8Array }, data: Buffer): Buffer {
  if (recordKey.length !== RECORD_KEY_BYTES) throw new TypeError('a record key of another length');
  return encrypt(epochKey, data, recordKey, makeNonce(recordKey, data));
}

/** Makes a nonce of a random secret that is sealed, or seals, at this place alone; it tells nothing about the secret. */
function makeNonce(recordKey: Uint8Array, data: Buffer): Buffer {
  return createHmac('sha256', recordKey).update('lintel-fleet/1/nonce').update(data).digest().subarray(0, NONCE_BYTES);
}

function encrypt(key: Uint8Array, data: Buffer, plain: Uint8Array, nonce: Buffer): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(data);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, place: Buffer, sealed: Buffer): Buffer {
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(place);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, tagAt));
  try {
    decipher.final();
  } catch (cause) {
    throw forged('a record of the fleet does not open: it was altered, or belongs elsewhere', cause);
  }
  return plain;
}

function forged(message: string, cause?: unknown): AppError {
  return new AppError('FLEET_FORGED', message, { cause });
}
