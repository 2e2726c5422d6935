// One entry of the audit log as it is stored: numbered, dated, and chained to the entry before by that entry's hash.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { AuditAction, AuditEntry } from '../domain/audit.js';
import { canonicalJson } from '../platform/canonical-json.js';

export interface AuditRecord extends AuditEntry {
  /** Number of the entry: 1, 2, 3 and so on, without gaps. */
  sequence: number;
  /** Time of the write: ISO 8601, UTC, with milliseconds. */
  at: string;
  /** Hash of the entry before; 64 zeroes in the first entry. */
  previous: string;
  /** SHA-256 in hexadecimal over the canonical JSON (RFC 8785) of this entry without `hash`. */
  hash: string;
}

/** Number and hash of the newest entry. It is stored beside the entries, and shows when entries were cut off at the end. */
export interface AuditHead {
  sequence: number;
  hash: string;
}

/** Head of an empty log. */
export const GENESIS: AuditHead = { sequence: 0, hash: '0'.repeat(64) };

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const auditRecordSchema = z.strictObject({
  sequence: z.int().min(1),
  at: z.iso.datetime(),
  // A later version of Lintel may know more actions: the pattern accepts them.
  action: z.custom<AuditAction>((value) => typeof value === 'string' && /^[a-z.-]{1,64}$/.test(value)),
  actor: z.string(),
  subject: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  previous: sha256Hex,
  hash: sha256Hex,
});
export const auditHeadSchema = z.strictObject({ sequence: z.int().min(0), hash: sha256Hex });

/**
 * Makes the record that follows `head`.
 * @param at time of the write, as in AuditRecord
 * @throws TypeError for an entry without canonical JSON, such as a number that is not finite
 */
export function chainEntry(head: AuditHead, { action, actor, subject }: AuditEntry, at: string): AuditRecord {
  const record = { sequence: head.sequence + 1, at, action, actor, subject, previous: head.hash };
  return { ...record, hash: hashRecord(record) };
}

/**
 * Computes the hash that a record must have. A `hash` in it is left out of the computation.
 * @throws TypeError for a record without canonical JSON, such as one with a lone surrogate in a string
 */
export function hashRecord(record: Omit<AuditRecord, 'hash'> & { hash?: string }): string {
  const { sequence, at, action, actor, subject, previous } = record;
  const content = canonicalJson({ sequence, at, action, actor, subject, previous });
  return createHash('sha256').update(content).digest('hex');
}
