// Where the audit log lies in the sealed store, and how its space is read.
import { AppError } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';
import { auditHeadSchema, auditRecordSchema, type AuditHead, type AuditRecord } from './audit-record.js';

/** Of the store's one space that holds the log. */
export const AUDIT_LABEL = 'audit';

const ENTRY_PREFIX = 'e'.charCodeAt(0);
const SEQUENCE_BYTES = 8;

/** Above all entries. */
export const HEAD_KEY = Buffer.from('head');
/** What the service compares at its next start: see ServiceEntries. */
export const KNOWN_KEY = Buffer.from('known');
export const ENTRY_KEYS = { gte: Buffer.of(ENTRY_PREFIX), lt: Buffer.of(ENTRY_PREFIX + 1) };

/** Sorts as the numbers do. */
export function entryKey(sequence: number): Buffer {
  const key = Buffer.alloc(1 + SEQUENCE_BYTES);
  key[0] = ENTRY_PREFIX;
  key.writeBigUInt64BE(BigInt(sequence), 1);
  return key;
}

function sequenceOf(key: Buffer): number {
  return Number(key.readBigUInt64BE(1));
}

export function encodeRecord(record: AuditRecord | AuditHead): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** A place in the log: an entry, or a record there that does not open or is no entry. */
export type AuditItem = { kind: 'entry'; record: AuditRecord } | { kind: 'damaged'; sequence: number };

/** The log as it is read for a check: its entries in order, then its head, which is absent where it is lost or does not open. */
export type AuditLine = AuditItem | { kind: 'head'; head?: AuditHead };

/** @param range of ENTRY_KEYS @throws AppError STORE_UNAVAILABLE */
export async function* readItems(space: Space, range: Parameters<Space['entries']>[0]): AsyncGenerator<AuditItem> {
  const damaged: number[] = [];
  const onDamaged = (key: Buffer): void => void damaged.push(sequenceOf(key));
  for await (const [key, value] of space.entries(range, onDamaged)) {
    for (const sequence of damaged.splice(0)) yield { kind: 'damaged', sequence };
    yield itemOf(key, value);
  }
  for (const sequence of damaged) yield { kind: 'damaged', sequence };
}

/** @returns undefined where it is lost or does not open @throws AppError STORE_UNAVAILABLE */
export async function readHead(space: Space): Promise<AuditHead | undefined> {
  let value: Buffer | undefined;
  try {
    value = await space.get(HEAD_KEY);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'STORE_CORRUPT')) throw error;
  }
  return value && auditHeadSchema.safeParse(parsed(value)).data;
}

/** The whole log as it is at this moment, whatever is appended meanwhile. @throws AppError STORE_UNAVAILABLE */
export async function* readAuditLog(store: Pick<SealedStore, 'snapshot'>): AsyncGenerator<AuditLine> {
  const snapshot = await store.snapshot(AUDIT_LABEL);
  try {
    for (const space of snapshot.spaces) {
      yield* readItems(space, ENTRY_KEYS);
      const head = await readHead(space);
      yield { kind: 'head', ...(head === undefined ? {} : { head }) };
    }
  } finally {
    await snapshot.close();
  }
}

function itemOf(key: Buffer, value: Buffer): AuditItem {
  const record = auditRecordSchema.safeParse(parsed(value)).data;
  const sequence = sequenceOf(key);
  return record?.sequence === sequence ? { kind: 'entry', record } : { kind: 'damaged', sequence };
}

function parsed(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString());
  } catch {
    return undefined;
  }
}
