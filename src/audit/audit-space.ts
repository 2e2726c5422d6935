// The audit log's space in the sealed store: its keys, and the reading of its entries and its head.
import { AppError } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';
import { makeBinarySequenceKeys } from '../store/sequence-keys.js';
import { auditHeadSchema, auditRecordSchema, type AuditHead, type AuditRecord } from './audit-record.js';

/** Label of the one space that holds the log. */
export const AUDIT_LABEL = 'audit';

/** Keys of the entries. */
export const ENTRY_KEYS = makeBinarySequenceKeys('e');
/** Key of the head; it sorts behind all entries. */
export const HEAD_KEY = Buffer.from('head');
/** Key of the record that ServiceEntries compares at the next start. */
export const KNOWN_KEY = Buffer.from('known');

/** Encodes an entry or the head as JSON. */
export function encodeRecord(record: AuditRecord | AuditHead): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** One place in the log: an entry, or a record that cannot be opened or is not an entry. */
export type AuditItem = { kind: 'entry'; record: AuditRecord } | { kind: 'damaged'; sequence: number };

/**
 * One line of the log as it is read for a check: first the entries in order, then the head, then what the root of the log says. A lost or
 * damaged head is undefined; the root has a problem where the records do not add up.
 */
export type AuditLine =
  AuditItem | { kind: 'head'; head?: AuditHead | undefined } | { kind: 'root'; problem?: string | undefined };

/**
 * Reads entries in the order of the range.
 * @param range a part of ENTRY_KEYS.range
 * @throws AppError STORE_UNAVAILABLE
 */
export async function* readItems(space: Space, range: Parameters<Space['entries']>[0]): AsyncGenerator<AuditItem> {
  const damaged: number[] = [];
  const onDamaged = (key: Buffer): void => void damaged.push(ENTRY_KEYS.decode(key));
  for await (const [key, value] of space.entries(range, onDamaged)) {
    for (const sequence of damaged.splice(0)) yield { kind: 'damaged', sequence };
    yield parseItem(key, value);
  }
  for (const sequence of damaged) yield { kind: 'damaged', sequence };
}

/** Reads the head. @returns undefined for a head that is lost or damaged @throws AppError STORE_UNAVAILABLE */
export async function readHead(space: Space): Promise<AuditHead | undefined> {
  let value: Buffer | undefined;
  try {
    value = await space.get(HEAD_KEY);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'STORE_CORRUPT')) throw error;
  }
  return value && auditHeadSchema.safeParse(parseJson(value)).data;
}

/** Reads the whole log as it is at this moment; entries that are appended meanwhile do not appear. @throws AppError STORE_UNAVAILABLE */
export async function* readAuditLog(store: Pick<SealedStore, 'snapshot'>): AsyncGenerator<AuditLine> {
  const snapshot = await store.snapshot(AUDIT_LABEL);
  try {
    for (const space of snapshot.spaces) {
      yield* readItems(space, ENTRY_KEYS.range);
      yield { kind: 'head', head: await readHead(space) };
      yield { kind: 'root', problem: await space.findProblem() };
    }
  } finally {
    await snapshot.close();
  }
}

function parseItem(key: Buffer, value: Buffer): AuditItem {
  const record = auditRecordSchema.safeParse(parseJson(value)).data;
  const sequence = ENTRY_KEYS.decode(key);
  return record?.sequence === sequence ? { kind: 'entry', record } : { kind: 'damaged', sequence };
}

function parseJson(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString());
  } catch {
    return undefined;
  }
}
