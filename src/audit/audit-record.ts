// One entry of the audit log as it is kept: numbered, timed, and chained to the one before by its hash.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { AuditAction, AuditEntry } from '../domain/audit.js';

export interface AuditRecord extends AuditEntry {
  /** From 1, without gaps. */
  sequence: number;
  /** ISO 8601, UTC, with milliseconds: when it was written. */
  at: string;
  /** The hash of the entry before; 64 zeroes in the first. */
  previous: string;
  /** SHA-256, in hexadecimal, over the canonical JSON of this entry without `hash`. */
  hash: string;
}

/** The newest entry, kept beside the entries: without it, entries cut off at the end would not be missed. */
export interface AuditHead {
  sequence: number;
  hash: string;
}

/** Before the first entry. */
export const GENESIS: AuditHead = { sequence: 0, hash: '0'.repeat(64) };

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const auditRecordSchema = z.strictObject({
  sequence: z.int().min(1),
  at: z.iso.datetime(),
  // A later version's actions are entries as well.
  action: z.custom<AuditAction>((value) => typeof value === 'string' && /^[a-z.-]{1,64}$/.test(value)),
  actor: z.string(),
  subject: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  previous: sha256Hex,
  hash: sha256Hex,
});
export const auditHeadSchema = z.strictObject({ sequence: z.int().min(0), hash: sha256Hex });

/** The entry behind `head`. */
export function chained(head: AuditHead, { action, actor, subject }: AuditEntry, at: string): AuditRecord {
  const record = { sequence: head.sequence + 1, at, action, actor, subject, previous: head.hash };
  return { ...record, hash: hashOf(record) };
}

/** @param record its own `hash` does not count */
export function hashOf(record: Omit<AuditRecord, 'hash'> & { hash?: string }): string {
  const { sequence, at, action, actor, subject, previous } = record;
  const text = JSON.stringify;
  // As canonicalJson would write it, at half the cost: many enrolments wait for this.
  const content = `{"action":${text(action)},"actor":${text(actor)},"at":${text(at)},"previous":${text(previous)},"sequence":${sequence},"subject":${canonicalJson(subject)}}`;
  return createHash('sha256').update(content).digest('hex');
}

/** JSON without white space, the keys of every object in the order of their UTF-16 code units. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
  return `{${fields.join(',')}}`;
}
